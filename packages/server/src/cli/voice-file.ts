// A file to speak with in, Opus packets out in order, made as they are asked for. Ogg/Opus packets pass unchanged; WAV is
// brought to 48 kHz and encoded by libopus in packets of 20 ms.
import { readFile } from 'node:fs/promises';
import type { AudioFormat } from '@hayate/client';
import { opusPacketSamples } from '@hayate/protocol';
import { Application, createEncoder } from 'libopus-wasm';
import { OggError, readOggOpus, tagValue } from '../format/ogg/index.ts';
import { HayateError } from '../kernel/error.ts';
import { Resampler } from './resampler.ts';
import { readWav } from './wav.ts';

const PACKET_SAMPLES = 960;

/** A voice to broadcast. */
export interface VoiceFile {
  readonly format: AudioFormat;
  /** 48 kHz samples of all packets, pre-skip included. */
  readonly samples: number;
  /** Its title tag, if it has one. */
  readonly title: string | undefined;
  /** The packets, from the beginning each time it is called. */
  packets(): Iterable<Uint8Array>;
}

/** Opens `path`. `bitrate` (bits a second) is for what must be encoded. Rejects with HayateError, or the system's error. */
export async function openVoiceFile(path: string, { bitrate }: { bitrate: number }): Promise<VoiceFile> {
  const bytes = await readFile(path);
  try {
    if (bytes.subarray(0, 4).toString('latin1') === 'OggS') return openOgg(bytes);
    if (bytes.subarray(0, 4).toString('latin1') === 'RIFF') return await openWav(bytes, bitrate);
  } catch (cause) {
    if (!(cause instanceof OggError || cause instanceof HayateError)) throw cause;
    throw new HayateError('BAD_REQUEST', `${path} cannot be sent: ${cause.message}`, { cause });
  }
  throw new HayateError('BAD_REQUEST', `${path} is neither an Ogg/Opus nor a WAV file`);
}

function openOgg(bytes: Uint8Array): VoiceFile {
  const links = readOggOpus(bytes);
  const [link] = links;
  if (link === undefined || links.length > 1)
    throw new HayateError('BAD_REQUEST', `it is a chain of ${links.length} recordings; send one at a time`);
  const { channels, preSkip, inputSampleRate } = link.head;
  return {
    format: { channels, preSkip, inputSampleRate },
    samples: link.packets.reduce((sum, { samples }) => sum + samples, 0),
    title: tagValue(link.tags, 'TITLE'),
    packets: () => link.packets.map(({ data }) => data),
  };
}

async function openWav(bytes: Uint8Array, bitrate: number): Promise<VoiceFile> {
  const wav = readWav(bytes);
  const channels = wav.channels === 2 ? 2 : 1;
  const resampler = new Resampler(wav.sampleRate);
  const make = () => createEncoder({ channels, sampleRate: 48_000, frameSize: PACKET_SAMPLES, application: Application.Audio, bitrate });
  // One encoder is made now, for its look-ahead and so that encoding need not wait; packets() takes turns with it.
  const encoder = await make();
  const preSkip = encoder.getLookahead();
  const count = Math.ceil((resampler.outputLength(wav.length) + preSkip) / PACKET_SAMPLES);
  const channelReaders = Array.from({ length: channels }, (_, channel) => (index: number) => wav.sample(channel, index));
  return {
    format: { channels, preSkip, inputSampleRate: wav.sampleRate },
    samples: count * PACKET_SAMPLES,
    title: undefined,
    *packets() {
      const pcm = new Float32Array(PACKET_SAMPLES * channels);
      for (let packet = 0; packet < count; packet++) {
        for (let i = 0; i < PACKET_SAMPLES; i++)
          for (const [channel, read] of channelReaders.entries())
            pcm[i * channels + channel] = resampler.at(packet * PACKET_SAMPLES + i, read);
        yield encoder.encodeFloat(pcm);
      }
    },
  };
}

/** The packets of `file` with their places on its timeline, again and again if `loop`. */
export function* placedPackets(file: VoiceFile, loop: boolean): Generator<{ packet: Uint8Array; position: number; samples: number }> {
  let position = 0;
  do
    for (const packet of file.packets()) {
      const samples = opusPacketSamples(packet);
      yield { packet, position, samples };
      position += samples;
    }
  while (loop && position > 0);
}
