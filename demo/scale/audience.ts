// The audience process. It runs the requested number of headless viewers and reports their counts
// to the demo four times a second. Connections are spread over two seconds, receipts over a quarter
// of a second. It ends with the demo.
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
