// What clients of a simulated world do that do not keep to the contract, or only just do: each
// conduct with the close code that the server owes it, and when. Times are virtual milliseconds
// after the client has connected.
import { type CloseCodeName, Timing } from '@hayate/protocol';
import { LASTING_TOKEN, REFUSED_TOKEN, tokenUntil, UNDECIDED_TOKEN } from './simulated-token.ts';
import type { World } from './world.ts';

/** What a conduct does through its client. */
export interface Actor {
  /** Unix milliseconds. */
  readonly unixMs: number;
  /** Sends the first message. */
  hello(token: string): void;
  /** Sends an application ping. */
  ask(): void;
  /** Sends a WebSocket ping. */
  ping(): void;
  renew(token: string): void;
  /** Sends a message of `count` events with `bytes` bytes each. */
  events(count: number, bytes: number): void;
  /** Calls `run` every `intervalMs` while the connection lasts. */
  every(intervalMs: number, run: () => void): void;
  /** Calls `run` after `delayMs` if the connection lasts. */
  later(delayMs: number, run: () => void): void;
}

/** When a close may come. */
interface CloseTime {
  readonly atLeastMs: number;
  readonly atMostMs: number;
}

/** A conduct. */
export interface Conduct {
  readonly name: string;
  readonly endpoint: 'publish' | 'watch';
  /** The close code owed; undefined: the server keeps the connection. */
  readonly code: CloseCodeName | undefined;
  /** Whether its WebSocket answers pings. */
  readonly answersPings: boolean;
  closeTime(settings: World['settings']): CloseTime;
  begin(actor: Actor): void;
}

const TOKEN_MS = 1_500;
const RENEWAL_MS = 500;
const TALK_MS = 400;
const FLOOD_MS = 10;
/** Messages, pings or events that a flood sends at once. */
const FLOOD_COUNT = 20;
const FLOOD_EVENTS = 40;
const FLOOD_EVENT_BYTES = 25_000;

type Settings = World['settings'];
const never = (): CloseTime => ({ atLeastMs: 0, atMostMs: Number.POSITIVE_INFINITY });
const exactly = (ms: number): CloseTime => ({ atLeastMs: ms, atMostMs: ms });
/** After the burst has passed, at a steady rate beyond the limit. Both are units a second. */
function flood(limit: number, sent: number): CloseTime {
  const burst = limit * Timing.rateBurstMs;
  return { atLeastMs: burst / sent, atMostMs: burst / (sent - limit) };
}
const messagesMax = (endpoint: 'publish' | 'watch', settings: Settings): number =>
  settings.messagesPerSecondMax + (endpoint === 'publish' ? settings.framesPerSecondMax : 0);
const perSecond = (count: number): number => (count * 1_000) / FLOOD_MS;

function conductsOf(endpoint: 'publish' | 'watch'): Conduct[] {
  const base = { endpoint, answersPings: true };
  const greetAndTalk = (actor: Actor, token: string) => {
    actor.hello(token);
    actor.every(TALK_MS, () => actor.ask());
  };
  return [
    {
      ...{ ...base, name: 'says nothing', code: 'HANDSHAKE_TIMEOUT' },
      closeTime: ({ handshakeTimeoutMs }) => exactly(handshakeTimeoutMs),
      begin: () => undefined,
    },
    {
      ...{ ...base, name: 'pings and says nothing', code: 'HANDSHAKE_TIMEOUT' },
      closeTime: ({ handshakeTimeoutMs }) => exactly(handshakeTimeoutMs),
      begin: (actor) => actor.every(TALK_MS, () => actor.ping()),
    },
    {
      ...{ ...base, name: 'falls silent and answers no ping', code: 'IDLE', answersPings: false },
      closeTime: ({ idleTimeoutMs }) => ({ atLeastMs: idleTimeoutMs, atMostMs: idleTimeoutMs * 1.25 }),
      begin: (actor) => actor.hello(LASTING_TOKEN),
    },
    {
      ...{ ...base, name: 'falls silent and answers pings', code: undefined },
      closeTime: never,
      begin: (actor) => actor.hello(LASTING_TOKEN),
    },
    {
      ...{ ...base, name: 'lets its token expire', code: 'TOKEN_EXPIRED' },
      closeTime: () => exactly(TOKEN_MS),
      begin: (actor) => greetAndTalk(actor, tokenUntil(actor.unixMs + TOKEN_MS)),
    },
    {
      ...{ ...base, name: 'renews its token in time', code: undefined },
      closeTime: never,
      begin: (actor) => {
        actor.hello(tokenUntil(actor.unixMs + TOKEN_MS));
        actor.every(RENEWAL_MS, () => actor.renew(tokenUntil(actor.unixMs + TOKEN_MS)));
      },
    },
    {
      ...{ ...base, name: 'renews its token with one that cannot be decided', code: 'ISSUER_UNAVAILABLE' },
      closeTime: () => exactly(TOKEN_MS),
      begin: (actor) => {
        greetAndTalk(actor, tokenUntil(actor.unixMs + TOKEN_MS));
        actor.later(RENEWAL_MS, () => actor.renew(UNDECIDED_TOKEN));
      },
    },
    {
      ...{ ...base, name: 'renews its token with one that is refused', code: 'UNAUTHORIZED' },
      closeTime: () => exactly(RENEWAL_MS),
      begin: (actor) => {
        greetAndTalk(actor, LASTING_TOKEN);
        actor.later(RENEWAL_MS, () => actor.renew(REFUSED_TOKEN));
      },
    },
    {
      ...{ ...base, name: 'floods with messages', code: 'RATE_EXCEEDED' },
      closeTime: (settings) => flood(messagesMax(endpoint, settings), perSecond(FLOOD_COUNT)),
      begin: (actor) => {
        actor.hello(LASTING_TOKEN);
        actor.every(FLOOD_MS, () => repeat(FLOOD_COUNT, () => actor.ask()));
      },
    },
    {
      ...{ ...base, name: 'floods with WebSocket pings', code: 'RATE_EXCEEDED' },
      closeTime: (settings) => flood(messagesMax(endpoint, settings), perSecond(FLOOD_COUNT)),
      begin: (actor) => {
        actor.hello(LASTING_TOKEN);
        actor.every(FLOOD_MS, () => repeat(FLOOD_COUNT, () => actor.ping()));
      },
    },
  ];
}

const broadcasterConducts: readonly Conduct[] = [
  {
    ...{ name: 'floods with frames', endpoint: 'publish', code: 'RATE_EXCEEDED', answersPings: true },
    closeTime: ({ framesPerSecondMax }) => flood(framesPerSecondMax, perSecond(FLOOD_EVENTS)),
    begin: (actor) => {
      actor.hello(LASTING_TOKEN);
      actor.every(FLOOD_MS, () => actor.events(FLOOD_EVENTS, 1));
    },
  },
  {
    ...{ name: 'floods with bits', endpoint: 'publish', code: 'RATE_EXCEEDED', answersPings: true },
    closeTime: ({ bitsPerSecondMax }) => flood(bitsPerSecondMax, perSecond(FLOOD_EVENT_BYTES * 8)),
    begin: (actor) => {
      actor.hello(LASTING_TOKEN);
      actor.every(FLOOD_MS, () => actor.events(1, FLOOD_EVENT_BYTES));
    },
  },
];

/** Every conduct, at both endpoints. */
export const conducts: readonly Conduct[] = [...conductsOf('publish'), ...conductsOf('watch'), ...broadcasterConducts];

function repeat(count: number, run: () => void): void {
  for (let i = 0; i < count; i++) run();
}
