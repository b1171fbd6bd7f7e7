// A stream's avatar, small and live: a viewer of its own without sound, connected while it is on
// the screen and the page is visible. For visitors who prefer reduced motion, it moves only while
// it is hovered or focused.
import { Viewer } from '@hayate/client';
import { Player } from '@hayate/client/browser';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { server, token } from '../api/server.ts';
import { Stage } from '../avatar/stage.ts';
import type { ThumbnailRenderer } from '../render/thumbnail-renderer.ts';
import { backdropStyle } from './avatar-canvas.tsx';

/**
 * The avatar of `stream`, drawn by the page's shared `renderer`; without one, only the backdrop.
 */
export function LiveThumbnail({ stream, renderer }: { stream: string; renderer: ThumbnailRenderer | undefined }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isSeen = useIsSeen(canvas);
  const [isDrawn, setIsDrawn] = useState(false);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || renderer === undefined || !isSeen) return;
    const stage = new Stage(stream, renderer.quality);
    const viewer = new Viewer({ server, stream, token: () => token({ watch: [stream] }) });
    const player = new Player(viewer, { motionOnly: true });
    const calm = matchMedia('(prefers-reduced-motion: reduce)');
    let wasDrawn = false;
    const remove = renderer.add({
      canvas: element,
      stage,
      wanted: () => !calm.matches || !wasDrawn || element.closest('a')?.matches(':hover, :focus') === true,
      pose: () => player.poseAt(),
      onDrawn: () => {
        if (wasDrawn) return;
        wasDrawn = true;
        setIsDrawn(true);
      },
    });
    // If the stream cannot be watched, the card stays unchanged; the listing shows which streams
    // are live.
    viewer.connect().catch(() => {});
    return () => {
      remove();
      player.close();
      viewer.close();
      stage.dispose();
    };
  }, [stream, renderer, isSeen]);
  return (
    <div className={isDrawn ? 'backdrop thumbnail thumbnail-drawn' : 'backdrop thumbnail'} style={backdropStyle(stream)}>
      <div className="wind" aria-hidden="true" />
      <canvas ref={canvas} />
    </div>
  );
}

/** Whether the element is on the screen, or nearly, and the page is not hidden. */
function useIsSeen(element: RefObject<Element | null>): boolean {
  const [isSeen, setIsSeen] = useState(false);
  useEffect(() => {
    if (element.current === null) return;
    let isNear = false;
    const look = () => setIsSeen(isNear && !document.hidden);
    const observer = new IntersectionObserver(
      (entries) => {
        isNear = entries.at(-1)?.isIntersecting === true;
        look();
      },
      { rootMargin: '80px' },
    );
    observer.observe(element.current);
    document.addEventListener('visibilitychange', look);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', look);
    };
  }, [element]);
  return isSeen;
}
