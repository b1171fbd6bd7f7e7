// A scene with one avatar and a camera that frames head and shoulders at any aspect ratio. A stage
// has no renderer: one WebGL context draws all stages of a page.
import { PerspectiveCamera, Scene, Vector3 } from 'three';
import { Avatar, type Quality } from './avatar.ts';
import { type AvatarVariant, variantOf } from './variant.ts';

/** Metres that the picture must show, and the height of its middle. */
const visibleHeight = 0.47;
const visibleWidth = 0.36;
const middle = new Vector3(0, 1.318, 0.02);

/** An avatar in its scene. */
export class Stage {
  readonly scene = new Scene();
  readonly camera = new PerspectiveCamera(22, 1, 0.2, 6);
  readonly avatar: Avatar;

  constructor(streamOrVariant: string | AvatarVariant, quality: Quality) {
    this.avatar = new Avatar(typeof streamOrVariant === 'string' ? variantOf(streamOrVariant) : streamOrVariant, quality);
    this.scene.add(this.avatar.root);
    this.frame(1);
  }

  /** Frames head and shoulders for pictures of `aspect` (width / height). */
  frame(aspect: number): void {
    const half = Math.tan((this.camera.fov * Math.PI) / 360);
    const distance = Math.max(visibleHeight, visibleWidth / aspect) / 2 / half;
    this.camera.aspect = aspect;
    this.camera.position.set(0, middle.y + 0.012, middle.z + distance);
    this.camera.lookAt(middle);
    this.camera.updateProjectionMatrix();
  }

  dispose(): void {
    this.avatar.dispose();
  }
}
