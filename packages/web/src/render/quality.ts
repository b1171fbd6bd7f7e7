// The drawing quality: the one in the address (?quality=low or high); otherwise low with a software
// renderer, and high until frames turn out to be too slow.
import type { Quality } from '../avatar/avatar.ts';
import { flagValue } from '../route/location.ts';

/** The quality in the address; undefined: choose by the machine. */
export function requestedQuality(): Quality | undefined {
  const value = flagValue('quality');
  return value === 'low' || value === 'high' ? value : undefined;
}

let software: boolean | undefined;

/**
 * Whether the browser draws without a graphics card. Tested once with a context of its own, because
 * antialiasing must be chosen before the first real context.
 */
export function isSoftware(): boolean {
  if (software !== undefined) return software;
  const gl = document.createElement('canvas').getContext('webgl2');
  if (gl === null) return false;
  const extension = gl.getExtension('WEBGL_debug_renderer_info');
  const name: unknown = gl.getParameter(extension?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  software = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(String(name));
  return software;
}

/** The quality to begin with. */
export function startingQuality(): Quality {
  return requestedQuality() ?? (isSoftware() ? 'low' : 'high');
}

/** Frames a second in low quality, at most. */
export const lowFramesPerSecond = 30;

/** Below this many frames a second the picture is drawn in low quality. */
const enoughFramesPerSecond = 24;
const windowMs = 2_500;
/** A longer pause means that the page was hidden, not that a frame was slow. */
const pauseMs = 500;

/** Frame times in; out: whether frames were too slow over the last seconds. */
export class FrameRateWatch {
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #previous: number | undefined;

  /** Frames a second over the last full window; undefined before it. */
  get framesPerSecond(): number | undefined {
    return this.#previous;
  }

  /** Takes a frame time; true at the end of a window that was too slow. */
  frame(nowMs: number): boolean {
    if (nowMs - this.#lastMs > pauseMs) {
      this.#sinceMs = nowMs;
      this.#frames = 0;
    }
    this.#lastMs = nowMs;
    this.#frames++;
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < windowMs) return false;
    this.#previous = ((this.#frames - 1) * 1000) / elapsedMs;
    this.#sinceMs = nowMs;
    this.#frames = 1;
    return this.#previous < enoughFramesPerSecond;
  }
}
