// The view of a page for tests and the bench, as window.hayate. This file is loaded only with
// ?debug in the address. The studio shows sent poses and microphone sound; the viewer and the
// replay show drawn poses and played sound. Everything is bounded.
import { type BoneName, Bones, type MediaSource, type Pose, type ShapeName, Shapes } from '@hayate/client';
import type { Player } from '@hayate/client/browser';
import { Vector3 } from 'three';
import { HEAD_CENTRE_Y } from './avatar/head-surface.ts';
import { type Region, readPixels } from './debug/read-pixels.ts';
import { type RecordedSound, SoundRecording } from './debug/sound-recording.ts';
import { tap } from './debug/tap.ts';
import type { AvatarView } from './render/avatar-view.ts';
import type { OpenReplay } from './replay/replay-session.ts';
import type { StudioSession } from './studio/studio-session.ts';
import type { WatchSession } from './watch/watch-session.ts';

/** A pose as it was passed to the broadcaster. */
interface SentPose {
  captureUs: number;
  hips: number[];
  rotations: number[];
  shapes: number[];
}

/** The pose on the screen after one drawing. */
interface RenderedPose {
  /**
   * Of the received pose that equals this one; null if it is interpolated (see ?interpolate=off).
   */
  captureUs: number | null;
  /** Each bone's local quaternion x, y, z, w, read from the scene graph. */
  bones: Record<string, number[]>;
  shapes: Record<string, number>;
  atUnixMs: number;
}

/** Loudness of 20 ms of the microphone's sound. */
interface HeardBlock {
  captureUs: number;
  /** As in RFC 6464: 0 (loudest) to 127 (silence). */
  level: number;
}

export interface StudioDebug {
  role: 'studio';
  stream: string;
  /** 16 hex digits; empty before going live. */
  epoch(): string;
  /** The last 3,000. */
  sent: SentPose[];
  microphone: RecordedSound;
  /** The last 3,000. */
  heard: HeardBlock[];
  statistics(): object;
}

/** A drawing of the mouth: RGBA of its region, rows from the top. */
interface MouthPicture {
  pose: RenderedPose;
  pixels: Uint8ClampedArray;
  /** The same with the jaw shut, all else being equal. */
  shut: Uint8ClampedArray;
}

export interface ViewerDebug {
  role: 'viewer';
  /** The last 3,000. */
  rendered: RenderedPose[];
  /**
   * The sound that the audio graph rendered, after the volume; the device's own latency is in
   * statistics(). Empty until there is sound.
   */
  played: RecordedSound;
  statistics(): object;
  /** The state that the page shows: a WatchPhase or a ReplayState. */
  state(): string;
  /** In a replay, the capture time shown now, milliseconds. */
  placeMs(): number | undefined;
  /** The next drawing of the mouth. */
  mouth(): Promise<MouthPicture>;
}

declare global {
  interface Window {
    hayate?: StudioDebug | ViewerDebug;
  }
}

const listMax = 3_000;
/** Received poses that may still be drawn: a replay receives some seconds of them at once. */
const receivedMax = 1_200;

function keep<T>(list: T[], item: T, max: number): void {
  list.push(item);
  if (list.length > max) list.shift();
}

/** Exposes a broadcast; call it before it starts. */
export function exposeStudio(session: StudioSession): void {
  const microphone = new SoundRecording(48_000);
  const sent: SentPose[] = [];
  const heard: HeardBlock[] = [];
  session.microphone.on('pcm', ({ samples, captureMs, level }) => {
    if (session.epoch === '') return;
    microphone.add(samples, performance.timeOrigin + captureMs);
    keep(heard, { captureUs: session.broadcaster.captureUsAt(captureMs), level }, listMax);
  });
  session.on('motion', ({ captureUs, pose }) =>
    keep(sent, { captureUs, hips: [...pose.hips], rotations: [...pose.rotations], shapes: [...pose.shapes] }, listMax),
  );
  window.hayate = {
    role: 'studio',
    stream: session.stream,
    epoch: () => session.epoch,
    sent,
    microphone,
    heard,
    statistics: () => ({ ...session.broadcaster.stats, microphone: session.microphone.stats, phase: session.phase }),
  };
}

/** Exposes a visit and its view; call it before it is opened. */
export function exposeViewer(session: WatchSession, view: AvatarView): void {
  exposeMedia(session.viewer, session.player, view, {
    isOn: () => session.phase === 'live',
    statistics: () => ({ viewer: session.viewer.stats }),
    state: () => session.phase,
    placeMs: () => undefined,
  });
}

/** Exposes a replay and its view; call it before it begins. */
export function exposeReplay({ replay, player }: OpenReplay, view: AvatarView): void {
  exposeMedia(replay, player, view, {
    isOn: () => replay.state === 'playing' || replay.state === 'paused',
    statistics: () => ({ malformed: replay.malformed, rate: replay.rate }),
    state: () => replay.state,
    placeMs: () => replay.positionMs,
  });
}

