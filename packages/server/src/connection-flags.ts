// Settings of all connections: how many there may be, how much each may send and leave unread, how
// long each step may take, and how connections end.
import { Limits } from '@hayate/protocol';
import { LimitedAddresses } from './gateway/address-rate.ts';
import { defineFlags } from './kernel/flag.ts';

/** The flags of the group "Connections", and those of viewers' connections. */
export const connectionFlags = defineFlags({
  connectionsMax: { kind: 'number', default: 100_000, min: 1, group: 'Connections', help: 'open sockets of this process (503)' },
  messagesPerSecondMax: {
    kind: 'number',
    default: Limits.messagesPerSecond,
    min: Limits.messagesPerSecond,
    max: 2 ** 32 - 1,
    group: 'Connections',
    help: 'messages and WebSocket pings a second of one client; for a broadcaster --frames-per-second-max more (RATE_EXCEEDED)',
  },
  viewerBitsPerSecondMax: {
    kind: 'number',
    default: Limits.viewerBitsPerSecond,
    min: Limits.viewerBitsPerSecond,
    max: 2 ** 32 - 1,
    group: 'Viewers',
    help: 'bits a second that one viewer sends (RATE_EXCEEDED)',
  },
  watchedStreamsMax: {
    kind: 'number',
    default: 20_000,
    min: 1,
    group: 'Viewers',
    help: 'streams that viewers of this process watch, live or not (TOO_MANY_CONNECTIONS)',
  },
  unreadBytesMax: {
    kind: 'number',
    default: 262_144,
    min: 65_536,
    unit: 'bytes',
    group: 'Connections',
    help: 'bytes of messages, without frames, that may wait for one client (TOO_SLOW)',
  },
  requestsPerSecondMax: {
    kind: 'number',
    default: 1_000,
    min: 1,
    max: 2 ** 32 - 1,
    group: 'Connections',
    help: 'connections and HTTP requests a second of one address or IPv6 /64 (429); bursts of up to 20 s of it are allowed',
  },
  limitAddresses: {
    kind: 'string',
    choices: LimitedAddresses,
    default: 'public',
    group: 'Connections',
    help: 'addresses that --requests-per-second-max limits: those of the Internet, all, or none',
  },
  trustedProxies: {
    kind: 'list',
    group: 'Connections',
    placeholder: 'NETWORKS',
    help: 'addresses or networks (10.0.0.0/8) of reverse proxies, whose X-Forwarded-For holds the address of a client',
  },
  handshakeTimeoutMs: {
    kind: 'duration',
    default: 10_000,
    min: 100,
    group: 'Connections',
    help: "time for a request's headers (408), and for the first message (HANDSHAKE_TIMEOUT)",
  },
  keepAliveTimeoutMs: {
    kind: 'duration',
    default: 75_000,
    min: 100,
    max: 3_600_000,
    group: 'Connections',
    help: 'how long an idle HTTP connection stays open; must be longer than a load balancer keeps it open',
  },
  idleTimeoutMs: { kind: 'duration', default: 30_000, min: 1_000, group: 'Connections', help: 'how long a client may be silent (IDLE)' },
  goAwayMs: {
    kind: 'duration',
    default: 0,
    min: 0,
    group: 'Connections',
    help: 'time for clients to move to another process when this one drains',
  },
  drainTimeoutMs: { kind: 'duration', default: 20_000, min: 100, group: 'Connections', help: 'a drain that takes longer is given up' },
});
