// Real time from a file: packets and poses in order of their time go out when a monotonic clock says that time has come.
// Position 0 of the file is the moment the broadcast began, so nothing drifts, however late one timer is.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Broadcaster } from '@hayate/client';
import { IdlePerformer, perform, VoicePerformer } from '@hayate/client/performer';
import { createVoiceDecoder, type Heard } from './voice-decoder.ts';
import { placedPackets, type VoiceFile } from './voice-file.ts';

/** Packets decoded before they are due, so that lips know the sound around a pose's time. */
const AHEAD_PACKETS = 3;

export interface SpeakOptions {
  readonly loop: boolean;
  /** Poses a second; 0 for none. */
  readonly motionRate: number;
  readonly seed: number;
  /** Aborted: stop where it is. */
  readonly signal: AbortSignal;
}

interface DuePacket {
  readonly packet: Uint8Array;
  readonly position: number;
  readonly level: number;
  /** When its last sample would have been captured, milliseconds since the broadcast began. */
  readonly dueMs: number;
}

/** Sends all of `file` through a started `broadcaster`; resolves at its end, or soon after `signal`. */
export async function speak(broadcaster: Broadcaster, file: VoiceFile, options: SpeakOptions): Promise<void> {
  const source = placedPackets(file, options.loop);
  try {
    await speakPackets(broadcaster, source, await createVoiceDecoder(file.format.channels), options);
  } finally {
    await source.return(undefined);
  }
}

async function speakPackets(
  broadcaster: Broadcaster,
  source: ReturnType<typeof placedPackets>,
  decode: (packet: Uint8Array) => Heard,
  { motionRate, seed, signal }: SpeakOptions,
): Promise<void> {
  const idle = new IdlePerformer(seed);
  const voice = new VoicePerformer();
  const ahead: DuePacket[] = [];
  const beganMs = performance.now() - broadcaster.nowUs() / 1000;
  for (let pose = 0; ; ) {
    while (ahead.length < AHEAD_PACKETS) {
      const next = await source.next();
      if (next.done) break;
      const { packet, position, samples } = next.value;
      const heard = decode(packet);
      voice.hear(heard.samples, position / 48);
      ahead.push({ packet, position, level: heard.level, dueMs: (position + samples) / 48 });
    }
    const [first] = ahead;
    if (first === undefined) return;
    const poseMs = motionRate > 0 ? (pose * 1000) / motionRate : Number.POSITIVE_INFINITY;
    await sleep(Math.max(0, beganMs + Math.min(poseMs, first.dueMs) - performance.now()), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    if (poseMs <= first.dueMs) {
      broadcaster.sendMotion(perform(poseMs, idle, voice), { captureUs: poseMs * 1000 });
      pose++;
    } else {
      const { packet, position, level } = first;
      broadcaster.sendAudio({ packets: [packet], position, level, captureUs: (position / 48) * 1000 });
      ahead.shift();
    }
  }
}
