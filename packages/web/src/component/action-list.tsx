// The visitor's actions on the Redis servers, and the effect of each action until the next one.
import type { ChaosAction, ShardAction } from '../scale/scene.ts';
import { countText } from '../text/measure-text.ts';
import { utcText, zonedClockText } from '../text/time-text.ts';

const texts: Readonly<Record<ShardAction, string>> = { kill: 'killed', hang: 'hung', start: 'started again', resume: 'resumed' };

/** The actions, newest first. */
export function ActionList({ actions }: { actions: readonly ChaosAction[] }) {
  return (
    <section className="actions" aria-labelledby="actions">
      <h2 id="actions">What happened</h2>
      {actions.length === 0 && <p className="hint">Nothing yet. Hang or kill a Redis server, and listen.</p>}
      <ol>
        {actions.map(({ id, atUnixMs, action, shard, lost, repaired, republished, longestGapMs }) => (
          <li key={id}>
            <time title={utcText(new Date(atUnixMs))}>{zonedClockText(new Date(atUnixMs))}</time>
            <strong>
              Redis {shard} {texts[action]}
            </strong>
            <span className={lost > 0 ? 'action-lost' : 'action-well'}>{countText(lost)} lost</span>
            <span>
              {countText(republished)} sent again, {countText(repaired)} repaired, longest gap {Math.round(longestGapMs)} ms
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
