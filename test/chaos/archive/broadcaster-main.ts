// The broadcaster's own process: the SDK with voice, poses and comments made from a seed, at their
// usual pace, and a journal of the messages on its WebSocket. In: settings as JSON in the first
// argument; commands on standard input, one a line. Out: status lines on standard output, and the
// journal. It ends with 0 when everything it sent was acknowledged, or when it was superseded.
import { createInterface } from 'node:readline';
import { fromBinary } from '@bufbuild/protobuf';
import { Broadcaster, createPose } from '@hayate/client';
import { ClientMessageSchema, epochText, peekFrame, ServerMessageSchema } from '@hayate/protocol';
import { seededNumbers } from '../../support/archive-broadcast.ts';
import { JournalWriter } from './journal.ts';

/** The JSON in the first argument. */
export interface BroadcasterSettings {
  readonly server: string;
  readonly stream: string;
  readonly token: string;
  /** Path of the journal. */
  readonly journal: string;
  readonly seed: number;
  /** How long unacknowledged frames are kept. */
  readonly queueMs: number;
}

/**
 * Interval between frames: a voice frame and another frame alternate, so that there are 50 packets
 * of 20 ms a second.
 */
const TICK_MS = 10;
const PACKET_SAMPLES = 960;
const SAMPLES_PER_MS = 48;
/**
 * After a pause of up to a second the missed ticks are made up for; any more are left out, as by a
 * phone that slept.
 */
const TICKS_BEHIND_MAX = 1_000 / TICK_MS;
const COMMENT_TICKS = 50;

const settings: BroadcasterSettings = JSON.parse(process.argv[2] ?? '{}');
const random = seededNumbers(settings.seed);
const journal = new JournalWriter(settings.journal);

/**
 * A WebSocket that records its traffic: frames and dropped ranges before they are sent,
 * acknowledgements as they arrive.
 */
class JournalledSocket extends WebSocket {
  #epoch = '';

  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    this.addEventListener('message', ({ data }) => this.#took(new Uint8Array(data as ArrayBuffer)));
  }

  override send(data: Parameters<WebSocket['send']>[0]): void {
    const { frames, dropped } = fromBinary(ClientMessageSchema, data as Uint8Array);
    for (const frame of frames) {
      const { epoch, sequence } = peekFrame(frame);
      journal.sent(epochText(epoch), sequence, frame);
    }
    for (const { first, last } of dropped) journal.dropped(this.#epoch, Number(first), Number(last));
    super.send(data);
  }

  #took(bytes: Uint8Array): void {
    const { published, ack, ended } = fromBinary(ServerMessageSchema, bytes);
    if (published !== undefined) this.#epoch = epochText(published.epoch);
    const promise = ack ?? published;
    if (promise !== undefined) journal.acked(this.#epoch, Number(promise.nextSequence));
    if (ended !== undefined) journal.ended(epochText(ended.epoch), Number(ended.nextSequence));
  }
}

/** How far this machine's simulated clock is ahead, in milliseconds. */
let aheadMs = 0;
let ticks = 0;
/** Due time of the next tick, on this machine's clock. */
let dueMs = 0;
let ending = false;

const nowMs = (): number => performance.now() + aheadMs;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const broadcaster = new Broadcaster({
  server: settings.server,
  stream: settings.stream,
  token: settings.token,
  title: `Chaos, seed ${settings.seed}`,
  audio: { channels: 1, preSkip: 312, inputSampleRate: 48_000 },
  WebSocket: JournalledSocket,
  clock: { nowMs },
  queueMs: settings.queueMs,
  // It reconnects as soon as the backoff permits.
  random: () => 0,
});

/**
 * 20 ms of CELT: a valid packet to readers of the first byte only; the other bytes make each packet
 * unique.
 */
function packet(): Uint8Array {
  const bytes = new Uint8Array(10 + random(40)).map(() => random(256));
  bytes[0] = 0xf8;
  return bytes;
}

function pose(): ReturnType<typeof createPose> {
  const made = createPose();
  for (let i = 0; i < 6; i++) made.shapes[random(made.shapes.length)] = random(256) / 255;
  return made;
}

/** Sends the next frame, with content captured at `dueMs`. */
function tick(): void {
  const captureUs = broadcaster.captureUsAt(dueMs);
  const position = Math.round(dueMs / (2 * TICK_MS)) * PACKET_SAMPLES;
  if (ticks % 2 === 0) broadcaster.sendAudio({ packets: [packet()], position, captureUs, level: random(128) });
  else if (ticks % COMMENT_TICKS === 1 && (broadcaster.state === 'live' || broadcaster.state === 'reconnecting'))
    broadcaster.sendEvent({ case: 'comment', value: { author: 'chaos', text: 'a'.repeat(random(200)) } }, { captureUs });
  else broadcaster.sendMotion(pose(), { captureUs });
  ticks++;
  dueMs += TICK_MS;
}

function tickUntilNow(): void {
  if (ending) return;
  if (nowMs() - dueMs > TICKS_BEHIND_MAX * TICK_MS) skip(nowMs() - dueMs);
  while (dueMs <= nowMs()) tick();
}

/** Skips this much time, in whole packets. */
function skip(ms: number): void {
  dueMs += Math.floor((ms * SAMPLES_PER_MS) / PACKET_SAMPLES) * 2 * TICK_MS;
}

/**
 * `capture MS`: captures this much content at once, as if the time had passed. `sleep MS`: lets
 * this much time pass without capturing. `end`: ends the broadcast.
 */
function obey(line: string): void {
  const [command, argument = '0'] = line.split(' ');
  const ms = Number(argument);
  if (command === 'capture') {
    for (const end = dueMs + ms; dueMs < end; ) {
      aheadMs += Math.max(0, dueMs - nowMs());
      tick();
    }
  } else if (command === 'sleep') {
    aheadMs += ms;
    skip(ms);
  } else if (command === 'end') {
    ending = true;
    broadcaster.end().then(
      () => finish(0, 'everything acknowledged'),
      (error: unknown) => finish(1, `not everything was acknowledged: ${String(error)}`),
    );
  } else throw new Error(`"${line}" is not a command`);
  say(`did ${line}`);
}

function finish(code: number, line: string): void {
  say(line);
  broadcaster.close();
  process.exit(code);
}

broadcaster.on('state', ({ state, reason = '', closeCodeName = '' }) => {
  say(`${state} ${closeCodeName} ${reason}`);
  if (state === 'failed' && closeCodeName === 'SUPERSEDED') finish(0, 'superseded');
  if (state === 'failed') finish(1, `failed: ${reason}`);
});
broadcaster.on('epoch', ({ epoch, previous }) => say(`epoch ${epochText(epoch)}${previous === undefined ? '' : ' again'}`));
await broadcaster.start();
dueMs = Math.ceil(nowMs() / (2 * TICK_MS)) * 2 * TICK_MS;
ticks = 0;
setInterval(tickUntilNow, TICK_MS);
createInterface({ input: process.stdin }).on('line', obey);
