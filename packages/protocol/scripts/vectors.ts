// Writes the files of spec/vectors: one .bin file for each encoded vector, index.json, which
// describes them, the lists opus.json and rotations.json, and a JSON file for each kind of vector
// that platforms need. The output is the same on every machine. Other scripts write the folders,
// README.md and digests.json there.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { frameVectors } from './vector/frame.ts';
import { messageVectors } from './vector/message.ts';
import { motionVectors } from './vector/motion.ts';
import { opusVectors } from './vector/opus.ts';
import { platformVectors } from './vector/platform.ts';
import { refusedVectors } from './vector/refused.ts';
import { rotationVectors } from './vector/rotation.ts';
import type { Vector } from './vector/vector.ts';

/** The folder of the vectors. */
export const VECTORS = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'spec', 'vectors');

/** An entry of index.json: a vector with the name of its file in place of its bytes. */
export type VectorEntry = Omit<Vector, 'bytes'> & { file: string };

const listFile = (list: object): Uint8Array => Buffer.from(`${JSON.stringify(list, undefined, 1)}\n`);

/**
 * Files of spec/vectors that this script writes: all except folders and the files of other scripts.
 */
export function writtenFiles(): string[] {
  return readdirSync(VECTORS, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !['README.md', 'digests.json'].includes(entry.name))
    .map(({ name }) => name);
}

/** Every file that this script writes, by name. */
export function vectorFiles(): Map<string, Uint8Array> {
  const vectors = [...frameVectors, ...motionVectors, ...messageVectors, ...refusedVectors];
  const entries = vectors.map(({ bytes: _, name, ...rest }): VectorEntry => ({ name, file: `${name}.bin`, ...rest }));
  const files = new Map(vectors.map(({ name, bytes }) => [`${name}.bin`, bytes]));
  if (files.size !== vectors.length) throw new Error('two vectors have one name');
  for (const [name, bytes] of platformVectors) files.set(name, bytes);
  return files
    .set('index.json', listFile({ package: 'hayate.v1', vectors: entries }))
    .set('opus.json', listFile({ packets: opusVectors }))
    .set('rotations.json', listFile({ rotations: rotationVectors }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(VECTORS, { recursive: true });
  const files = vectorFiles();
  for (const name of writtenFiles()) if (!files.has(name)) rmSync(join(VECTORS, name));
  for (const [name, bytes] of files) writeFileSync(join(VECTORS, name), bytes);
  console.log(`${files.size} files in spec/vectors`);
}
