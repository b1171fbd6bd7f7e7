// A row in the list of past broadcasts.
import type { PastBroadcast } from '../api/archive.ts';
import type { ThumbnailRenderer } from '../render/thumbnail-renderer.ts';
import { replayPath } from '../route/route.ts';
import { bytesText, durationText, viewersText } from '../text/measure-text.ts';
import { textAttributes } from '../text/person-text.ts';
import { minuteText, spokenDuration, utcText, zoneText } from '../text/time-text.ts';
import { Icon } from './icon.tsx';
import { Link } from './link.tsx';
import { LiveBadge } from './live-badge.tsx';
import { PastPortrait } from './past-portrait.tsx';

/** One past broadcast: a link to its replay, or a row that says that its recording has expired. */
export function PastRow({ broadcast, renderer }: { broadcast: PastBroadcast; renderer: ThumbnailRenderer | undefined }) {
  const content = <Content broadcast={broadcast} renderer={renderer} />;
  if (!broadcast.replayable) return <div className="past-row past-row-gone">{content}</div>;
  return (
    <Link to={replayPath(broadcast)} className="past-row">
      {content}
    </Link>
  );
}

function Content({ broadcast, renderer }: { broadcast: PastBroadcast; renderer: ThumbnailRenderer | undefined }) {
  const { stream, title, startedAt, durationMs, viewersMax, bytes, live, replayable, hasVoice } = broadcast;
  const began = new Date(startedAt);
  return (
    <>
      <PastPortrait stream={stream} renderer={renderer} />
      <span className="past-about">
        <span className="past-title" title={title} {...textAttributes(title)}>
          {title || stream}
        </span>
        <span className="past-facts">
          <span className="past-stream">{stream}</span>
          <span className="visually-hidden">, started at </span>
          <time dateTime={startedAt} title={utcText(began)}>
            {minuteText(began)} {zoneText(began)}
          </time>
          {live && <LiveBadge live text="Still live" />}
          {!replayable && <span className="badge">Expired</span>}
          {!hasVoice && <span className="badge">Without voice</span>}
        </span>
      </span>
      <span className="past-measures">
        <span className="fact past-viewers" title={`At most ${viewersText(viewersMax)} at once`}>
          <Icon name="viewers" />
          <span aria-hidden="true">{viewersMax.toLocaleString('en')}</span>
          <span className="visually-hidden">at most {viewersText(viewersMax)},</span>
        </span>
        <span className="past-bytes">{bytesText(bytes)}</span>
        <span className="past-duration">
          <span aria-hidden="true">{durationText(durationMs)}</span>
          <span className="visually-hidden">{spokenDuration(durationMs)}</span>
        </span>
      </span>
    </>
  );
}
