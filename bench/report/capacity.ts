// In: measured unit costs. Out: the calculated needs of a million viewers, as the tables of
// docs/operate/capacity.md. Every assumption is a row of the first table.
import type { Table } from './outcome.ts';

/** Unit costs in CPU microseconds. */
export interface UnitCosts {
  /** One second of an idle streamer. */
  streamerIdleUs: number;
  /** One frame at the streamer. */
  frameUs: number;
  redisIdleUs: number;
  /** One PUBLISH at Redis. */
  publishUs: number;
  /** Redis's delivery of one publish to one subscriber. */
  passUs: number;
  listenerIdleUs: number;
  /** One frame that a listener receives. */
  takeUs: number;
  /** One frame written to a viewer. */
  deliveryUs: number;
  /** One second of a viewer. */
  viewerUs: number;
}

const assumed = {
  viewers: 1_000_000,
  streams: 5_000,
  framesPerSecond: 50,
  frameBytes: 640,
  listeners: 200,
  streamers: 50,
  lists: 10,
  /** The used share of a core, so that there is room for peaks. */
  share: 0.6,
};

const thousands = (value: number) => Math.ceil(value).toLocaleString('en');
const si = (value: number) => {
  const [divisor, unit] = (
    [
      [1e9, 'G'],
      [1e6, 'M'],
      [1e3, 'k'],
    ] as const
  ).find(([size]) => value >= size) ?? [1, ''];
  return `${(value / divisor).toPrecision(3)} ${unit}`;
};

/**
 * How many listeners have at least one viewer of a stream, if viewers connect to listeners at
 * random.
 */
export const listenersOfStream = (viewers: number, listeners: number): number => listeners * (1 - (1 - 1 / listeners) ** viewers);

/** The assumptions, the capacity under two ways of routing viewers, and the directory. */
export function capacityTables(costs: UnitCosts, directory: { bytesPerStream: number; listUsPerStream: number }): Table[] {
  return [assumptions(), routing(costs), directoryTable(directory)];
}

function assumptions(): Table {
  const { viewers, streams, framesPerSecond, frameBytes, listeners, share } = assumed;
  return {
    title: 'Assumed',
    columns: ['what', 'value'],
    rows: [
      ['viewers', thousands(viewers)],
      ['streams, equally watched', thousands(streams)],
      ['a stream', `${framesPerSecond} frames of ${frameBytes} bytes a second, ${(framesPerSecond * frameBytes * 8) / 1_000} kbps`],
      ['listener processes', thousands(listeners)],
      ['of a core, a process uses at most', `${share * 100} %`],
    ],
  };
}

function routing(costs: UnitCosts): Table {
  const { viewers, streams, framesPerSecond, frameBytes, listeners, share } = assumed;
  const frames = streams * framesPerSecond;
  const rows = [
    ['any listener', listenersOfStream(viewers / streams, listeners)] as const,
    ['two listeners a stream', 2] as const,
    ['one listener a stream', 1] as const,
  ].map(([name, of]) => {
    const streamerUs = frames * costs.frameUs;
    const redisUs = frames * (costs.publishUs + of * costs.passUs);
    const takeUs = frames * of * costs.takeUs;
    const deliverUs = viewers * framesPerSecond * costs.deliveryUs + viewers * costs.viewerUs;
    const cores = (us: number) => thousands(us / 1e6 / share);
    return [
      name,
      of.toFixed(of < 10 ? 0 : 1),
      cores(streamerUs),
      cores(redisUs),
      cores(takeUs + deliverUs),
      `${((takeUs / (takeUs + deliverUs)) * 100).toFixed(0)} %`,
      `${si(frames * of * frameBytes * 8)}bit/s`,
      `${si(viewers * framesPerSecond * frameBytes * 8)}bit/s`,
    ];
  });
  const columns = [
    'viewers of a stream go to',
    'listeners of a stream',
    'cores: streamers',
    'cores: Redis',
    'cores: listeners',
    'of these for receiving frames',
    'Redis to listeners',
    'listeners to viewers',
  ];
  return { title: 'A million viewers (calculated)', columns, rows };
}

function directoryTable({ bytesPerStream, listUsPerStream }: { bytesPerStream: number; listUsPerStream: number }): Table {
  const { streams, streamers, lists, listeners } = assumed;
  const bytes = streams * bytesPerStream;
  return {
    title: `The directory at ${thousands(streams)} streams and ${listeners} listeners (calculated)`,
    columns: ['what', 'value'],
    rows: [
      ['bytes of a stream in an announcement (by the encoder)', String(bytesPerStream)],
      [`announcements a second, ${streamers} streamers`, String(streamers)],
      ['bytes a second to each process that receives them, if all streams change every second', `${si(bytes)}B`],
      [`bytes a second from Redis, ${lists} processes that list streams`, `${si(bytes * lists)}B`],
      ['CPU of a process that lists streams', `${((listUsPerStream * streams) / 1e4).toFixed(1)} % of a core`],
      [
        `viewer reports a second: each of ${listeners} listeners to each of ${streamers} streamers, at most`,
        `${si(listeners * streamers)}`,
      ],
    ],
  };
}
