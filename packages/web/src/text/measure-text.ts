// Numbers in, the text of a readout out. A dash stands for an unknown value. The width changes as
// little as possible.

const unknown = '–';

/** Bits a second: '148 kbps', '1.2 Mbps'. */
export function bitrateText(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined || !Number.isFinite(bitsPerSecond)) return unknown;
  if (bitsPerSecond < 999_500) return `${Math.round(bitsPerSecond / 1000)} kbps`;
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mbps`;
}

/** Milliseconds, with their largest error if it is known: '84 ms', '84 ± 3 ms'. */
export function latencyText(ms: number | undefined, errorMs?: number): string {
  if (ms === undefined || !Number.isFinite(ms)) return unknown;
  return errorMs === undefined ? `${Math.round(ms)} ms` : `${Math.round(ms)} ± ${Math.ceil(errorMs)} ms`;
}

/** A duration: '0:07', '12:30', '1:02:03'. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? `${part}` : `${part}`.padStart(2, '0'))).join(':');
}

/** A share, given as part and whole: '0 %', '0.4 %', '12 %'. */
export function shareText(part: number, whole: number): string {
  if (whole <= 0) return unknown;
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 9.95 ? `${Math.max(0.1, percent).toFixed(1)} %` : `${Math.round(percent)} %`;
}

/** People: '1 viewer', '1,204 viewers'. */
export function viewersText(viewers: number): string {
  return `${viewers.toLocaleString('en')} ${viewers === 1 ? 'viewer' : 'viewers'}`;
}

/** Bytes: '640 B', '12 kB', '3.4 MB', '1.2 GB' (powers of 1,000). */
export function bytesText(bytes: number): string {
  if (bytes < 999.5) return `${Math.round(bytes)} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return bytes < 999.5e6 ? `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** A count: '0', '1,204', '1.2 M'. */
export function countText(count: number): string {
  return count < 1e6 ? count.toLocaleString('en') : `${(count / 1e6).toFixed(1)} M`;
}
