// Macro benchmark: one broadcast and 10,000 viewers of one `hayate serve` on one machine. It
// measures losses, the delay of frames, and the memory for each viewer without and with a
// broadcast.
import { availableParallelism } from 'node:os';
import { Histogram } from '../load/histogram.ts';
import { LoadClient } from '../load/load-client.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { cpuUs, residentBytes } from '../load/usage.ts';
import { startBroadcasters, startRole } from '../peer/cluster.ts';
import type { FanOutLoad } from '../peer/contestant.ts';
import { ensureNative } from '../peer/native.ts';
import { benchToken } from '../peer/secret.ts';
import type { BenchOutcome } from '../report/outcome.ts';

/** 128 kbps: 25 frames of 640 bytes a second. */
const RATE = 25;
const BYTES = 640;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ratio: deliveries over deliveries due. 1 means that none is lost. */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  await ensureNative();
  const [viewers, seconds] = quick ? [2_000, 15] : [10_000, 60];
  return withScope((scope) => measure(scope, { streams: 1, viewers, rate: RATE, bytes: BYTES }, seconds));
}

async function measure(scope: Scope, load: FanOutLoad, seconds: number): Promise<BenchOutcome> {
  const { viewers } = load;
  const apart = availableParallelism() > 1;
  // One receipt a second is enough for so many viewers. The window must be twice as long.
  const flags = ['--receipt-interval-ms', '1000', '--window-ms', '2000', '--handshake-timeout-ms', '60000'];
  const cores = apart ? { core: 0 } : {};
  const server = await startRole(scope, 'streamer,listener,archiver,api', flags, { files: viewers + 1_000, ...cores });
  const token = await benchToken('watch');
  const client = await LoadClient.start(scope, {
    ...{ dialect: 'hayate', ports: [server.port], path: '/watch', connections: viewers, streams: 1, token },
    core: apart ? 1 : undefined,
  });
  await wait(1_000);
  const empty = residentBytes(server.pid);
  await client.open();
  await wait(3_000);
  const idle = residentBytes(server.pid);
  const broadcasters = await startBroadcasters(scope, [server.port], load, { core: apart ? 1 : undefined });
  broadcasters.send('go');
  await wait(3_000);

  await client.measure();
  const before = cpuUs(server.pid);
  const resident: number[] = [];
  for (let second = 0; second < seconds; second++) {
    await wait(1_000);
    resident.push(residentBytes(server.pid));
  }
  const cpu = cpuUs(server.pid) - before;
  const { us } = await client.report();
  broadcasters.send('halt');
  let report = await client.report();
  for (let quiet = 0; quiet < 10; ) {
    await wait(200);
    const next = await client.report();
    quiet = next.deliveries === report.deliveries ? quiet + 1 : 0;
    report = next;
  }

  const latency = Histogram.of(report.latency).summary();
  // Frames that the server reports as a gap are lost to the viewer too.
  const lost = report.lost + report.behind;
  const share = report.deliveries / (report.deliveries + lost);
  const active = Math.max(...resident);
  const perViewer = (bytes: number) => `${((bytes - empty) / viewers / 1_000).toFixed(1)} kB`;
  const closes = Object.values(report.closes).reduce((sum, count) => sum + count, 0) + report.resets;
  return {
    name: 'audience',
    ratio: share === 1 ? '1' : share.toFixed(6),
    unit: `of all frames arrived at ${viewers.toLocaleString('en')} viewers of one process in ${seconds} s, p99 ${latency.p99Ms.toFixed(0)} ms`,
    goals: [
      {
        what: `frames lost, ${viewers.toLocaleString('en')} viewers, ${seconds} s`,
        goal: '0',
        measured: String(lost),
        met: lost === 0 && report.doubles === 0,
      },
      { what: 'viewers closed or silent', goal: '0', measured: String(closes + report.silent), met: closes + report.silent === 0 },
    ],
    tables: [
      {
        title: 'One broadcast, one process',
        columns: ['', 'value'],
        rows: [
          ['viewers', viewers.toLocaleString('en')],
          ['stream', `${(load.rate * load.bytes * 8) / 1_000} kbps`],
          ['deliveries', report.deliveries.toLocaleString('en')],
          ['deliveries a second', Math.round((report.deliveries * 1e6) / us).toLocaleString('en')],
          ['lost, doubled', `${lost}, ${report.doubles}`],
          ['named as gaps: lost, slow', `${report.gapsLost}, ${report.gapsSlow}`],
          ['latency p50', `${latency.p50Ms.toFixed(1)} ms`],
          ['latency p99', `${latency.p99Ms.toFixed(1)} ms`],
          ['latency p99.9', `${latency.p999Ms.toFixed(1)} ms`],
          ['latency max', `${latency.maxMs.toFixed(1)} ms`],
          ['longest pause of any viewer', `${(report.longestPauseUs / 1_000).toFixed(0)} ms`],
          ['frames a message', (report.deliveries / report.messages).toFixed(2)],
          ['server CPU', `${((cpu / us) * 100).toFixed(0)} % of a core, ${(cpu / report.deliveries).toFixed(2)} µs a delivery`],
          ['memory of a viewer, idle', perViewer(idle)],
          ['memory of a viewer, active', perViewer(active)],
        ],
      },
    ],
    notes: [
      'Streamer, listener, archiver and API in one process on one core; the load client and the broadcaster on the other.',
      'Memory is the resident memory of the process minus that before the first viewer, divided by viewers; it excludes the kernel’s socket buffers.',
    ],
    details: { flags, load, seconds },
  };
}
