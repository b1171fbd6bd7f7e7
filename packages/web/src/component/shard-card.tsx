// One Redis of the demonstration: its condition, its load, and the buttons for its actions.
import type { ShardAction, ShardSnapshot } from '../scale/scene.ts';
import { Icon, type IconName } from './icon.tsx';
import { Sparkline } from './sparkline.tsx';

const HISTORY = 60;

/** A condition in words, and its look. */
function stateOf({ condition, isUsed }: ShardSnapshot): { text: string; look: 'well' | 'returning' | 'ill' } {
  if (condition === 'dead') return { text: 'Dead', look: 'ill' };
  if (condition === 'hung') return { text: 'Hangs', look: 'ill' };
  return condition === 'running' && isUsed ? { text: 'In use', look: 'well' } : { text: 'Coming back', look: 'returning' };
}

interface ShardCardProps {
  shard: ShardSnapshot;
  /** Messages a second, oldest first; `top` is the highest load of all Redis servers. */
  loads: readonly number[];
  top: number;
  onAction: (action: ShardAction) => void;
}

/** The card of `shard`. */
export function ShardCard({ shard, loads, top, onAction }: ShardCardProps) {
  const { number, address, condition, publishesPerSecond } = shard;
  const { text, look } = stateOf(shard);
  const load = Math.round(publishesPerSecond);
  return (
    <li className={`shard shard-${look}`} aria-label={`Redis ${number}`}>
      <div className="shard-head">
        <h3>Redis {number}</h3>
        <span className="shard-state" role="status">
          {text}
        </span>
        <span className="shard-address">{address}</span>
      </div>
      <div className="shard-load">
        <Sparkline values={loads} length={HISTORY} top={top} label={`Load of Redis ${number} over the last 15 seconds`} />
        <p>
          <strong>{load}</strong> messages/s
        </p>
      </div>
      <div className="shard-actions">
        {condition === 'dead' && <ActionButton icon="restart" text="Start it again" onClick={() => onAction('start')} />}
        {condition === 'hung' && <ActionButton icon="play" text="Resume it" onClick={() => onAction('resume')} />}
        {condition === 'running' && <ActionButton icon="pause" text="Hang this Redis" danger onClick={() => onAction('hang')} />}
        {(condition === 'running' || condition === 'hung') && (
          <ActionButton icon="plug" text="Kill this Redis" danger onClick={() => onAction('kill')} />
        )}
      </div>
    </li>
  );
}

function ActionButton({ icon, text, danger = false, onClick }: { icon: IconName; text: string; danger?: boolean; onClick: () => void }) {
  return (
    <button type="button" className={danger ? 'button button-danger' : 'button button-primary'} onClick={onClick}>
      <Icon name={icon} />
      {text}
    </button>
  );
}
