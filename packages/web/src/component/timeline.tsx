// The timeline of a broadcast: the voice's loudness as bars, the played part in teal, and a range
// input over it that seeks by pointer and keys. The current place moves with each screen frame,
// without React.
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { Levels } from '../api/archive.ts';
import { levelBars } from '../replay/level-bars.ts';
import { durationText } from '../text/measure-text.ts';
import { spokenDuration, zonedClockText } from '../text/time-text.ts';

interface TimelineProps {
  levels: Levels;
  durationMs: number;
  /** Unix milliseconds of the broadcast's beginning. */
  originMs: number;
  /** Returns the place shown now. */
  placeMs: () => number;
  onSeek: (placeMs: number) => void;
}

/** A bar and its gap, CSS pixels. */
const pitch = 4;
const barWidth = 2.5;
const height = 56;
const steps: Readonly<Record<string, number>> = {
  ArrowLeft: -5_000,
  ArrowDown: -5_000,
  ArrowRight: 5_000,
  ArrowUp: 5_000,
  PageDown: -30_000,
  PageUp: 30_000,
};

/** The timeline. */
export function Timeline({ levels, durationMs, originMs, placeMs, onSeek }: TimelineProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [pointed, setPointed] = useState<number>();
  const count = Math.max(1, Math.floor(width / pitch));
  const path = useMemo(() => barsPath(levelBars(levels, durationMs, count)), [levels, durationMs, count]);
  useEffect(() => {
    let request = 0;
    const frame = () => {
      box.current?.style.setProperty('--played', `${(100 * placeMs()) / Math.max(1, durationMs)}%`);
      request = requestAnimationFrame(frame);
    };
    frame();
    return () => cancelAnimationFrame(request);
  }, [placeMs, durationMs]);
  const point = (event: PointerEvent) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    setPointed(Math.min(1, Math.max(0, (event.clientX - bounds.left) / bounds.width)));
  };
  const press = (event: KeyboardEvent) => {
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    onSeek(placeMs() + step);
  };
  const nowMs = placeMs();
  return (
    <div className="timeline" ref={box} onPointerMove={point} onPointerLeave={() => setPointed(undefined)}>
      <Bars path={path} width={count * pitch} className="timeline-bars" />
      <div className="timeline-played" aria-hidden="true">
        <Bars path={path} width={count * pitch} className="timeline-bars" />
      </div>
      <span className="timeline-needle" aria-hidden="true" />
      {pointed !== undefined && (
        <span className="timeline-pointed" style={{ left: `${100 * pointed}%` }} aria-hidden="true">
          <span className="timeline-bubble" data-edge={pointed < 0.06 ? 'left' : pointed > 0.94 ? 'right' : undefined}>
            {durationText(pointed * durationMs)}
            <small>{zonedClockText(new Date(originMs + pointed * durationMs))}</small>
          </span>
        </span>
      )}
      <input
        type="range"
        aria-label="Position in the broadcast"
        aria-valuetext={`${spokenDuration(nowMs)} of ${spokenDuration(durationMs)}, ${zonedClockText(new Date(originMs + nowMs))}`}
        min={0}
        max={durationMs}
        step="any"
        value={nowMs}
        onChange={(event) => onSeek(event.currentTarget.valueAsNumber)}
        onKeyDown={press}
      />
    </div>
  );
}

function Bars({ path, width, className }: { path: string; width: number; className: string }) {
  return (
    <svg className={className} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path d={path} strokeWidth={barWidth} />
    </svg>
  );
}

/** A stroke for each bar, both ways from the middle; silence is a dot. */
function barsPath(bars: Float32Array): string {
  const middle = height / 2;
  return [...bars]
    .map((bar, i) => {
      const half = Math.max(0.4, bar * (middle - barWidth));
      return `M${((i + 0.5) * pitch).toFixed(1)} ${(middle - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
    })
    .join('');
}

function useWidth(box: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (box.current === null) return;
    const observer = new ResizeObserver((entries) => setWidth(Math.round(entries.at(-1)?.contentRect.width ?? 0)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [box]);
  return width;
}
