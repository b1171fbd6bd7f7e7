// A file to speak with in, Opus packets out in order, made as they are asked for. Ogg/Opus packets pass unchanged; WAV is read
// as a stream, brought to 48 kHz and encoded by libopus in packets of 20 ms.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { AudioFormat } from '@hayate/client';
import { opusPacketSamples } from '@hayate/protocol';
import { OggError, readOggOpus, tagValue } from '../format/ogg/index.ts';
import { findWav, readWav } from '../format/wav/index.ts';
import { HayateError } from '../kernel/error.ts';
import { encodeVoice } from './voice/encode-voice.ts';

/** A voice to broadcast. */
export interface VoiceFile {
  readonly format: AudioFormat;
  /** 48 kHz samples of all packets, pre-skip included, if known before the end. */
  readonly samples: number | undefined;
  /** Its title tag, if it has one. */
  readonly title: string | undefined;
  /** The packets, from the beginning each time it is called. */
  packets(): AsyncIterable<Uint8Array>;
}

/** How a file is opened. */
export interface VoiceFileOptions {
  /** Bits a second, where the voice has to be encoded. */
  readonly bitrate: number;
  /** Takes a line about anything odd in the file, before it is sent and while it is. */
  readonly warn: (line: string) => void;
}

/** Bytes that tell what a file is. */
const HEAD_BYTES = 65_536;
/** First bytes that WAV's reader has something to say about, even where they do not begin a WAV file. */
const NEARLY_WAV = /^(RIFF|RIFX|RF64|BW64|ID3|FORM|caff|\.snd)/;

/** Opens `path`. Rejects with HayateError, or the system's error. */
export async function openVoiceFile(path: string, options: VoiceFileOptions): Promise<VoiceFile> {
  const source = await openSource(path);
  try {
    const kind = source.head.toString('latin1', 0, 4);
    if (kind === 'OggS') return openOgg(await collect(source.bytes));
    if (findWav(source.head) !== undefined || NEARLY_WAV.test(kind)) return await openWav(path, source, options);
  } catch (cause) {
    if (!(cause instanceof OggError || cause instanceof HayateError)) throw cause;
    throw new HayateError('BAD_REQUEST', `${path} cannot be sent: ${cause.message}`, { cause });
  }
  throw new HayateError('BAD_REQUEST', `${path} is neither an Ogg/Opus nor a WAV file`);
}

/** A file's bytes, the first of which were looked at. */
interface Source {
  readonly head: Buffer;
  /** All bytes, once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Undefined for pipes. */
  readonly fileBytes: number | undefined;
}

async function openSource(path: string): Promise<Source> {
  const about = await stat(path);
  const stream: AsyncIterator<Buffer> = createReadStream(path)[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let isEnded = false;
  while (head.length < HEAD_BYTES && !isEnded) {
    const next = await stream.next();
    if (next.done) isEnded = true;
    else head = Buffer.concat([head, next.value]);
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield head;
    yield* { [Symbol.asyncIterator]: () => stream };
  }
  return { head, bytes: bytes(), fileBytes: about.isFile() ? about.size : undefined };
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  for await (const block of bytes) blocks.push(block);
  return Buffer.concat(blocks);
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
    async *packets() {
      for (const { data } of link.packets) yield data;
    },
  };
}

async function openWav(path: string, { bytes, fileBytes }: Source, { bitrate, warn }: VoiceFileOptions): Promise<VoiceFile> {
  const first = await encodeVoice(await readWav(bytes, { warn, fileBytes }), { bitrate });
  let isFirst = true;
  return {
    format: first.format,
    samples: first.samples,
    title: undefined,
    async *packets() {
      const isRepeated = !isFirst;
      isFirst = false;
      if (!isRepeated) return yield* first.packets();
      const again = await openSource(path);
      // What is odd about the file was said the first time.
      const pcm = await readWav(again.bytes, { warn: () => undefined, fileBytes: again.fileBytes });
      yield* (await encodeVoice(pcm, { bitrate })).packets();
    },
  };
}

/** The packets of `file` with their places on its timeline, again and again if `loop`. */
export async function* placedPackets(
  file: VoiceFile,
  loop: boolean,
): AsyncGenerator<{ packet: Uint8Array; position: number; samples: number }> {
  let position = 0;
  do
    for await (const packet of file.packets()) {
      const samples = opusPacketSamples(packet);
      yield { packet, position, samples };
      position += samples;
    }
  while (loop && position > 0);
}
