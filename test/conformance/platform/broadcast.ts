// A short broadcast for viewers in other languages: a header, a packet, a comment, and the end.
import type { TestContext } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import * as protocol from '@hayate/protocol';
import type { TestServer } from '../../support/server.ts';
import { connectPeer, FrameSource } from '../../support/wire-peer.ts';

/** The header's title: text of several scripts. */
export const TITLE = 'A tune 夜 🎤';
/** The comment's text, in several lines. */
export const COMMENT = 'first!\nsecond 👨‍👩‍👧‍👦';

/**
 * Broadcasts a header, a packet and a comment, and ends the epoch. Returns the epoch and the
 * frames.
 */
export const broadcast = async (t: TestContext, server: TestServer, stream: string): Promise<{ epoch: bigint; frames: Uint8Array[] }> => {
  const peer = await connectPeer(t, server.url, '/publish');
  peer.send({ publish: { stream, token: await server.token({ publish: [stream] }) } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  const source = new FrameSource(stream, epoch);
  const body = { case: 'comment', value: { author: 'Mika', text: COMMENT } } as const;
  const payload = toBinary(protocol.EventSchema, create(protocol.EventSchema, { body }));
  const event = () => protocol.encodeFrame({ stream, epoch, sequence: 2, captureUs: 20_000, kind: protocol.Kind.EVENT, payload });
  const frames = [source.header(TITLE), source.audio(5), event()];
  peer.send({ frames });
  peer.send({ end: { nextSequence: BigInt(frames.length) } });
  await peer.until('Ended', ({ ended }) => ended);
  return { epoch, frames };
};
