// How finely to draw: asked for in the address (?quality=low or high), else low where the renderer is software, else high
// until frames turn out to come too slowly.
import type { WebGLRenderer } from 'three';
import type { Quality } from '../avatar/avatar.ts';
import { flagValue } from '../route/location.ts';

/** What the address asks for; undefined: let the machine decide. */
export function requestedQuality(): Quality | undefined {
  const value = flagValue('quality');
  return value === 'low' || value === 'high' ? value : undefined;
}

/** Whether the browser draws without a graphics card. */
export function isSoftware(renderer: WebGLRenderer): boolean {
  const gl = renderer.getContext();
  const extension = gl.getExtension('WEBGL_debug_renderer_info');
  const name: unknown = gl.getParameter(extension?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER);
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(String(name));
}

/** Frames a second in low quality, at most. */
export const lowFramesPerSecond = 30;

/** Below this many frames a second the picture is drawn in low quality. */
const enoughFramesPerSecond = 24;
const windowMs = 2_500;
/** A longer pause is a page that was not looked at, not a slow frame. */
const pauseMs = 500;

/** Frame times in; whether they have been too slow over the last seconds out. */
export class FrameRateWatch {
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #previous: number | undefined;

  /** Frames a second over the last full window; undefined before it. */
  get framesPerSecond(): number | undefined {
    return this.#previous;
  }

  /** Takes a frame; true at the end of a window that was too slow. */
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
