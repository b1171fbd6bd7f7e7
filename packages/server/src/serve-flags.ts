// Every setting of `hayate serve`, with its default and bounds. docs/reference/cli.md is generated
// from these tables.
import { Limits } from '@hayate/protocol';
import { logFlags, storeFlags } from './adapter-flags.ts';
import { CUT_CONFIG } from './archive/layout/cut-config.ts';
import { ARCHIVE_MEMORY_BYTES } from './archiver/archiver.ts';
import { connectionFlags } from './connection-flags.ts';
import { AVRO_CODECS } from './format/avro/index.ts';
import { defineFlags, type FlagValues } from './kernel/flag.ts';
import { FanOutPaths } from './listener/fan-out-sender.ts';

/** Roles that a process can take. */
export const Roles = ['streamer', 'listener', 'archiver', 'api'] as const;
export type Role = (typeof Roles)[number];

const MIB = 2 ** 20;

const { data: _data, ...archiveStore } = storeFlags;

export const serveFlags = defineFlags({
  roles: { kind: 'list', choices: Roles, default: Roles, help: 'roles of this process' },
  workers: {
    kind: 'number',
    default: 1,
    min: 1,
    max: 256,
    help: 'processes that share the port; limits apply to each; more than one needs --shards, and --log kafka://… for streamers and archivers',
  },
  data: storeFlags.data,
  logLevel: {
    kind: 'string',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'silent'],
    default: 'info',
    help: 'the least severe messages logged to standard error, as JSON lines',
  },

  host: {
    kind: 'string',
    default: '127.0.0.1',
    group: 'Network',
    help: 'address to listen on, or a name, of which one address is used; all but loopback need a key; :: and 0.0.0.0: all addresses',
  },
  port: {
    kind: 'number',
    default: 8080,
    min: 0,
    max: 65_535,
    group: 'Network',
    help: 'port of pages, API and WebSockets; 0: any free port',
  },
  basePath: {
    kind: 'string',
    default: '/',
    group: 'Network',
    placeholder: 'PATH',
    help: 'path below which a reverse proxy serves this server, if the proxy keeps it; requests without it are also answered',
  },
  corsOrigins: {
    kind: 'list',
    group: 'Network',
    placeholder: 'ORIGINS',
    help: 'other origins whose pages may use the HTTP API: https://app.example, https://*.example.com (hosts below it), * (any)',
  },
  internalHost: { kind: 'string', default: '127.0.0.1', group: 'Network', help: 'address or name of the internal port' },
  internalPort: {
    kind: 'number',
    min: 0,
    max: 65_535,
    group: 'Network',
    help: 'separate port for /metrics, /livez and /readyz, which are then not on the public one',
  },
  tlsCert: {
    kind: 'string',
    group: 'Network',
    placeholder: 'FILE',
    help: 'PEM certificate chain; with --tls-key: HTTPS; both are read again when they change',
  },
  tlsKey: { kind: 'string', group: 'Network', placeholder: 'FILE', help: 'PEM private key' },
  lan: {
    kind: 'boolean',
    group: 'Network',
    help: 'development mode on the local network: HTTPS with a self-signed certificate, and a QR code',
  },

  jwtSecret: {
    kind: 'string',
    secret: true,
    group: 'Security',
    help: 'HS256 secret of at least 32 bytes; without any key: development mode',
  },
  jwks: {
    kind: 'string',
    group: 'Security',
    placeholder: 'URL|FILE',
    help: 'JSON Web Key Set, for asymmetric tokens; a file is read again when it changes',
  },
  jwksRefreshMs: {
    kind: 'duration',
    default: 600_000,
    min: 100,
    max: 86_400_000,
    group: 'Security',
    help: 'how often the key set of a URL is fetched again; removed keys work until then',
  },
  jwksTimeoutMs: {
    kind: 'duration',
    default: 5_000,
    min: 100,
    max: 20_000,
    group: 'Security',
    help: 'how long one fetch of the key set may take',
  },
  jwksFetchesPerMinute: {
    kind: 'number',
    default: 10,
    min: 1,
    max: 600,
    group: 'Security',
    help: 'fetches a minute, and the largest burst, for tokens that no known key has signed (ISSUER_UNAVAILABLE)',
  },
  jwtAudience: { kind: 'string', default: 'hayate', group: 'Security', help: "required value of a token's aud" },
  ticketSecret: {
    kind: 'string',
    secret: true,
    group: 'Security',
    help: 'secret of resume tickets, the same on all streamers; default: derived from --jwt-secret',
  },

  frameBytesMax: {
    kind: 'number',
    default: Limits.frameBytesMax,
    min: 1_024,
    max: Limits.frameBytesMax,
    unit: 'bytes',
    group: 'Broadcasters',
    help: 'largest frame (FRAME_TOO_BIG)',
  },
  framesPerSecondMax: {
    kind: 'number',
    default: 300,
    min: 1,
    max: 2 ** 32 - 1,
    group: 'Broadcasters',
    help: 'frames a second of one broadcaster (RATE_EXCEEDED)',
  },
  bitsPerSecondMax: {
    kind: 'number',
    default: 2_000_000,
    min: 8_000,
    max: 2 ** 32 - 1,
    group: 'Broadcasters',
    help: 'bits a second of one broadcaster (RATE_EXCEEDED)',
  },
  broadcastersMax: {
    kind: 'number',
    default: 10_000,
    min: 0,
    group: 'Broadcasters',
    help: 'broadcasters of this process (TOO_MANY_CONNECTIONS)',
  },
  returnWindowMs: {
    kind: 'duration',
    default: 15_000,
    min: 1_000,
    group: 'Broadcasters',
    help: 'how long viewers wait for a broadcaster that was cut off',
  },
  batchMs: {
    kind: 'duration',
    default: 200,
    min: 1,
    max: 500,
    group: 'Broadcasters',
    help: 'how long frames are gathered before they are appended to the log',
  },
  batchBytesMax: {
    kind: 'number',
    default: 65_536,
    min: 1_024,
    max: 65_536,
    unit: 'bytes',
    group: 'Broadcasters',
    help: 'or up to this many bytes',
  },
  unsettledStreamBytesMax: {
    kind: 'number',
    default: 524_288,
    min: 131_072,
    unit: 'bytes',
    group: 'Broadcasters',
    help: 'bytes of one stream that wait for the log',
  },
  unsettledBytesMax: {
    kind: 'number',
    default: 256 * MIB,
    min: MIB,
    unit: 'bytes',
    group: 'Broadcasters',
    help: 'bytes of all streams that wait for the log',
  },
  appendRetryMs: {
    kind: 'duration',
    default: 1_000,
    min: 10,
    group: 'Broadcasters',
    help: 'time after which a refused log is tried again',
  },

  viewersMax: { kind: 'number', default: 50_000, min: 0, group: 'Viewers', help: 'viewers of this process (TOO_MANY_CONNECTIONS)' },
  windowBytes: {
    kind: 'number',
    default: 65_536,
    min: 16_384,
    unit: 'bytes',
    group: 'Viewers',
    help: 'bytes written to a viewer beyond its last receipt',
  },
  windowMs: { kind: 'duration', default: 1_000, min: 100, group: 'Viewers', help: 'or this much time of the stream, whichever is more' },
  audioDeadlineMs: { kind: 'duration', default: 1_000, min: 100, group: 'Viewers', help: 'how long audio waits for a slow viewer' },
  eventsMax: { kind: 'number', default: 256, min: 1, group: 'Viewers', help: 'events that may wait for a slow viewer (TOO_SLOW)' },
  receiptTimeoutMs: {
    kind: 'duration',
    default: 10_000,
    min: 1_000,
    group: 'Viewers',
    help: 'how long a viewer may receive frames without sending a receipt (RECEIPT_TIMEOUT)',
  },
  receiptIntervalMs: {
    kind: 'duration',
    default: Limits.receiptIntervalMs,
    min: 100,
    max: 1_000,
    group: 'Viewers',
    help: 'how often viewers report the newest frame; more than the default needs --window-ms of twice that',
  },
  fanOut: {
    kind: 'string',
    choices: FanOutPaths,
    default: 'auto',
    group: 'Viewers',
    help: 'how frames are written to viewers; auto: native if `hayate build-native` was run, otherwise typescript',
  },
  nativeDirectory: {
    kind: 'string',
    group: 'Viewers',
    placeholder: 'DIR',
    help: 'the --output of `hayate build-native`; default: the directory of its source',
  },
  coalesce: {
    kind: 'string',
    choices: ['busy', 'always'],
    default: 'busy',
    group: 'Viewers',
    help: 'when frames of a stream are gathered before they are written: only while the listener is busy, or always',
  },
  coalesceMs: {
    kind: 'duration',
    default: 25,
    min: 0,
    max: 500,
    group: 'Viewers',
    help: 'how long frames are gathered; up to four times this when the listener is very busy; 0: not at all',
  },
  coalesceMaxMs: { kind: 'duration', default: 100, min: 0, max: 500, group: 'Viewers', help: 'longest time that frames are gathered' },
  lingerMs: { kind: 'duration', default: 5_000, min: 0, group: 'Viewers', help: 'how long a stream without viewers stays subscribed' },

  ...connectionFlags,

  shards: {
    kind: 'string',
    default: 'memory',
    secret: true,
    group: 'Shards',
    placeholder: 'URLS',
    help: 'memory (one process), or servers separated by commas: redis://[user:password@]host[:port], rediss:// (TLS), dns+redis://name:port (A, AAAA), dns+redis://name (SRV)',
  },
  placement: {
    kind: 'string',
    default: 'spray',
    group: 'Shards',
    help: 'which shard carries a message: spray (the next one in every slot), hash (by stream), mirror:R (like spray, on R shards each)',
  },
  slotMs: {
    kind: 'duration',
    default: 5,
    min: 0,
    max: 50,
    group: 'Shards',
    help: 'how long messages are gathered for one write to one shard',
  },
  shardQueueBytesMax: {
    kind: 'number',
    default: 64 * MIB,
    min: MIB,
    unit: 'bytes',
    group: 'Shards',
    help: 'messages that may be gathered or unanswered; more are dropped',
  },
  shardSuspectMs: {
    kind: 'duration',
    default: 60,
    min: 10,
    group: 'Shards',
    help: 'a shard that leaves a message unanswered for this time is suspect: its messages are published on another shard',
  },
  shardCloseMs: { kind: 'duration', default: 250, min: 20, group: 'Shards', help: 'its connection is closed after this time' },
  shardReturnMs: { kind: 'duration', default: 1_000, min: 0, group: 'Shards', help: 'it is used again after answering for this time' },
  shardResolveMs: { kind: 'duration', default: 2_000, min: 100, group: 'Shards', help: 'how often DNS names of shards are looked up' },
  dnsServer: {
    kind: 'string',
    group: 'Shards',
    placeholder: 'ADDRESS:PORT',
    help: "DNS server for names of shards, IPv6 in brackets; default: the system's resolver",
  },

  ...logFlags,
  ...archiveStore,
  archiveWindowMs: {
    kind: 'duration',
    default: CUT_CONFIG.windowMs,
    min: 100,
    max: 3_600_000,
    group: 'Archive',
    help: 'time that one file of frames covers; a log that is silent for this time is archived to its end',
  },
  archiveCutWindows: {
    kind: 'number',
    default: CUT_CONFIG.windowsPerCut,
    min: 1,
    max: 360,
    group: 'Archive',
    help: 'windows that are archived together; the longest audio segment',
  },
  archiveCutBytes: {
    kind: 'number',
    default: CUT_CONFIG.cutBytes,
    min: 1_024,
    max: 1_024 * MIB,
    unit: 'bytes',
    group: 'Archive',
    help: 'or this many bytes of the log, whichever is reached first',
  },
  archiveAvroCodec: {
    kind: 'string',
    default: CUT_CONFIG.avroCodec,
    choices: AVRO_CODECS,
    group: 'Archive',
    help: "compression of frames; zstandard is the fastest and smallest, DuckDB's read_avro needs deflate",
  },
  archiveMemoryBytes: {
    kind: 'number',
    default: ARCHIVE_MEMORY_BYTES,
    min: MIB,
    max: 1_024 * 1_024 * MIB,
    unit: 'bytes',
    group: 'Archive',
    help: 'memory that all partitions may use before they wait for one another',
  },
  retainFramesDays: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 100_000,
    unit: 'days',
    group: 'Archive',
    help: 'how long frames are kept, from the end of their cut, by the clock and by the log; 0: forever',
  },
  retainMarksDays: { kind: 'number', default: 0, min: 0, max: 100_000, unit: 'days', group: 'Archive', help: 'the same for marks' },
  retainAudioDays: { kind: 'number', default: 0, min: 0, max: 100_000, unit: 'days', group: 'Archive', help: 'the same for voice' },
  retainStatisticsDays: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 100_000,
    unit: 'days',
    group: 'Archive',
    help: 'how long statistics are kept, also hourly ones; 0: forever',
  },
});

/** The values of these settings. */
export type ServeSettings = FlagValues<typeof serveFlags>;
