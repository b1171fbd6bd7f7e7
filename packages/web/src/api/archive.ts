// Past broadcasts from the server's archive (GET /api/archive/broadcasts in /api/openapi.json), for
// moderators.
import { credential } from './credential.ts';
import { answerOf, ask, token } from './server.ts';
import { grantsModerate } from './token-grant.ts';

/** A broadcast in the archive. */
export interface PastBroadcast {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  title: string;
  /** ISO 8601. */
  startedAt: string;
  endedAt: string;
  durationMs: number;
  bytes: number;
  viewersMax: number;
  hasVoice: boolean;
  /** False: its frames are no longer kept. */
  replayable: boolean;
  /** The broadcast is still live. */
  live: boolean;
}

/** The voice's loudness: runs of slots in capture time, two hex digits a slot, -dBov. */
export interface Levels {
  slotMs: number;
  runs: readonly (readonly [slot: number, hex: string])[];
}

export interface PastBroadcastDetails extends PastBroadcast {
  levels: Levels;
}

/** The search; times are ISO 8601. */
export interface PastQuery {
  stream?: string;
  from?: string;
  to?: string;
  after?: string;
}

/** A page of results. It may be empty and still have a next page. */
export interface PastPage {
  broadcasts: PastBroadcast[];
  next?: string;
}

/** A token that may moderate every stream. */
export const moderatorToken = (): Promise<string> => token({ moderate: ['*'] });

/** A page of past broadcasts, newest first. Rejects with ServerError. */
export async function pastBroadcasts(query: PastQuery): Promise<PastPage> {
  const parameters = new URLSearchParams({ limit: '40' });
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') parameters.set(name, value);
  return (await read(`/api/archive/broadcasts?${parameters}`)) as PastPage;
}

/** One past broadcast. Rejects with ServerError. */
export async function pastBroadcast({ stream, epoch }: { stream: string; epoch: string }): Promise<PastBroadcastDetails> {
  return (await read(`/api/archive/broadcasts/${stream}/${epoch}`)) as PastBroadcastDetails;
}

/**
 * This machine, as location.hostname spells it: localhost, 127.0.0.0/8, ::1, and 127.0.0.0/8 mapped
 * to IPv6.
 */
const LOOPBACK = /^((.+\.)?localhost\.?|127\.[\d.]+|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]+\])$/;

/**
 * Whether this visitor may moderate at least one stream, as far as the page can know without a
 * refusal.
 */
export async function mayModerate(): Promise<boolean> {
  const { token: given, pair } = credential();
  if (given !== undefined) return grantsModerate(given);
  // Development mode lets only its own machine and paired visitors do more than watch.
  if (pair === undefined && !LOOPBACK.test(location.hostname)) return false;
  return moderatorToken().then(
    () => true,
    () => false,
  );
}

async function read(path: string): Promise<unknown> {
  return answerOf(await ask(path, { headers: { Authorization: `Bearer ${await moderatorToken()}` } }));
}
