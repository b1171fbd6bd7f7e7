// What is live, each stream with its moving avatar, and the way to go live oneself.
import { useEffect, useState } from 'react';
import { useLiveStreams } from '../api/use-live-streams.ts';
import { Brand } from '../component/brand.tsx';
import { Icon } from '../component/icon.tsx';
import { Link } from '../component/link.tsx';
import { Notice } from '../component/notice.tsx';
import { StreamCard } from '../component/stream-card.tsx';
import { ThumbnailRenderer } from '../render/thumbnail-renderer.ts';
import '../style/front.css';

/** The front page. */
export default function FrontPage() {
  const { streams, problem } = useLiveStreams();
  const renderer = useThumbnailRenderer();
  return (
    <div className="front">
      <header className="front-bar">
        <Brand />
        <Link to="/studio" className="button button-primary">
          <Icon name="broadcast" />
          Go live
        </Link>
      </header>
      <main>
        <section className="hero">
          <h1>
            Live avatars, <em>light as wind.</em>
          </h1>
          <p>Only motion and voice travel. Every avatar here is moving now, drawn by your own device, sharp on any screen.</p>
        </section>
        {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
        <section aria-labelledby="live-now" aria-busy={streams === undefined}>
          <h2 id="live-now">Live now {streams !== undefined && streams.length > 0 && <span className="count">{streams.length}</span>}</h2>
          {streams?.length === 0 && <Empty />}
          <ul className="cards">
            {streams?.map((live) => (
              <li key={live.stream}>
                <StreamCard live={live} renderer={renderer} />
              </li>
            ))}
          </ul>
        </section>
      </main>
    </div>
  );
}

function Empty() {
  return (
    <div className="empty">
      <span className="gust" aria-hidden="true" />
      <p className="empty-title">It is still.</p>
      <p>Nobody is live at the moment. A microphone is all you need to begin.</p>
      <Link to="/studio" className="button">
        Open the studio
      </Link>
    </div>
  );
}

/** The renderer that all cards share; undefined at first, and where the browser has no WebGL 2. */
function useThumbnailRenderer(): ThumbnailRenderer | undefined {
  const [renderer, setRenderer] = useState<ThumbnailRenderer>();
  useEffect(() => {
    let made: ThumbnailRenderer;
    try {
      made = new ThumbnailRenderer();
    } catch {
      return;
    }
    setRenderer(made);
    return () => made.dispose();
  }, []);
  return renderer;
}
