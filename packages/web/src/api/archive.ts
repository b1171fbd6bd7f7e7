// Past broadcasts, as the server's archive has them (GET /api/archive/broadcasts in /api/openapi.json), for those who may moderate.
import { credential } from './credential.ts';
import { answerOf, ask, token } from './server.ts';
import { grantsModerate } from './token-grant.ts';

/** A broadcast of the archive. */
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
  /** False: its frames are kept no longer. */
  replayable: boolean;
  /** It goes on. */
  live: boolean;
}

/** The voice's loudness: runs of two hex digits a slot of capture time, -dBov. */
export interface Levels {
  slotMs: number;
  runs: readonly (readonly [slot: number, hex: string])[];
}

export interface PastBroadcastDetails extends PastBroadcast {
  levels: Levels;
}

/** What is looked for; times are ISO 8601. */
export interface PastQuery {
  stream?: string;
  from?: string;
  to?: string;
  after?: string;
}

/** A page, which may be empty and still have a next. */
export interface PastPage {
  broadcasts: PastBroadcast[];
  next?: string;
}

/** A token that may moderate. */
export const moderatorToken = (): Promise<string> => token({ moderate: ['*'] });

/** A page of past broadcasts, the newest first. Rejects with ServerError. */
export async function pastBroadcasts(query: PastQuery): Promise<PastPage> {
  const parameters = new URLSearchParams({ limit: '40' });
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') parameters.set(name, value);
  return (await read(`/api/archive/broadcasts?${parameters}`)) as PastPage;
}

/** One past broadcast. Rejects with ServerError. */
export async function pastBroadcast({ stream, epoch }: { stream: string; epoch: string }): Promise<PastBroadcastDetails> {
  return (await read(`/api/archive/broadcasts/${stream}/${epoch}`)) as PastBroadcastDetails;
}

/** This machine, as location.hostname spells it: localhost, 127.0.0.0/8, ::1, and 127.0.0.0/8 mapped to IPv6. */
const LOOPBACK = /^((.+\.)?localhost\.?|127\.[\d.]+|\[::1\]|\[::ffff:7f[\da-f]{2}:[\da-f]+\])$/;

/** Whether this visitor may moderate anything, as far as can be known without being refused. */
export async function mayModerate(): Promise<boolean> {
  const { token: given, pair } = credential();
  if (given !== undefined) return grantsModerate(given);
  // Development mode gives more than watching to its own machine alone, and to who is paired.
  if (pair === undefined && !LOOPBACK.test(location.hostname)) return false;
  return moderatorToken().then(
    () => true,
    () => false,
  );
}

async function read(path: string): Promise<unknown> {
  return answerOf(await ask(path, { headers: { Authorization: `Bearer ${await moderatorToken()}` } }));
}
