// Joins the items of an Ogg Opus file into one sound. Links are decoded one after another, each
// without its pre-skip, with its own gain and channels, and cut at its end. A hole lasts as long as
// the missing sound.
import type { VoiceItem } from '../../format/ogg/index.ts';
import { LinkDecoder, mappingRefusal } from './link-decoder.ts';
import type { VoiceTrouble } from './voice-trouble.ts';

/** How long the decoder conceals a hole before it becomes silent: 100 ms. */
const CONCEAL_SAMPLES_MAX = 4_800;
const CONCEAL_STEP_SAMPLES = 120;
const SILENCE_SAMPLES = 48_000;

interface LinkSoundOptions {
  /** Channels of the returned sound. */
  readonly channels: 1 | 2;
  /** Whether the first link's pre-skip is left out, like that of every other link. */
  readonly skipsFirst: boolean;
  readonly trouble: VoiceTrouble;
}

/** Decodes `items`, which begin with a link. Interleaved, 48 kHz, in [-1, 1]. */
export async function* linkSound(
  items: AsyncIterable<VoiceItem>,
  { channels, skipsFirst, trouble }: LinkSoundOptions,
): AsyncGenerator<Float32Array> {
  let decoder: LinkDecoder | undefined;
  let isFirst = true;
  let skip = 0;
  const cut = (pcm: Float32Array): Float32Array => {
    const skipped = Math.min(skip, pcm.length / channels);
    skip -= skipped;
    return pcm.subarray(skipped * channels);
  };
  try {
    for await (const item of items) {
      if (item.kind === 'link') {
        decoder?.close();
        const isPlayable = mappingRefusal(item.head) === undefined;
        decoder = isPlayable ? await LinkDecoder.open(item.head, channels) : undefined;
        if (!isPlayable) trouble.add('unplayableLink', 1);
        skip = isFirst && !skipsFirst ? 0 : item.head.preSkip;
        isFirst = false;
      } else if (decoder !== undefined && item.kind === 'packet') {
        let pcm = decoder.decode(item.data);
        if (pcm === undefined) {
          trouble.add('undecodable', 1);
          pcm = decoder.conceal(item.samples);
        }
        yield cut(pcm.subarray(0, item.keep * channels));
      } else if (decoder !== undefined && item.kind === 'gap') {
        for (const pcm of fillGap(item.samples, channels, decoder)) yield cut(pcm);
      }
    }
  } finally {
    decoder?.close();
  }
}

function* fillGap(samples: number, channels: number, decoder: LinkDecoder): Generator<Float32Array> {
  const concealed = Math.min(samples, CONCEAL_SAMPLES_MAX);
  let left = samples;
  for (let step = concealed - (concealed % CONCEAL_STEP_SAMPLES); step > 0; ) {
    const part = Math.min(step, 960);
    yield decoder.conceal(part);
    step -= part;
    left -= part;
  }
  for (; left > 0; left -= Math.min(left, SILENCE_SAMPLES)) yield new Float32Array(Math.min(left, SILENCE_SAMPLES) * channels);
}
