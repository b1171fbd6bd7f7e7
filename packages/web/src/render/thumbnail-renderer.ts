// Many small avatars, one WebGL context: each is drawn on a shared canvas and copied into its own,
// because browsers allow a page only a few WebGL contexts. Limited on purpose: fifteen frames a
// second, and only avatars on the screen.
import type { Pose } from '@hayate/client';
import { applyPose } from '@hayate/client/three';
import { WebGLRenderer } from 'three';
import type { Quality } from '../avatar/avatar.ts';
import type { Stage } from '../avatar/stage.ts';
import { startingQuality } from './quality.ts';

const frameIntervalMs = 1000 / 15;
const pixelRatioMax = 1.5;

/** One small avatar. */
interface Thumbnail {
  readonly canvas: HTMLCanvasElement;
  readonly stage: Stage;
  /**
   * Pixels per CSS pixel. Default: set by the quality. A higher number suits pictures that are
   * drawn only once.
   */
  readonly pixelRatio?: number;
  /** Whether it should be drawn now. */
  readonly wanted: () => boolean;
  readonly pose: () => Pose | undefined;
  /** Called after each drawing. */
  readonly onDrawn: () => void;
}

/** Draws thumbnails while it has any. */
export class ThumbnailRenderer {
  readonly quality: Quality = startingQuality();
  readonly #renderer: WebGLRenderer;
  readonly #thumbnails = new Set<Thumbnail>();
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #request = 0;
  #dueMs = 0;

  /** Throws if the browser has no WebGL 2. */
  constructor() {
    this.#renderer = new WebGLRenderer({ alpha: true, stencil: true, antialias: this.quality === 'high' });
    this.#renderer.setClearAlpha(0);
  }

  /** Adds a thumbnail; the returned function removes it. */
  add(thumbnail: Thumbnail): () => void {
    this.#thumbnails.add(thumbnail);
    if (this.#thumbnails.size === 1) this.#request = requestAnimationFrame(this.#frame);
    return () => {
      this.#thumbnails.delete(thumbnail);
      if (this.#thumbnails.size === 0) cancelAnimationFrame(this.#request);
    };
  }

  dispose(): void {
    cancelAnimationFrame(this.#request);
    this.#thumbnails.clear();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
  }

  readonly #frame = (nowMs: number) => {
    this.#request = requestAnimationFrame(this.#frame);
    if (nowMs < this.#dueMs - 4) return;
    this.#dueMs = Math.max(this.#dueMs + frameIntervalMs, nowMs);
    for (const thumbnail of this.#thumbnails) if (thumbnail.wanted()) this.#draw(thumbnail, nowMs);
  };

  #draw({ canvas, stage, pixelRatio, pose: poseNow, onDrawn }: Thumbnail, nowMs: number): void {
    const pose = poseNow();
    const context = canvas.getContext('2d');
    const ratio = pixelRatio ?? (this.quality === 'low' ? 1 : Math.min(pixelRatioMax, devicePixelRatio));
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (pose === undefined || context === null || width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      stage.frame(width / height);
    }
    const { domElement } = this.#renderer;
    if (domElement.width !== width || domElement.height !== height) this.#renderer.setSize(width, height, false);
    applyPose(pose, stage.avatar.rig);
    stage.avatar.update(this.#calm.matches ? undefined : nowMs);
    this.#renderer.render(stage.scene, stage.camera);
    context.clearRect(0, 0, width, height);
    // In the same task as the drawing: after that the browser may clear it.
    context.drawImage(domElement, 0, 0);
    onDrawn();
  }
}
