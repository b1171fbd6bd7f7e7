// The volume of the stream that is watched, and its mute switch.
import type { Player } from '@hayate/client/browser';
import { useState } from 'react';
import { Icon } from './icon.tsx';

/** A mute switch and a volume slider for `player`. */
export function Volume({ player }: { player: Player }) {
  const [, setShown] = useState(0);
  const set = (volume: number) => {
    player.volume = volume;
    player.muted = volume === 0;
    setShown((count) => count + 1);
  };
  const toggle = () => {
    if (player.volume === 0) player.volume = 1;
    player.muted = !player.muted;
    setShown((count) => count + 1);
  };
  return (
    <div className="volume">
      <button type="button" className="button button-round" aria-pressed={player.muted} aria-label="Mute" onClick={toggle}>
        <Icon name={player.muted ? 'soundOff' : 'sound'} />
      </button>
      <input
        type="range"
        min="0"
        max="1"
        step="0.01"
        aria-label="Volume"
        value={player.muted ? 0 : player.volume}
        onChange={(event) => set(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}
