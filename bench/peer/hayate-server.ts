// Hayate's contestant: the real listener and the real gateway, in a process of their own, on memory
// shards. Payloads arrive as a streamer's envelopes on the stream's channel. Arguments after `--`
// are flags of `hayate serve`, such as --coalesce-ms 0.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { mintEpoch, PATHS } from '@hayate/protocol';
import { EnvelopeSchema, RepairRequestSchema } from '@hayate/protocol/server';
import { secretKeys } from '../../packages/server/src/auth/key-source.ts';
import { createVerifyToken } from '../../packages/server/src/auth/verify-token.ts';
import { ConnectionMetrics } from '../../packages/server/src/gateway/connection-metrics.ts';
import { Gateway } from '../../packages/server/src/gateway/gateway.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { Listener } from '../../packages/server/src/listener/listener.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { openMemoryShards } from '../../packages/server/src/shard/memory/open.ts';
import { Channels, type Shards } from '../../packages/server/src/shard/shard.ts';
import { benchSecret } from './secret.ts';
import { type RunningPeer, serveChild } from './server-child.ts';
import { EnvelopeTemplate, FIRST_SEQUENCE, headerFrame, type StreamIdentity } from './stream-envelope.ts';

await serveChild(async ({ streams, bytes, rest }) => {
  const settings = parseFlags(serveFlags, ['--port', '0', '--log-level', 'warn', '--idle-timeout-ms', '600000', ...rest], {});
  const context = createContext({ logLevel: settings.logLevel });
  const connectionMetrics = new ConnectionMetrics(context);
  const shards = openMemoryShards();
  const verifyToken = createVerifyToken(secretKeys(benchSecret), settings.jwtAudience);
  // Connections are silent for minutes between rounds.
  const options = { ...settings, connectionsMax: settings.viewersMax, silenceMs: 3_600_000 };
  const listener = await Listener.start({ context, shards, verifyToken, connectionMetrics, options });
  const gateway = await Gateway.listen({
    clock: context.clock,
    host: '127.0.0.1',
    port: 0,
    endpoints: new Map([[PATHS.watch, (socket, netSocket) => listener.accept(socket, netSocket)]]),
    request: (_request, response) => response.writeHead(404).end(),
    connectionsMax: settings.connectionsMax,
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    metrics: connectionMetrics,
  });
  return { port: gateway.port, publish: await openStreams(shards, streams, bytes) };
});

/**
 * Takes the place of the streamer for `count` streams: publishes their frames and answers listeners
 * that ask for the current group.
 */
async function openStreams(shards: Shards, count: number, bytes: number): Promise<RunningPeer['publish']> {
  const incarnation = 0x5eed_0000_0000_0001n;
  const all = Array.from({ length: count }, (_, index) => {
    const identity: StreamIdentity = { stream: `bench-${index}`, index, epoch: mintEpoch(Date.now(), index), incarnation };
    return { identity, template: new EnvelopeTemplate(identity, bytes), next: 0 };
  });
  await shards.subscribe(Channels.repair(incarnation), (message) => {
    const request = fromBinary(RepairRequestSchema, message);
    const found = all.find(({ identity }) => identity.stream === request.stream);
    if (found === undefined || request.groupReplyChannel === '') return;
    const { stream, epoch } = found.identity;
    const group = create(EnvelopeSchema, {
      ...{ stream, epoch, generation: 1, incarnation, group: true },
      frames: [{ frame: headerFrame(found.identity), receivedUnixUs: BigInt(Date.now()) * 1_000n, previousPlusOne: 0n }],
      nextSequence: BigInt(found.next === 0 ? 1 : FIRST_SEQUENCE + found.next),
    });
    shards.publish(request.groupReplyChannel, toBinary(EnvelopeSchema, group));
  });
  return (index, sequence) => {
    const one = all[index];
    if (one === undefined) return;
    one.next = sequence + 1;
    shards.publish(Channels.live(one.identity.stream), one.template.envelope(sequence));
  };
}
