// A canvas with one large avatar, in front of a backdrop in the avatar's own hue. The view lives as
// long as the canvas.
import type { Pose } from '@hayate/client';
import { type CSSProperties, useEffect, useRef, useState } from 'react';
import { variantOf } from '../avatar/variant.ts';
import { AvatarView } from '../render/avatar-view.ts';
import { Notice } from './notice.tsx';

interface AvatarCanvasProps {
  /** The stream whose avatar is shown. */
  stream: string;
  /** The description for people who cannot see it. */
  label: string;
  pose: (nowMs: number) => Pose | undefined;
  /** Dimmed while nothing is live. */
  dim?: boolean;
  onView?: (view: AvatarView) => void;
}

/**
 * The backdrop of a stream as CSS properties: its own hue at the top, a bluer one at the bottom.
 */
export function backdropStyle(stream: string): CSSProperties {
  const hue = variantOf(stream).backdropHue;
  const isWarm = hue < 60 || hue > 300;
  return { '--hue': hue, '--hue-low': isWarm ? hue - 65 : hue + 30 } as CSSProperties;
}

/** The avatar of `stream`, in the pose that `pose` returns for each frame. */
export function AvatarCanvas({ stream, label, pose, dim = false, onView }: AvatarCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef({ pose, onView, stream });
  latest.current = { pose, onView, stream };
  const [view, setView] = useState<AvatarView>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (canvas.current === null) return;
    let made: AvatarView;
    try {
      made = new AvatarView(canvas.current, { stream: latest.current.stream, pose: (nowMs) => latest.current.pose(nowMs) });
    } catch {
      setFailed(true);
      return;
    }
    setView(made);
    latest.current.onView?.(made);
    return () => made.dispose();
  }, []);
  useEffect(() => view?.show(stream), [view, stream]);
  return (
    <div className={dim ? 'backdrop backdrop-dim' : 'backdrop'} style={backdropStyle(stream)}>
      <div className="wind" aria-hidden="true" />
      <canvas ref={canvas} role="img" aria-label={label} />
      {failed && (
        <Notice kind="problem">
          This browser has no WebGL 2, so it cannot draw the avatar: turn hardware acceleration on, or use another browser.
        </Notice>
      )}
    </div>
  );
}
