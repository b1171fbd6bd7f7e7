// Compares the data sent to one viewer with a video of the same show. The first is measured; the
// second is estimated and labelled so.
import type { AudienceSnapshot } from '../scale/scene.ts';
import { bitrateText, bytesText } from '../text/measure-text.ts';

/**
 * The bit rate of a 720p video at 30 frames a second, bits per second: the least that YouTube
 * recommends for a live stream (https://support.google.com/youtube/answer/2853702). For H.264 it
 * recommends 4 Mbit/s.
 */
const VIDEO_BITS_PER_SECOND = 3_000_000;

/** Both rates as bars, and the resulting totals. */
export function TrafficComparison({ audience, nowUnixMs }: { audience: AudienceSnapshot; nowUnixMs: number }) {
  const { bitsPerSecond, bytes, connected, begunUnixMs } = audience;
  const seconds = begunUnixMs === null ? 0 : (nowUnixMs - begunUnixMs) / 1000;
  const times = bitsPerSecond > 0 ? Math.round(VIDEO_BITS_PER_SECOND / bitsPerSecond) : undefined;
  const share = (100 * bitsPerSecond) / VIDEO_BITS_PER_SECOND;
  return (
    <section className="traffic" aria-labelledby="traffic">
      <h2 id="traffic">Sent to each viewer {times !== undefined && <span className="count">1/{times} of a video</span>}</h2>
      <dl>
        <div>
          <dt>This avatar and its voice</dt>
          <dd className="traffic-rate">{bitrateText(bitsPerSecond)}</dd>
          <span className="traffic-bar" style={{ width: `${Math.max(0.6, Math.min(100, share))}%` }} />
        </div>
        <div className="traffic-video">
          <dt>
            The same as 720p video <em className="estimated">estimated</em>
          </dt>
          <dd className="traffic-rate">{bitrateText(VIDEO_BITS_PER_SECOND)}</dd>
          <span className="traffic-bar" />
        </div>
      </dl>
      <p className="hint">
        So far, {bytesText(bytes)} went to {connected.toLocaleString('en')} viewers; as video it would be{' '}
        {bytesText((VIDEO_BITS_PER_SECOND / 8) * seconds * connected)} (estimated with 3 Mbit/s, the least that YouTube recommends for live
        720p30).
      </p>
    </section>
  );
}
