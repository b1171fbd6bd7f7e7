// `hayate watch`: records a stream's voice to one Ogg/Opus file, on the stream's own timeline. The
// file is complete after any end: the broadcast's, the requested time's, or an interruption.
import { type AudioFrame, Viewer } from '@hayate/client';
import { epochText, type StreamHeader } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';
import { defineFlags, type FlagValues } from '../kernel/flag.ts';
import { defineCommand, type Io } from './command.ts';
import { failureOf } from './failure.ts';
import { untilInterrupted } from './interruption.ts';
import { OggRecording } from './ogg-recording.ts';
import { type ByteOutput, openOutput } from './output-file.ts';
import { clockText, Progress } from './progress.ts';
import { reachServer, serverFlags } from './server-access.ts';
import { checkStreamName } from './stream-argument.ts';
import { terminalText } from './terminal-text.ts';

const flags = defineFlags({
  stream: { kind: 'string', positional: true, required: true, help: 'the stream to watch' },
  out: {
    kind: 'string',
    required: true,
    placeholder: 'FILE.ogg',
    help: 'the file for the voice; replaced when the first sound arrives; -: standard output',
  },
  duration: { kind: 'duration', min: 1, help: 'stop after this time; default: at the end of the broadcast' },
  participant: { kind: 'number', default: 0, min: 0, max: 63, help: 'the participant whose voice is written; 0 is the broadcaster' },
  ...serverFlags,
});

export const watch = defineCommand({
  name: 'watch',
  summary: "record a live stream's voice as an Ogg/Opus file",
  details: 'Waits for a stream that is not live yet.',
  flags,
  async run(args, io) {
    checkStreamName(args.stream);
    const { stream } = args;
    const file = openOutput('--out', args.out, io, 'first write');
    const { server, token } = await untilInterrupted(io.interrupted, reachServer(args.server, args.token, { watch: [stream] }));
    const viewer = new Viewer({ server, stream, token });
    try {
      return await record(viewer, new RecordingFile(file), args, io);
    } finally {
      viewer.close();
    }
  },
});

type Args = FlagValues<typeof flags>;

async function record(viewer: Viewer, output: RecordingFile, args: Args, io: Io): Promise<number> {
  const { file } = output;
  const over = Promise.withResolvers<string>();
  const progress = new Progress(io.stderr, () => render(viewer, output.recording));
  viewer.on('epoch', ({ epoch }) => {
    if (epoch === undefined) return;
    if (output.begin(epoch)) progress.say(`watching "${args.stream}" at ${args.server}, writing ${file.name}`);
    else over.resolve('a new broadcast began');
  });
  let title = '';
  viewer.on('header', ({ header }) => {
    if (header.title !== title) progress.say(`its title is ${header.title === '' ? 'taken away' : header.title}`);
    title = header.title;
  });
  viewer.on('audio', (frame) => {
    if (frame.participant !== args.participant || viewer.header?.audio === undefined || !output.accepts(viewer.epoch)) return;
    try {
      output.write(frame, viewer.header, args.stream);
    } catch (error) {
      over.reject(error);
    }
  });
  viewer.on('ended', ({ reason }) => over.resolve(`the broadcast ended (${reason})`));
  viewer.on('state', ({ state, reason }) => {
    if (state === 'connecting' && reason !== undefined) progress.say(`no connection yet, retrying: ${reason}`);
    if (state === 'reconnecting') progress.say(`connection lost, reconnecting: ${reason ?? ''}`);
    if (state === 'failed') over.reject(new HayateError('CLOSED', `watching failed: ${reason ?? 'no reason was given'}`));
  });
  const interrupt = () => over.resolve('interrupted');
  io.interrupted.addEventListener('abort', interrupt);
  file.readerLeft.addEventListener('abort', interrupt);
  const timer = args.duration === undefined ? undefined : setTimeout(() => over.resolve('the given time is over'), args.duration);
  try {
    await Promise.race([viewer.connect(), over.promise]);
    if (viewer.epoch === undefined) progress.say(`waiting for "${args.stream}" to go live`);
    const why = await over.promise;
    output.close();
    return file.readerLeft.aborted ? 0 : report(viewer, output.recording, { why, out: file.name }, io);
  } catch (error) {
    const held = output.recording === undefined ? '' : `; ${file.name} holds ${clockText(output.recording.samples / 48)}`;
    throw held === '' ? error : new HayateError('CLOSED', `${failureOf(error).line}${held}`, { cause: error });
  } finally {
    clearTimeout(timer);
    io.interrupted.removeEventListener('abort', interrupt);
    progress.close();
    endQuietly(output);
  }
}

/** Completes the file after a failure. A second error here does not change the first. */
function endQuietly(output: RecordingFile): void {
  try {
    output.close();
  } catch {
    // The failure has already been reported.
  }
}

/** The file of a recording. It holds one epoch. */
class RecordingFile {
  readonly file: ByteOutput;
  #epoch: bigint | undefined;
  #ended = false;
  recording: OggRecording | undefined;

  constructor(file: ByteOutput) {
    this.file = file;
  }

  /** Whether `epoch` is the one to record, which is the first. */
  begin(epoch: bigint): boolean {
    this.#epoch ??= epoch;
    return this.#epoch === epoch;
  }

  accepts(epoch: bigint | undefined): boolean {
    return epoch !== undefined && this.begin(epoch);
  }

  /** Appends a frame's packets; throws the system's error. */
  write({ packets, position }: AudioFrame, { audio, title }: StreamHeader, stream: string): void {
    this.recording ??= new OggRecording({
      channels: audio?.channels === 2 ? 2 : 1,
      preSkip: audio?.preSkip ?? 0,
      inputSampleRate: audio?.inputSampleRate ?? 0,
      tags: [
        ['TITLE', title],
        ['HAYATE_STREAM', stream],
        ['HAYATE_EPOCH', epochText(this.#epoch ?? 0n)],
      ],
    });
    this.file.write(this.recording.add(packets, position));
  }

  /** Completes the file. Throws the system's error. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      if (this.recording !== undefined) this.file.write(this.recording.end());
      this.file.complete();
    } finally {
      this.file.close();
    }
  }
}

function report(viewer: Viewer, recording: OggRecording | undefined, { why, out }: { why: string; out: string }, io: Io): number {
  if (recording === undefined) throw new HayateError('NOT_FOUND', `${why}; no voice arrived, so nothing was written`);
  const { missing } = viewer.stats;
  const filled = recording.concealedSamples > 0 ? `, ${Math.round(recording.concealedSamples / 48)} ms filled in` : '';
  const lost = missing.lost + missing.slow > 0 ? `, ${missing.lost + missing.slow} frames missing` : '';
  io.stderr.write(
    `${why}: ${terminalText(out)} holds ${clockText(recording.samples / 48)} in ${recording.packets} packets${filled}${lost}\n`,
  );
  return 0;
}

function render(viewer: Viewer, recording: OggRecording | undefined): string {
  const { state, bitsPerSecond, latency, missing, viewers } = viewer.stats;
  const delay = latency === undefined ? '-' : `${Math.round(latency.ms)} ms`;
  const lost = missing.lost + missing.slow + missing.expired;
  const now = clockText((recording?.samples ?? 0) / 48);
  return `${now}  ${state}  ${Math.round(bitsPerSecond / 1000)} kbit/s  latency ${delay}  missing ${lost}  viewers ${viewers}`;
}
