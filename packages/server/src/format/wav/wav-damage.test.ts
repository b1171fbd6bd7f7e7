// Good files, damaged at random. Every sample that ffmpeg or sox decodes from them is read, or a
// warning names the fault. HAYATE_TEST_SEED repeats a run, HAYATE_TEST_RUNS makes it longer.
// Some fixed seeds always run. Add each seed that finds a fault.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededNumbers } from '../../../../../test/support/archive-broadcast.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { chunk, type ReadWav, readAll } from '../../../../../test/support/wav.ts';
import { makeFiles, recipes, wavTools } from '../../../../../test/support/wav-oracle.ts';
import { HayateError } from '../../kernel/error.ts';

const seed = Number(process.env.HAYATE_TEST_SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.HAYATE_TEST_RUNS ?? 20);
const fixedSeeds: readonly number[] = [15, 164, 1_019, 1_147, 1_317];

type Choose = (below: number) => number;
interface Damaged {
  readonly bytes: Buffer;
  readonly what: string;
}

/** The positions where chunks begin in a good RIFF file. */
function chunkPlaces(bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = 12; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at + 4) + (bytes.readUInt32LE(at + 4) & 1)) places.push(at);
  return places;
}

const damages: readonly ((bytes: Buffer, choose: Choose) => Damaged)[] = [
  (bytes, choose) => {
    const length = choose(3) === 0 ? choose(bytes.length) : bytes.length - choose(200);
    return { bytes: bytes.subarray(0, length), what: `cut to ${length}` };
  },
  (bytes, choose) => {
    const places = [4, ...chunkPlaces(bytes).map((place) => place + 4)];
    const at = choose(3) === 0 ? (places[choose(places.length)] ?? 4) : bytes.indexOf('data') + 4;
    const old = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : 0;
    const sizes = [0, 0xffff_ffff, 0x7fff_ffff, choose(2 ** 31), old - 1, old + 1, old >> 1, old * 2, old - choose(40), old + choose(40)];
    const size = (sizes[choose(sizes.length)] ?? 0) >>> 0;
    const changed = Buffer.from(bytes);
    if (at + 4 <= bytes.length) changed.writeUInt32LE(size, at);
    return { bytes: changed, what: `size ${size} for ${old} at ${at}` };
  },
  (bytes, choose) => {
    const places = [...chunkPlaces(bytes), bytes.length];
    const at = places[choose(places.length)] ?? bytes.length;
    const id = ['LIST', 'id3 ', 'bext', 'JUNK', 'Abcd', 'smpl', 'PAD '][choose(7)] ?? 'LIST';
    const junk = chunk(id, Buffer.alloc(choose(300), choose(256)), { pad: choose(4) > 0 });
    return { bytes: Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]), what: `chunk ${id} of ${junk.length} at ${at}` };
  },
  (bytes, choose) => {
    const changed = Buffer.from(bytes);
    const header = Math.max(1, bytes.indexOf('data') + 8);
    const flips = Array.from({ length: 1 + choose(2) }, () => ({ at: choose(Math.min(header, bytes.length)), bit: choose(8) }));
    for (const { at, bit } of flips) changed[at] = (changed[at] ?? 0) ^ (1 << bit);
    return { bytes: changed, what: `bits ${flips.map(({ at, bit }) => `${at}.${bit}`).join(' ')}` };
  },
  (bytes, choose) => {
    const tail = Buffer.from(Array.from({ length: choose(300) }, () => choose(256)));
    return { bytes: Buffer.concat([bytes, tail]), what: `${tail.length} bytes appended` };
  },
  (bytes, choose) => {
    const head = Buffer.from(Array.from({ length: choose(40) }, () => choose(256)));
    return { bytes: Buffer.concat([head, bytes]), what: `${head.length} bytes in front` };
  },
];

function damage(good: Buffer, choose: Choose): Damaged {
  let [bytes, what] = [good, ''];
  for (let left = 1 + choose(2); left > 0; left--) {
    const next = damages[choose(damages.length)]?.(bytes, choose);
    if (next !== undefined) [bytes, what] = [next.bytes, `${what}, ${next.what}`];
  }
  return { bytes, what };
}

type Sound = ArrayLike<number>;

