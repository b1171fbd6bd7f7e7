// Sound for the archive's tests: a voice-like signal, Opus packets that libopus makes from it, and
// samples that ffmpeg decodes. In: seconds. Out: the same samples and packets in every run.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createDecoder, createEncoder } from 'libopus-wasm';

/** Samples of one packet: 20 ms at 48 kHz. */
export const PACKET_SAMPLES = 960;

/** Mono, -1 to 1: syllables of a gliding voice with silent breaths between them. */
export function voice(seconds: number): Float32Array {
  const samples = new Float32Array(seconds * 48_000);
  let phase = 0;
  for (let i = 0; i < samples.length; i++) {
    const time = i / 48_000;
    phase += (2 * Math.PI * (140 + 60 * Math.sin(time * 1.7) + 25 * Math.sin(time * 9))) / 48_000;
    const syllable = Math.max(0, Math.sin(time * 2 * Math.PI * 3.1));
    const breath = time % 4 < 3 ? 1 : 0;
    samples[i] = breath * syllable * (0.35 * Math.sin(phase) + 0.15 * Math.sin(2 * phase) + 0.08 * Math.sin(5 * phase));
  }
  return samples;
}

/** Opus packets of 20 ms, and the encoder's delay as OpusHead's pre-skip. */
export async function encodeOpus(samples: Float32Array, dtx = false): Promise<{ packets: Uint8Array[]; preSkip: number }> {
  const encoder = await createEncoder({ channels: 1, application: 2048, bitrate: 32_000, dtx });
  const preSkip = encoder.getLookahead();
  const packets: Uint8Array[] = [];
  for (let at = 0; at + PACKET_SAMPLES <= samples.length; at += PACKET_SAMPLES)
    packets.push(encoder.encodeFloat(samples.slice(at, at + PACKET_SAMPLES)).slice());
  encoder.free();
  return { packets, preSkip };
}

/**
 * Opus packets of `packetMs` (2.5 to 60 milliseconds) of a voice that is the same in both channels.
 */
export async function encodeVoice(seconds: number, { channels, packetMs }: { channels: 1 | 2; packetMs: number }): Promise<Uint8Array[]> {
  const mono = voice(seconds);
  const samples = new Float32Array(mono.length * channels);
  for (let i = 0; i < samples.length; i++) samples[i] = mono[Math.floor(i / channels)] ?? 0;
  const frameSize = packetMs * 48;
  // AUDIO supports every duration; VOIP's SILK supports only 10 ms and more.
  const encoder = await createEncoder({ channels, application: packetMs < 10 ? 2049 : 2048, bitrate: 32_000 * channels });
  const packets: Uint8Array[] = [];
  for (let at = 0; at + frameSize * channels <= samples.length; at += frameSize * channels)
    packets.push(encoder.encodeFloat(samples.slice(at, at + frameSize * channels), { frameSize }).slice());
  encoder.free();
  return packets;
}

/**
 * The samples that libopus decodes; an undefined packet is concealed. They still include the
 * encoder's delay.
 */
export async function decodeOpus(packets: readonly (Uint8Array | undefined)[]): Promise<Float32Array> {
  const decoder = await createDecoder({ channels: 1 });
  const samples = new Float32Array(packets.length * PACKET_SAMPLES);
  packets.forEach((packet, i) => {
    const decoded = packet === undefined ? decoder.decodePacketLossFloat(PACKET_SAMPLES) : decoder.decodeFloat(packet);
    samples.set(decoded, i * PACKET_SAMPLES);
  });
  decoder.free();
  return samples;
}

/**
 * Mono samples that ffmpeg decodes from a file; fails the test if ffmpeg reports any error. The
 * file is passed through a pipe: given a file, ffmpeg looks for the duration at its end, and
 * reports the serial number that it finds there in a chain as an error.
 */
export function decodeWithFfmpeg(ffmpeg: string, path: string): Float32Array {
  const { status, stdout, stderr } = spawnSync(
    ffmpeg,
    ['-v', 'error', ...(path.endsWith('.ogg') ? ['-c:a', 'libopus'] : []), '-i', 'pipe:0', '-f', 'f32le', '-ac', '1', '-ar', '48000', '-'],
    { input: readFileSync(path), maxBuffer: 1 << 30 },
  );
  assert.equal(stderr.toString(), '');
  assert.equal(status, 0);
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
}

/**
 * Energy of the difference relative to the energy of `expected`, in dB; below -40 the sounds are
 * the same.
 */
export function differenceDb(actual: Float32Array, expected: Float32Array): number {
  assert.equal(actual.length, expected.length);
  let difference = 0;
  let energy = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += ((actual[i] ?? 0) - (expected[i] ?? 0)) ** 2;
    energy += (expected[i] ?? 0) ** 2;
  }
  return 10 * Math.log10(difference / energy);
}
