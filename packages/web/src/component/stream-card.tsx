// One live stream on the front page.
import type { LiveStream } from '../api/server.ts';
import type { ThumbnailRenderer } from '../render/thumbnail-renderer.ts';
import { watchPath } from '../route/route.ts';
import { bitrateText, viewersText } from '../text/measure-text.ts';
import { textAttributes } from '../text/person-text.ts';
import { Icon } from './icon.tsx';
import { Link } from './link.tsx';
import { LiveBadge } from './live-badge.tsx';
import { LiveThumbnail } from './live-thumbnail.tsx';

/** One live stream on the front page: its live avatar and a link to it. */
export function StreamCard({ live, renderer }: { live: LiveStream; renderer: ThumbnailRenderer | undefined }) {
  const { stream, title, viewers, bitsPerSecond } = live;
  return (
    <Link to={watchPath(stream)} className="card">
      <LiveThumbnail stream={stream} renderer={renderer} />
      <LiveBadge live />
      <span className="card-text">
        <span className="card-title" title={title} {...textAttributes(title)}>
          {title || stream}
        </span>
        <span className="card-facts">
          <span className="card-stream">{stream}</span>
          <span className="fact" title={viewersText(viewers)}>
            <Icon name="viewers" />
            <span aria-hidden="true">{viewers.toLocaleString('en')}</span>
            <span className="visually-hidden">{viewersText(viewers)}</span>
          </span>
          <span className="fact">{bitrateText(bitsPerSecond)}</span>
        </span>
      </span>
    </Link>
  );
}
