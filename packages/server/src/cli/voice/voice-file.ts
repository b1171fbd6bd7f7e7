// A recording to broadcast in, Opus packets in order out, made as they are asked for. Its kind is told by its content: Ogg Opus
// passes unchanged for as long as it can, WAV is encoded, anything else is named. What is odd about it is told, once a kind.
import type { AudioFormat } from '@hayate/client';
import { NoOpusError, OggError, tagValue } from '../../format/ogg/index.ts';
import { readWav } from '../../format/wav/index.ts';
import { HayateError } from '../../kernel/error.ts';
import { type ByteSource, type ByteSourceOptions, openByteSource } from './byte-source.ts';
import { encodeVoice, PACKET_SAMPLES } from './encode-voice.ts';
import { openOggVoice } from './ogg-voice.ts';
import type { Pcm } from './pcm.ts';
import { type PlacedPacket, placeInTurn } from './placed-packet.ts';
import { recordingKind, shellQuoted } from './recording-kind.ts';
import { VoiceTrouble } from './voice-trouble.ts';

/** A voice to broadcast. */
export interface VoiceFile {
  readonly format: AudioFormat;
  /** 48 kHz samples of a pass through it, pre-skip included; undefined if not known. */
  readonly samples: number | undefined;
  /** Its title tag as it stands in the file, if it has one. */
  readonly title: string | undefined;
  /** Whether it is read once, as it comes, and may come late. */
  readonly isLive: boolean;
  /** What to tell before it is sent: sentences without a full stop. */
  readonly notes: readonly string[];
  /** The packets, for ever if it loops. Call it once. Rejects with the system's error. */
  packets(): AsyncIterable<PlacedPacket>;
  /** A packet's sound could not be decoded: it is counted among what is odd. */
  refused(): void;
  /** What was odd about it so far: a sentence without a full stop for each kind. */
  warnings(): string[];
  /** A clause that says how much of it could not be read so far; undefined if everything could. */
  loss(): string | undefined;
  /** Lets go of it. */
  close(): Promise<void>;
}

export interface VoiceFileOptions extends ByteSourceOptions {
  /** Bits a second, for what must be encoded. */
  readonly bitrate: number;
  /** Begin again at its end. */
  readonly loop: boolean;
}

/** Opens the recording at `path`, `-` for standard input. Rejects with HayateError, or the system's error. */
export async function openVoiceFile(path: string, options: VoiceFileOptions): Promise<VoiceFile> {
  const source = await openByteSource(path, options);
  try {
    if (options.loop && source.size === undefined)
      throw new HayateError('CONFIGURATION', `--loop needs a file that can be read again; ${source.name} can be read only once`);
    return await open(source, options);
  } catch (error) {
    await source.close();
    options.signal.throwIfAborted();
    throw error;
  }
}

async function open(source: ByteSource, options: VoiceFileOptions): Promise<VoiceFile> {
  const kind = await kindOf(source);
  const refuse = (why: string, cause?: unknown) => new HayateError('BAD_REQUEST', `${source.name} ${why}`, { cause });
  if (kind.kind === 'empty') throw refuse('is empty');
  if (kind.kind === 'unknown') throw refuse('is neither an Ogg/Opus nor a WAV file');
  if (kind.kind === 'other') throw refuse(`is ${kind.name}${kind.isSound ? conversion(source) : ', neither Ogg/Opus nor WAV'}`);
  try {
    return kind.kind === 'ogg' ? await openOgg(source, options) : await openWav(source, options);
  } catch (cause) {
    if (cause instanceof NoOpusError && cause.reason === undefined && cause.codecs.length > 0)
      throw refuse(`is an Ogg file that holds ${cause.codecs.join(' and ')}, not Opus${conversion(source)}`, cause);
    if (cause instanceof NoOpusError)
      throw refuse(`cannot be sent: ${cause.reason ?? 'its beginning, which says how to decode it, is missing'}`, cause);
    if (cause instanceof OggError || cause instanceof HayateError)
      throw refuse(`cannot be sent: ${cause.message.replace('-i FILE', `-i ${shellQuoted(source.name)}`)}`, cause);
    throw cause;
  }
}

/** Looks at as little of the source as tells its kind, so that a live one is sent at once. */
async function kindOf(source: ByteSource) {
  for (let wanted = 1; ; ) {
    const bytes = await source.peek(wanted);
    const kind = recordingKind(bytes, bytes.length < wanted);
    if (kind !== undefined) return kind;
    wanted = Math.max(bytes.length + 1, Math.min(wanted * 4, bytes.length + 65_536));
  }
}

/** How to make something of it that can be sent. */
function conversion({ name, size }: ByteSource): string {
  if (name === 'standard input') return '; convert it first: … | ffmpeg -i - -vn -c:a libopus -f ogg - | hayate broadcast -';
  return `; ${size === undefined ? 'convert it first' : 'convert it'} with: ffmpeg -i ${shellQuoted(name)} -vn -c:a libopus out.ogg`;
}

async function openOgg(source: ByteSource, options: VoiceFileOptions): Promise<VoiceFile> {
  const trouble = new VoiceTrouble();
  const voice = await openOggVoice(source, { ...options, trouble });
  const { reencoded } = voice;
  return {
    format: voice.format,
    samples: voice.samples,
    title: tagValue(voice.link.tags, 'TITLE'),
    isLive: source.size === undefined,
    notes: reencoded === undefined ? [] : [`encoding again at ${Math.round(options.bitrate / 1_000)} kbit/s: ${reencoded}`],
    packets: voice.packets,
    refused: () => trouble.add('undecodable', 1),
    warnings: () => trouble.sentences(),
    loss: () => trouble.loss(),
    close: () => source.close(),
  };
}

async function openWav(source: ByteSource, { bitrate, loop }: VoiceFileOptions): Promise<VoiceFile> {
  const warnings = new Set<string>();
  const read = () => readWav(source.bytes(), { warn: (line) => warnings.add(line), fileBytes: source.size });
  const first = await read();
  const encoded = await encodeVoice(loop ? repeated(first, read) : first, { bitrate });
  return {
    format: encoded.format,
    samples: encoded.samples,
    title: undefined,
    isLive: source.size === undefined,
    notes: [],
    packets: () => placeInTurn(encoded.packets(), PACKET_SAMPLES),
    refused: () => undefined,
    warnings: () => [...warnings],
    loss: () => undefined,
    close: () => source.close(),
  };
}

/** The sound of `first`, then of what `read` opens, again and again, without a seam. It ends if a pass has no sound. */
function repeated(first: Pcm, read: () => Promise<Pcm>): Pcm {
  return {
    ...first,
    samples: undefined,
    async *blocks() {
      for (let pass = first; ; pass = await read()) {
        let hasSound = false;
        for await (const block of pass.blocks()) {
          hasSound ||= block.length > 0;
          yield block;
        }
        if (!hasSound) return;
      }
    },
  };
}
