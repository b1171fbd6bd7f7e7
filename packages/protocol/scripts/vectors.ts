// Writes spec/vectors: one .bin file for each encoded vector and index.json, which describes them,
// and a JSON file for each kind of vector that platforms need. The same on every machine.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { frameVectors } from './vector/frame.ts';
import { messageVectors } from './vector/message.ts';
import { motionVectors } from './vector/motion.ts';
import { platformVectors } from './vector/platform.ts';
import { refusedVectors } from './vector/refused.ts';
import type { Vector } from './vector/vector.ts';

/** Where the vectors lie. */
export const VECTORS = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'spec', 'vectors');

/** An entry of index.json: a vector, its bytes replaced by their file's name. */
export type VectorEntry = Omit<Vector, 'bytes'> & { file: string };

/** Every file of spec/vectors by name. */
export function vectorFiles(): Map<string, Uint8Array> {
  const vectors = [...frameVectors, ...motionVectors, ...messageVectors, ...refusedVectors];
  const entries = vectors.map(({ bytes: _, name, ...rest }): VectorEntry => ({ name, file: `${name}.bin`, ...rest }));
  const files = new Map(vectors.map(({ name, bytes }) => [`${name}.bin`, bytes]));
  if (files.size !== vectors.length) throw new Error('two vectors have one name');
  for (const [name, bytes] of platformVectors) files.set(name, bytes);
  return files.set('index.json', Buffer.from(`${JSON.stringify({ package: 'hayate.v1', vectors: entries }, undefined, 1)}\n`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(VECTORS, { recursive: true });
  const files = vectorFiles();
  for (const name of readdirSync(VECTORS)) if (!files.has(name)) rmSync(join(VECTORS, name));
  for (const [name, bytes] of files) writeFileSync(join(VECTORS, name), bytes);
  console.log(`${files.size} files in spec/vectors`);
}
