// `hayate broadcast`: sends a voice file as a live stream, paced by a clock that does not drift,
// with an avatar that speaks and moves. It reconnects when the server restarts, and succeeds only
// if every frame was acknowledged.
import { Readable } from 'node:stream';
import { type BroadcastEnded, Broadcaster, type StateChange } from '@hayate/client';
import { isAvatar } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';
import { defineFlags, type FlagValues } from '../kernel/flag.ts';
import { type AckFile, AckLog, openAckFile } from './ack-log.ts';
import { broadcastTitle } from './broadcast-title.ts';
import { defineCommand, type Io } from './command.ts';
import { untilInterrupted } from './interruption.ts';
import { clockText, Progress } from './progress.ts';
import { reachServer, serverFlags } from './server-access.ts';
import { prepareSpeech, type Speech } from './speak.ts';
import { checkNewStreamName } from './stream-argument.ts';
import { terminalText } from './terminal-text.ts';
import { openVoiceFile, type VoiceFile } from './voice/voice-file.ts';

const flags = defineFlags({
  file: {
    kind: 'string',
    positional: true,
    required: true,
    standardInput: true,
    help: 'an Ogg/Opus file, sent unchanged where possible, or a WAV file; - for standard input',
  },
  stream: { kind: 'string', required: true, placeholder: 'NAME', help: "the stream's name: 1 to 64 characters of A-Z, a-z, 0-9, _ and -" },
  title: { kind: 'string', help: "the broadcast's title, at most 200 UTF-16 units; default: the file's own, cut if it is longer" },
  avatar: { kind: 'string', placeholder: 'URL', help: 'https:// address of a VRM file; default: the default avatar' },
  loop: { kind: 'boolean', help: 'start over at the end of the file, until interrupted' },
  bitrate: {
    kind: 'number',
    default: 96_000,
    min: 6_000,
    max: 510_000,
    unit: 'bits a second',
    help: 'bitrate of the voice where it must be encoded',
  },
  motionRate: { kind: 'number', default: 30, min: 0, max: 60, unit: 'poses a second', help: 'poses of the avatar a second; 0: none' },
  seed: {
    kind: 'number',
    default: 1,
    min: 0,
    max: 0x7fff_ffff,
    help: "seed of the avatar's idle motion: the same seed gives the same motion",
  },
  ackLog: { kind: 'string', placeholder: 'FILE', help: 'append a JSON line for each acknowledgement; -: standard output' },
  ackTimeoutMs: { kind: 'duration', default: 60_000, help: 'how long to wait for the last acknowledgement' },
  ...serverFlags,
});

export const broadcast = defineCommand({
  name: 'broadcast',
  summary: 'broadcast a voice file in real time',
  details: `Ogg/Opus is sent unchanged where it can be. It is encoded again, at --bitrate, where its header asks
for a gain or more than two channels, where its end is trimmed, in a loop, and from the second
recording of a chain on. Files that are cut or damaged are read as players read them, with a warning
for each kind of fault; the last line says if some of the file could not be read. Standard input is
sent as it comes: ffmpeg -i a.mp3 -vn -c:a libopus -f ogg - | hayate broadcast - --stream a`,
  flags,
  stopsItself: true,
  async run(args, io) {
    checkNewStreamName(args.stream);
    if (args.avatar !== undefined && !isAvatar(args.avatar))
      throw new HayateError('CONFIGURATION', `--avatar must be an https:// address of at most 2008 characters, not "${args.avatar}"`);
    const ackFile = args.ackLog === undefined ? undefined : openAckFile(args.ackLog, io);
    const options = { ...args, stdin: io.stdin ?? Readable.from([]), signal: io.interrupted };
    const file = await untilInterrupted(io.interrupted, openVoiceFile(args.file, options));
    try {
      // Before the broadcast begins, so that there is never a broadcast without a voice.
      const speech = await prepareSpeech(file, io.interrupted);
      return await broadcastFile({ file, speech, ackFile }, args, io);
    } finally {
      // A read that hangs ends with the process.
      await untilInterrupted(io.interrupted, file.close()).catch(() => undefined);
    }
  },
});

type Args = FlagValues<typeof flags>;

/** The parts of a broadcast, and where its acknowledgements are written. */
interface Parts {
  readonly file: VoiceFile;
  readonly speech: Speech;
  readonly ackFile: AckFile | undefined;
}

async function broadcastFile(parts: Parts, args: Args, io: Io): Promise<number> {
  const { file } = parts;
  const title = broadcastTitle(args.title, file.title, (line) => io.stderr.write(`warning: ${terminalText(line)}\n`));
  const { server, token } = await untilInterrupted(io.interrupted, reachServer(args.server, args.token, { publish: [args.stream] }));
  const { stream, avatar, motionRate } = args;
  const broadcaster = new Broadcaster({
    server,
    stream,
    token,
    title,
    motionRate,
    audio: file.format,
    ...(avatar === undefined ? {} : { avatar }),
  });
  try {
    return await run(broadcaster, parts, args, io);
  } finally {
    broadcaster.close();
  }
}

