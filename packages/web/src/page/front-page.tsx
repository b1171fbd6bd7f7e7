// The live streams, each with its moving avatar, and the link to the studio.
import { useEffect, useState } from 'react';
import { mayModerate } from '../api/archive.ts';
import { useLiveStreams } from '../api/use-live-streams.ts';
import { Brand } from '../component/brand.tsx';
import { Icon } from '../component/icon.tsx';
import { Link } from '../component/link.tsx';
import { Notice } from '../component/notice.tsx';
import { StreamCard } from '../component/stream-card.tsx';
import { useThumbnailRenderer } from '../render/use-thumbnail-renderer.ts';
import '../style/front.css';

/** The front page. */
export default function FrontPage() {
  const { streams, problem } = useLiveStreams();
  const renderer = useThumbnailRenderer();
  const isModerator = useModerator();
  return (
    <div className="front">
      <header className="front-bar">
        <Brand />
        <nav className="front-nav" aria-label="Pages">
          {isModerator && (
            <Link to="/past" className="button button-quiet">
              <Icon name="history" />
              <span>Past broadcasts</span>
            </Link>
          )}
          <Link to="/studio" className="button button-primary">
            <Icon name="broadcast" />
            Go live
          </Link>
        </nav>
      </header>
      <main>
        <section className="hero">
          <h1>
            Live avatars, <em>light as wind.</em>
          </h1>
          <p>Only motion and voice are sent. Your own device draws every avatar, live and sharp on any screen.</p>
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
      <p className="empty-title">No one is live right now.</p>
      <p>All you need to go live is a microphone.</p>
      <Link to="/studio" className="button">
        Open the studio
      </Link>
    </div>
  );
}

/** Whether the visitor may see past broadcasts. */
function useModerator(): boolean {
  const [isModerator, setIsModerator] = useState(false);
  useEffect(() => {
    let stopped = false;
    void mayModerate().then((may) => {
      if (!stopped) setIsModerator(may);
    });
    return () => {
      stopped = true;
    };
  }, []);
  return isModerator;
}
