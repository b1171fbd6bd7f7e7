// `hayate archive export`: writes one voice of a past broadcast, between two moments, to one
// Ogg/Opus file. The file gets its name only when it is complete.
import { storeFlags } from '../adapter-flags.ts';
import { openArchive } from '../adapters.ts';
import { type ExportedVoice, exportVoice, type Moment } from '../archive/export/export.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { timeText } from '../kernel/time-text.ts';
import { defineCommand, type Io } from './command.ts';
import { openOutput } from './output-file.ts';
import { clockText } from './progress.ts';
import { checkStreamName } from './stream-argument.ts';
import { terminalText } from './terminal-text.ts';
import { typedTime } from './time.ts';

const flags = defineFlags({
  stream: { kind: 'string', positional: true, required: true, help: 'whose voice' },
  out: {
    kind: 'string',
    required: true,
    placeholder: 'FILE.ogg',
    help: 'the file to write once the voice is complete; -: standard output',
  },
  from: {
    kind: 'string',
    placeholder: 'TIME',
    help: 'where to begin: 2026-05-03T18:00Z or …T18:00+09:00 (without a zone: UTC), or seconds since the broadcast began',
  },
  to: { kind: 'string', placeholder: 'TIME', help: 'where to end, in the format of --from' },
  epoch: { kind: 'string', help: 'the broadcast, by its epoch in archive ls; default: the newest with voice in that time' },
  participant: { kind: 'number', default: 0, min: 0, max: 63, help: 'the participant whose voice is written; 0 is the broadcaster' },
  ...storeFlags,
});

export const archiveExport = defineCommand({
  name: 'archive export',
  summary: "export a broadcast's voice from the archive as an Ogg/Opus file",
  details:
    'Cut to the packet, across segments; late voice is at its position; holes are silence of their length.\n' +
    'The wall-clock time of the first sample is in the tags DATE and HAYATE_START_UNIX_US.',
  flags,
  async run({ stream, out, from, to, epoch, participant, ...settings }, io) {
    checkStreamName(stream);
    if (epoch !== undefined && !/^[0-9a-f]{16}$/.test(epoch))
      throw new HayateError('CONFIGURATION', `--epoch ${epoch} must be 16 hex digits, as printed by archive ls`);
    const request = { stream, epoch, participant, from: momentOf(io, 'from', from), to: momentOf(io, 'to', to) };
    const file = openOutput('--out', out, io, 'complete');
    const store = await openArchive(settings);
    try {
      const stop = AbortSignal.any([io.interrupted, file.readerLeft]);
      const exported = await exportVoice(store, request, (bytes) => {
        stop.throwIfAborted();
        file.write(bytes);
        return file.drain();
      });
      file.complete();
      io.stderr.write(`${terminalText(describe(exported, out))}\n`);
    } catch (error) {
      if (!file.readerLeft.aborted) throw error;
    } finally {
      file.close();
      await store.close();
    }
    return 0;
  },
});

function momentOf(io: Io, name: string, text: string | undefined): Moment | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return { seconds: Number(text) };
  return { unixMs: typedTime(io, name, text).unixMs };
}

function describe({ stream, epoch, startUnixMs, durationMs, splicedPackets, filledMs }: ExportedVoice, out: string): string {
  const notes = [
    ...(splicedPackets > 0 ? [`${splicedPackets} late packets inserted`] : []),
    ...(filledMs > 0 ? [`${(filledMs / 1000).toFixed(1)} s of holes`] : []),
  ];
  const what = `${clockText(durationMs)} of ${stream}/${epoch} from ${timeText(startUnixMs)}`;
  return `${out === '-' ? '' : `${out}: `}${what}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
}
