// A process of hostile clients. In: `--port P --token T`, then lines `NAME MILLISECONDS`. Out:
// after each line a line of JSON that says how the attempts of that flood ended. Each flood lasts
// the given time. The process ends when its input does.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type FloodReport, floods } from '../../test/support/flood.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '' }, token: { type: 'string', default: '' } } });
const target = { port: Number(values.port), token: values.token };

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const at = line.lastIndexOf(' ');
  const flood = floods[line.slice(0, at)];
  if (flood === undefined) throw new Error(`no flood is called "${line.slice(0, at)}"`);
  const endMs = performance.now() + Number(line.slice(at + 1));
  const report: FloodReport = {};
  await flood(target, () => performance.now() < endMs, report);
  console.log(JSON.stringify(report));
}
