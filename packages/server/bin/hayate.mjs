#!/usr/bin/env node
// The command `hayate`. Finds its program: TypeScript in the repository, JavaScript in the
// published package. It is plain JavaScript that any Node can parse, so that an old Node gets a
// sentence instead of a syntax error.
import { existsSync } from 'node:fs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`hayate: needs Node 22.22 or newer; this is ${process.versions.node}. Get one from https://nodejs.org\n`);
  process.exit(1);
}

const built = new URL('../dist/cli/index.js', import.meta.url);
const source = new URL('../src/cli/index.ts', import.meta.url);
const { main } = await import((existsSync(source) ? source : built).href);
process.exitCode = await main(process.argv.slice(2));
// Sockets and files that are still open now (a drain was given up) must not keep the process;
// work that ends by itself has a moment for it.
setTimeout(() => process.exit(), 1_000).unref();
