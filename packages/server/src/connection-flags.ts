// Settings of connections, whatever they are for: how many, how long each step may take, and how they end.
import { defineFlags } from './kernel/flag.ts';

/** The flags of the group "Connections". */
export const connectionFlags = defineFlags({
  connectionsMax: { kind: 'number', default: 100_000, min: 1, group: 'Connections', help: 'open sockets of this process' },
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
    help: 'how long a connection waits for another HTTP request; must be longer than a load balancer keeps it',
  },
  idleTimeoutMs: { kind: 'duration', default: 30_000, min: 1_000, group: 'Connections', help: 'silence of a client (IDLE)' },
  goAwayMs: {
    kind: 'duration',
    default: 0,
    min: 0,
    group: 'Connections',
    help: 'time that clients have to move elsewhere when this process drains',
  },
  drainTimeoutMs: { kind: 'duration', default: 20_000, min: 100, group: 'Connections', help: 'a drain that takes longer is given up' },
});
