// One large avatar on one canvas: asks for a pose each frame and draws it. It follows the canvas'
// size, draws at a lower resolution on slow machines, and rests while the page is hidden, because
// the browser then requests no frames.
import type { Pose } from '@hayate/client';
import { applyPose } from '@hayate/client/three';
import { SRGBColorSpace, WebGLRenderer } from 'three';
import type { Quality } from '../avatar/avatar.ts';
import { Stage } from '../avatar/stage.ts';
import { FrameRateWatch, isSoftware, lowFramesPerSecond, requestedQuality, startingQuality } from './quality.ts';

/**
 * Largest number of device pixels to draw: sharp on a large screen, fluid in low quality and in
 * software.
 */
const pixelsMax = { high: 4_000_000, low: 900_000, software: 180_000 };
const pixelRatioMax = 2;

interface AvatarViewOptions {
  stream: string;
  /** The pose to draw at `nowMs` (performance.now()); undefined: keep the last picture. */
  pose: (nowMs: number) => Pose | undefined;
}

/** An avatar on a canvas. */
export class AvatarView {
  readonly canvas: HTMLCanvasElement;
  readonly renderer: WebGLRenderer;
  /** Called after each frame with the drawn pose. */
  onDrawn: ((pose: Pose, nowMs: number) => void) | undefined;
  readonly #options: AvatarViewOptions;
  readonly #watch = new FrameRateWatch();
  readonly #resize: ResizeObserver;
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #quality: Quality;
  #stage: Stage;
  #stream: string;
  #request = 0;
  #dueMs = 0;
  #width = 0;
  #height = 0;

  /** Throws if the browser has no WebGL 2. */
  constructor(canvas: HTMLCanvasElement, options: AvatarViewOptions) {
    this.canvas = canvas;
    this.#options = options;
    this.#stream = options.stream;
    this.renderer = new WebGLRenderer({ canvas, alpha: true, stencil: true, antialias: startingQuality() === 'high' });
    this.renderer.outputColorSpace = SRGBColorSpace;
    this.renderer.setClearAlpha(0);
    this.#quality = startingQuality();
    this.#stage = new Stage(this.#stream, this.#quality);
    this.#resize = new ResizeObserver(() => this.#fit());
    this.#resize.observe(canvas);
    this.#fit();
    this.#request = requestAnimationFrame(this.#frame);
  }

  get stage(): Stage {
    return this.#stage;
  }

  get quality(): Quality {
    return this.#quality;
  }

  /** Over the last seconds; undefined at first. */
  get framesPerSecond(): number | undefined {
    return this.#watch.framesPerSecond;
  }

  /** Shows the avatar of another stream. */
  show(stream: string): void {
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#restage();
  }

  /** Draws the avatar in its current pose, for callers that read the picture at once. */
  draw(): void {
    this.renderer.render(this.#stage.scene, this.#stage.camera);
  }

  dispose(): void {
    cancelAnimationFrame(this.#request);
    this.#resize.disconnect();
    this.#stage.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  readonly #frame = (nowMs: number) => {
    this.#request = requestAnimationFrame(this.#frame);
    if (this.#quality === 'low') {
      // A little early counts as on time: frames come in steps of the display's refresh rate.
      if (nowMs < this.#dueMs - 4) return;
      this.#dueMs = Math.max(this.#dueMs + 1000 / lowFramesPerSecond, nowMs);
    }
    const pose = this.#options.pose(nowMs);
    if (pose === undefined || this.#width === 0) return;
    applyPose(pose, this.#stage.avatar.rig);
    this.#stage.avatar.update(this.#calm.matches ? undefined : nowMs);
    this.draw();
    this.onDrawn?.(pose, nowMs);
    if (this.#watch.frame(nowMs) && this.#quality === 'high' && requestedQuality() === undefined) {
      this.#quality = 'low';
      this.#restage();
    }
  };

  #restage(): void {
    this.#stage.dispose();
    this.#stage = new Stage(this.#stream, this.#quality);
    this.#width = 0;
    this.#fit();
  }

  #fit(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0 || (width === this.#width && height === this.#height)) return;
    this.#width = width;
    this.#height = height;
    const wanted = this.#quality === 'low' ? 1 : Math.min(pixelRatioMax, devicePixelRatio);
    const budget = pixelsMax[this.#quality === 'low' && isSoftware() ? 'software' : this.#quality];
    this.renderer.setPixelRatio(Math.min(wanted, Math.sqrt(budget / (width * height))));
    this.renderer.setSize(width, height, false);
    this.#stage.frame(width / height);
  }
}
