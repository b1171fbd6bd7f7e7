// A broadcast's frames over HTTP: a range of capture time in, the archived frames in order out.
import { fromBinary } from '@bufbuild/protobuf';
import { type FrameHeader, peekFrame, ServerMessageSchema } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import { apiUrl } from '../connection/server-url.ts';
import type { ReplayOptions } from './replay-api.ts';

/** An encoded frame with its parsed header. */
export interface StoredFrame {
  readonly bytes: Uint8Array;
  readonly header: FrameHeader;
}

/** Capture times from `fromMs` up to, not including, `toMs`. */
export interface CaptureRange {
  fromMs: number;
  toMs: number;
}

/**
 * The frames of a range by sequence, preceded by the latest header and key poses that are needed to
 * begin there. Rejects with ClientError REFUSED (the server's own sentence) or UNREACHABLE.
 */
export async function loadFrames(options: ReplayOptions, { fromMs, toMs }: CaptureRange, signal: AbortSignal): Promise<StoredFrame[]> {
  const { server, stream, epoch, token } = options;
  const address = apiUrl(server, `/api/archive/broadcasts/${stream}/${epoch}/frames?from_ms=${fromMs}&to_ms=${toMs}`);
  const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`;
  let response: Response;
  let body: ArrayBuffer;
  try {
    response = await (options.fetch ?? fetch)(address, { headers: { Authorization: authorization }, signal });
    body = await response.arrayBuffer();
  } catch (cause) {
    throw new ClientError('UNREACHABLE', 'The server does not answer: it may be restarting, or the network is down.', { cause });
  }
  const bytes = new Uint8Array(body);
  // 503: the server cannot decide now, for instance whether the token is valid.
  const code = response.status === 503 ? 'UNREACHABLE' : 'REFUSED';
  if (!response.ok) throw new ClientError(code, refusalIn(bytes) ?? `The server refused: HTTP ${response.status}.`);
  try {
    return fromBinary(ServerMessageSchema, bytes).frames.map((frame) => ({ bytes: frame, header: peekFrame(frame) }));
  } catch (cause) {
    throw new ClientError('REFUSED', "The server's answer is not a broadcast.", { cause });
  }
}

/** The sentence of an error response: `{ error: { message } }`. */
function refusalIn(body: Uint8Array): string | undefined {
  try {
    const answer: { error?: { message?: unknown } } = JSON.parse(new TextDecoder().decode(body));
    return typeof answer.error?.message === 'string' ? `The server refused: ${answer.error.message}.` : undefined;
  } catch {
    return undefined;
  }
}
