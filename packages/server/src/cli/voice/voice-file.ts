// Turns a recording into Opus packets to broadcast, in order and on demand. Its content tells its
// kind: Ogg Opus passes unchanged for as long as it can, WAV is encoded, any other kind is refused
// by name. Each kind of damage is reported once.
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
  /** 48 kHz samples of one pass through it, including pre-skip; undefined if not known. */
  readonly samples: number | undefined;
  /** Its title tag, unchanged, if it has one. */
  readonly title: string | undefined;
  /** Whether it is read only once, as its bytes arrive, which may be late. */
  readonly isLive: boolean;
  /** Notes to print before it is sent: sentences without a full stop. */
  readonly notes: readonly string[];
  /** Returns the packets, endlessly if it loops. Call it once. Rejects with the system's error. */
  packets(): AsyncIterable<PlacedPacket>;
  /** Counts a packet whose sound could not be decoded among the damage. */
  refused(): void;
  /** The damage found so far: a sentence without a full stop for each kind. */
  warnings(): string[];
  /** A clause that says how much could not be read so far; undefined if everything could. */
  loss(): string | undefined;
  /** Closes the file. */
  close(): Promise<void>;
}

interface VoiceFileOptions extends ByteSourceOptions {
  /** Bits a second, used where the voice must be encoded. */
  readonly bitrate: number;
  /** Begin again at its end. */
  readonly loop: boolean;
}

/**
 * Opens the recording at `path`, or standard input for `-`. Rejects with HayateError or the
 * system's error.
 */
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
      throw refuse(`cannot be sent: ${cause.reason ?? 'its beginning, which is needed to decode it, is missing'}`, cause);
    if (cause instanceof OggError || cause instanceof HayateError)
      throw refuse(`cannot be sent: ${cause.message.replace('-i FILE', `-i ${shellQuoted(source.name)}`)}`, cause);
    throw cause;
  }
}

/** Reads only as much of the source as its kind needs, so that a live source is sent at once. */
async function kindOf(source: ByteSource) {
  for (let wanted = 1; ; ) {
    const bytes = await source.peek(wanted);
    const kind = recordingKind(bytes, bytes.length < wanted);
    if (kind !== undefined) return kind;
    wanted = Math.max(bytes.length + 1, Math.min(wanted * 4, bytes.length + 65_536));
  }
}

/** Says how to convert the file to a kind that can be sent. */
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

/**
 * Returns the sound of `first`, then of the recordings that `read` opens, endlessly and without a
 * seam. Ends if a pass has no sound.
 */
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
