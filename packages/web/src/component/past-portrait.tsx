// A stream's avatar as a small still picture, for past broadcasts: drawn once, when it comes onto
// the screen.
import { useEffect, useRef, useState } from 'react';
import { Stage } from '../avatar/stage.ts';
import type { ThumbnailRenderer } from '../render/thumbnail-renderer.ts';
import { sleepingPose } from '../watch/sleeper.ts';
import { backdropStyle } from './avatar-canvas.tsx';

/** Drawn at a higher resolution than shown: the browser smooths its edges. */
const pixelRatio = 4;
/** The moment of the sleeping animation that is shown. */
const poseMs = 2_400;

/**
 * The avatar of `stream`, asleep, drawn by the page's shared `renderer`; without one, only the
 * backdrop.
 */
export function PastPortrait({ stream, renderer }: { stream: string; renderer: ThumbnailRenderer | undefined }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [isSeen, setIsSeen] = useState(false);
  const [isDrawn, setIsDrawn] = useState(false);
  useEffect(() => {
    if (canvas.current === null) return;
    const observer = new IntersectionObserver((entries) => setIsSeen(entries.at(-1)?.isIntersecting === true), { rootMargin: '120px' });
    observer.observe(canvas.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current === null || renderer === undefined || !isSeen || isDrawn) return;
    const stage = new Stage(stream, renderer.quality);
    const remove = renderer.add({
      canvas: canvas.current,
      stage,
      pixelRatio,
      wanted: () => true,
      pose: () => sleepingPose(poseMs),
      onDrawn: () => setIsDrawn(true),
    });
    return () => {
      remove();
      stage.dispose();
    };
  }, [stream, renderer, isSeen, isDrawn]);
  return (
    <div className={isDrawn ? 'backdrop past-portrait thumbnail-drawn' : 'backdrop past-portrait'} style={backdropStyle(stream)}>
      <canvas ref={canvas} />
    </div>
  );
}