async function run(broadcaster: Broadcaster, { file, speech, ackFile }: Parts, args: Args, io: Io): Promise<number> {
  const stop = new AbortController();
  const signal = AbortSignal.any([io.interrupted, stop.signal]);
  let failure: StateChange | undefined;
  let ended: BroadcastEnded | undefined;
  let abandoned = 0;
  let ackLogError: unknown;
  const onAckLogError = (error: unknown) => {
    ackLogError = error;
    stop.abort();
  };
  const ackLog = ackFile === undefined ? undefined : new AckLog(ackFile, broadcaster, onAckLogError);
  const progress = new Progress(io.stderr, () => render(broadcaster, file, args.loop));
  broadcaster.on('state', (change) => {
    if (change.state === 'connecting' && change.reason !== undefined) progress.say(`no connection yet, retrying: ${change.reason}`);
    if (change.state === 'reconnecting') progress.say(`connection lost, reconnecting: ${change.reason ?? ''}`);
    if (change.state === 'failed') failure = change;
    if (change.state === 'failed' || change.state === 'ended') stop.abort();
  });
  broadcaster.on('ended', (event) => {
    ended = event;
    stop.abort();
  });
  broadcaster.on('epoch', (begun) => {
    if (begun.previous === undefined) return;
    const lost = sum(begun.abandoned);
    abandoned += lost;
    progress.say(`the server no longer knows the broadcast: a new one began (${lost} frames were never acknowledged)`);
  });
  try {
    await untilInterrupted(io.interrupted, broadcaster.start());
    for (const note of file.notes) progress.say(note);
    progress.say(`broadcasting ${args.file} as "${args.stream}" to ${args.server}`);
    const spoken = await settled(speech.speak(broadcaster, { ...args, signal }));
    // If the file cannot be read further, end the broadcast as at the file's end: viewers must not
    // be left waiting.
    if (failure === undefined && ended === undefined) await endWithin(broadcaster, args.ackTimeoutMs);
    if (spoken.error !== undefined) throw spoken.error.cause;
  } finally {
    speech.close();
    progress.close();
    ackLog?.close();
  }
  for (const warning of file.warnings()) io.stderr.write(`warning: ${terminalText(`${args.file}: ${warning}`)}\n`);
  if (ackLogError !== undefined) throw ackLogError;
  return report(broadcaster, { failure, ended, abandoned, loss: file.loss() }, io);
}

/** Waits for `work` and returns its error, if any, for later use. */
async function settled(work: Promise<void>): Promise<{ error?: { cause: unknown } }> {
  return await work.then(
    () => ({}),
    (cause: unknown) => ({ error: { cause } }),
  );
}

/**
 * Ends the broadcast. Gives up waiting for acknowledgements after `timeoutMs`; the report then
 * names the missing ones.
 */
async function endWithin(broadcaster: Broadcaster, timeoutMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  // If the broadcast fails while it ends, its state and the unacknowledged frames show that.
  const over = broadcaster.end().catch(() => undefined);
  await Promise.race([over, late]);
  clearTimeout(timer);
}

/** The outcome of a broadcast. */
interface Outcome {
  readonly failure: StateChange | undefined;
  readonly ended: BroadcastEnded | undefined;
  /** Frames of earlier epochs that were never acknowledged. */
  readonly abandoned: number;
  /** A clause that says which part of the file could not be read. */
  readonly loss: string | undefined;
}

function report(broadcaster: Broadcaster, { failure, ended, abandoned, loss }: Outcome, io: Io): number {
  const { frames, dropped, unacknowledgedFrames } = broadcaster.stats;
  const problems: string[] = [];
  if (failure !== undefined) problems.push(`the broadcast failed: ${failure.reason ?? 'no reason was given'}`);
  if (ended !== undefined && ended.reason !== 'finished') problems.push(`the server ended the broadcast (${ended.reason})`);
  if (unacknowledgedFrames > 0) problems.push(`${unacknowledgedFrames} frames were not acknowledged`);
  if (abandoned > 0) problems.push(`${abandoned} frames of a broadcast that could not be resumed were never acknowledged`);
  if (dropped.audio > 0) problems.push(`${dropped.audio} audio frames were dropped`);
  if (problems.length > 0) throw new HayateError('CLOSED', problems.join('; '));
  const skipped = dropped.motion > 0 ? ` (${dropped.motion} poses were left out)` : '';
  const acknowledged = loss === undefined ? 'everything acknowledged' : `all of them acknowledged; ${loss}`;
  io.stderr.write(`ended: ${frames.audio} audio and ${frames.motion} motion frames, ${acknowledged}${skipped}\n`);
  return 0;
}

function render(broadcaster: Broadcaster, file: VoiceFile, loop: boolean): string {
  const { state, bitsPerSecond, acknowledgedNextSequence, nextSequence, roundTripMs, viewers } = broadcaster.stats;
  const total = loop ? ' / on and on' : file.samples === undefined ? '' : ` / ${clockText(file.samples / 48)}`;
  const rtt = roundTripMs === undefined ? '-' : `${roundTripMs.toFixed(1)} ms`;
  const now = clockText(broadcaster.nowUs() / 1000);
  const kbps = Math.round(bitsPerSecond / 1000);
  return `${now}${total}  ${state}  ${kbps} kbit/s  acked ${acknowledgedNextSequence}/${nextSequence}  rtt ${rtt}  viewers ${viewers}`;
}

function sum(counts: object): number {
  return Object.values(counts).reduce((a: number, b: number) => a + b, 0);
}
