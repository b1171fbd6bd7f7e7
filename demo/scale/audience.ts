// The audience's process: as many headless viewers as it is told, and what they have seen, four times a second, to the demo.
// Ends with the demo. Viewers come spread over two seconds, and report spread over a quarter of one.
import type { AudienceReport } from './audience-report.ts';
import { AudienceViewer, type ViewerTicket } from './audience-viewer.ts';

const ARRIVAL_MS = 2_000;
const RECEIPT_MS = 250;
const SLICES = 10;

const ticket: ViewerTicket = JSON.parse(process.argv[2] ?? '{}');
const wanted = Number(process.argv[3]);
const viewers: AudienceViewer[] = [];

const arriveNext = (): void => {
  if (viewers.length >= wanted) return;
  viewers.push(new AudienceViewer(ticket));
  setTimeout(arriveNext, ARRIVAL_MS / wanted);
};
arriveNext();

let slice = 0;
setInterval(() => {
  slice = (slice + 1) % SLICES;
  for (let i = slice; i < viewers.length; i += SLICES) viewers[i]?.sendReceipt();
}, RECEIPT_MS / SLICES);

const sum = (pick: (viewer: AudienceViewer) => number): number => viewers.reduce((total, viewer) => total + pick(viewer), 0);
const most = (pick: (viewer: AudienceViewer) => number): number => viewers.reduce((top, viewer) => Math.max(top, pick(viewer)), 0);

let hasBegun = false;
setInterval(() => {
  const connected = sum(({ isWatching }) => Number(isWatching));
  if (!hasBegun && connected === wanted) {
    hasBegun = true;
    for (const viewer of viewers) viewer.begin();
  }
  const report: AudienceReport = {
    hasBegun,
    connected,
    received: sum(({ received }) => received),
    lost: sum(({ lost }) => lost),
    bytes: sum(({ bytes }) => bytes),
    longestGapMs: most(({ longestGapMs }) => longestGapMs),
    markedGapMs: most(({ markedGapMs }) => markedGapMs),
  };
  process.send?.(report);
}, RECEIPT_MS);

process.on('message', () => {
  for (const viewer of viewers) viewer.markedGapMs = 0;
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