/**
 * Whether `ours` and `theirs` are equal, within the format's smallest step, up to the end of the
 * shorter one.
 */
function agree(ours: Sound, theirs: Sound): boolean {
  for (let i = 0; i < Math.min(ours.length, theirs.length); i++)
    if (!(Math.abs((ours[i] ?? 0) - Math.min(1, Math.max(-1, theirs[i] ?? 0))) <= 2 ** -23)) return false;
  return true;
}

async function readOrRefuse(bytes: Uint8Array, isLengthKnown: boolean, what: string): Promise<ReadWav | undefined> {
  try {
    return await readAll(bytes, isLengthKnown ? { fileBytes: bytes.length } : {});
  } catch (error) {
    assert.ok(error instanceof HayateError && error.code === 'BAD_REQUEST', `${what}: ${error instanceof Error ? error.stack : error}`);
    assert.match(error.message, /^(its?|the) .{8,}$/, what);
    return undefined;
  }
}

/** The samples that another program decodes from a file; empty if it refuses the file. */
function decoded(tool: 'ffmpeg' | 'sox', path: string, program: string): Sound {
  const args = {
    ffmpeg: ['-v', 'quiet', '-f', path.endsWith('w64') ? 'w64' : 'wav', '-i', path, '-c:a', 'pcm_f64le', '-f', 'f64le', '-'],
    sox: ['-D', '-V0', path, '-t', 'f64', '-'],
  }[tool];
  const { stdout } = spawnSync(program, args, { maxBuffer: 1 << 28 });
  return new Float64Array(Uint8Array.from(stdout.subarray(0, stdout.length - (stdout.length % 8))).buffer);
}

/**
 * Describes the fault of `ours`, if there is one. Without a warning, `ours` must hold all samples
 * that another program decoded, or all of the undamaged file. With a warning it may hold fewer of
 * them, but no others. Where programs disagree, either may be right.
 */
function faultOf(ours: ReadWav, others: readonly Sound[]): string | undefined {
  const alike = others.filter((other) => other.length > 0 && agree(ours.sound, other));
  const lengths = `${ours.sound.length} samples, of ${others.map(({ length }) => length).join(', ')} in the original, ffmpeg and sox`;
  if (alike.length === 0) return `other samples: ${lengths}; ${ours.warnings.join('; ')}`;
  const hasAll = alike.some((other) => ours.sound.length >= other.length);
  return hasAll || ours.warnings.length > 0 ? undefined : `${lengths}, without a warning`;
}

test('damaged files are read as far as ffmpeg and sox read them, or refused in one line', async (t) => {
  const tools = wavTools(t);
  if (tools === undefined) return;
  t.diagnostic(`HAYATE_TEST_SEED=${seed}`);
  const folder = tempDir(t);
  // ffmpeg cannot read floating-point RIFX.
  const files = makeFiles(
    t,
    tools,
    recipes.filter(({ args }) => !(args.includes('big') && args.includes('floating-point'))),
  );
  const faults: string[] = [];
  const counts = { read: 0, refused: 0, warned: 0 };
  for (const one of [...fixedSeeds, ...Array.from({ length: runs }, (_, i) => seed + i)]) {
    const choose = seededNumbers(Math.imul(one, 0x9e37_79b1));
    const file = files[choose(files.length)];
    assert.ok(file !== undefined);
    const good = readFileSync(file.path);
    const { bytes, what } = damage(good, choose);
    const told = `seed ${one}: ${file.what}${what}`;
    const ours = await readOrRefuse(bytes, choose(2) === 0, told);
    if (ours === undefined) counts.refused++;
    else {
      const path = join(folder, `damaged.${file.path.slice(-3)}`);
      writeFileSync(path, bytes);
      const original = (await readAll(good)).sound;
      const others = [original, decoded('ffmpeg', path, tools.ffmpeg), decoded('sox', path, tools.sox)];
      const fault = faultOf(ours, others);
      if (fault !== undefined) faults.push(`${told}: ${fault}`);
      counts.read++;
      if (ours.warnings.length > 0) counts.warned++;
    }
  }
  assert.deepEqual(faults, []);
  t.diagnostic(`${counts.read} read, of which ${counts.warned} with a warning; ${counts.refused} refused`);
});