interface MediaDebug extends Pick<ViewerDebug, 'statistics' | 'state' | 'placeMs'> {
  /** Whether the avatar on the screen shows the broadcast. */
  isOn: () => boolean;
}

function exposeMedia(source: MediaSource, player: Player, view: AvatarView, { isOn, statistics, state, placeMs }: MediaDebug): void {
  const received: { captureUs: number; pose: Pose }[] = [];
  const rendered: RenderedPose[] = [];
  source.on('motion', ({ captureUs, pose }) => keep(received, { captureUs, pose }, receivedMax));
  source.on('epoch', () => received.splice(0));
  let wanted: ((picture: Promise<MouthPicture>) => void)[] = [];
  view.onDrawn = (pose) => {
    if (!isOn()) return;
    const drawn = renderedPose(view, captureOf(pose, received));
    keep(rendered, drawn, listMax);
    if (wanted.length === 0) return;
    const picture = pictureOfMouth(view, drawn);
    for (const resolve of wanted) resolve(picture);
    wanted = [];
  };
  let played: RecordedSound = new SoundRecording(48_000);
  let isTapped = false;
  const listenIn = () => {
    const { output } = player;
    if (output === undefined || isTapped) return;
    isTapped = true;
    void tap(output).then((recording) => {
      played = recording;
    });
  };
  player.on('state', listenIn);
  // The sound may have started before this file was loaded.
  listenIn();
  window.hayate = {
    role: 'viewer',
    rendered,
    get played() {
      return played;
    },
    statistics: () => ({
      ...statistics(),
      player: player.stats,
      playerState: player.state,
      outputLatencyMs: outputLatencyMs(player.output),
      framesPerSecond: view.framesPerSecond,
      quality: view.quality,
    }),
    state,
    placeMs,
    mouth: () => new Promise((resolve) => wanted.push(resolve)),
  };
}

/** The capture time of the received pose that equals `pose`; the newest is tried first. */
function captureOf(pose: Pose, received: readonly { captureUs: number; pose: Pose }[]): number | null {
  for (let i = received.length - 1; i >= 0; i--) {
    const candidate = received[i];
    if (candidate !== undefined && isEqual(candidate.pose, pose)) return candidate.captureUs;
  }
  return null;
}

function isEqual(a: Pose, b: Pose): boolean {
  return (['shapes', 'hips', 'rotations'] as const).every((part) => a[part].every((value, i) => value === b[part][i]));
}

function renderedPose({ stage }: AvatarView, captureUs: number | null): RenderedPose {
  const { avatar } = stage;
  const bones = Object.fromEntries(Bones.map((name: BoneName) => [name, avatar.bones[name].quaternion.toArray()]));
  const shapes = Object.fromEntries(Shapes.map((name: ShapeName) => [name, avatar.shape(name)]));
  return { captureUs, bones, shapes, atUnixMs: performance.timeOrigin + performance.now() };
}

function outputLatencyMs(output: AudioNode | undefined): number {
  const context = output?.context as AudioContext | undefined;
  return ((context?.outputLatency || context?.baseLatency) ?? 0) * 1000;
}

/** Half the size of the mouth's region, and its centre in the head's space, metres. */
const mouthHalf = { x: 0.027, y: 0.024 };
const mouthAt = new Vector3(0, HEAD_CENTRE_Y - 0.08, 0.09);

function mouthRegion({ stage, canvas }: AvatarView): Region {
  const { head } = stage.avatar.bones;
  head.updateWorldMatrix(true, false);
  const corner = (x: number, y: number) => {
    const point = head.localToWorld(new Vector3(mouthAt.x + x, mouthAt.y + y, mouthAt.z)).project(stage.camera);
    return { x: ((point.x + 1) / 2) * canvas.width, y: ((1 - point.y) / 2) * canvas.height };
  };
  const corners = [-1, 1].flatMap((x) => [-1, 1].map((y) => corner(x * mouthHalf.x, y * mouthHalf.y)));
  const within = (value: number, most: number) => Math.min(most, Math.max(0, Math.round(value)));
  const [left, right] = [Math.min(...corners.map(({ x }) => x)), Math.max(...corners.map(({ x }) => x))];
  const [top, bottom] = [Math.min(...corners.map(({ y }) => y)), Math.max(...corners.map(({ y }) => y))];
  const [x, y] = [within(left, canvas.width - 1), within(top, canvas.height - 1)];
  return { x, y, width: Math.max(1, within(right, canvas.width) - x), height: Math.max(1, within(bottom, canvas.height) - y) };
}

async function pictureOfMouth(view: AvatarView, pose: RenderedPose): Promise<MouthPicture> {
  const { avatar } = view.stage;
  const region = mouthRegion(view);
  const read = () => readPixels(view.renderer.getContext() as WebGL2RenderingContext, region);
  const draw = (jawOpen: number) => {
    avatar.rig.setShape('jawOpen', jawOpen);
    avatar.update();
    view.draw();
  };
  const pixels = read();
  draw(0);
  const shut = read();
  draw(pose.shapes.jawOpen ?? 0);
  return { pose, pixels: await pixels, shut: await shut };
}
