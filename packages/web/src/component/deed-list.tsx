// What the visitor has done to the Redis, and what came of each deed until the next.
import type { Deed, ShardAction } from '../scale/scene.ts';
import { countText } from '../text/measure-text.ts';
import { utcText, zonedClockText } from '../text/time-text.ts';

const texts: Readonly<Record<ShardAction, string>> = { kill: 'killed', hang: 'hung', start: 'started again', resume: 'goes on' };

/** The deeds, the newest first. */
export function DeedList({ deeds }: { deeds: readonly Deed[] }) {
  return (
    <section className="deeds" aria-labelledby="deeds">
      <h2 id="deeds">What came of it</h2>
      {deeds.length === 0 && <p className="hint">Nothing was done yet. Hang a Redis, or kill one, and listen.</p>}
      <ol>
        {deeds.map(({ id, atUnixMs, action, shard, lost, repaired, republished, longestGapMs }) => (
          <li key={id}>
            <time title={utcText(new Date(atUnixMs))}>{zonedClockText(new Date(atUnixMs))}</time>
            <strong>
              Redis {shard} {texts[action]}
            </strong>
            <span className={lost > 0 ? 'deed-lost' : 'deed-well'}>{countText(lost)} lost</span>
            <span>
              {countText(republished)} sent again, {countText(repaired)} repaired, longest gap {Math.round(longestGapMs)} ms
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
