// In: recipes for WAV files. Out: the files, written by ffmpeg and sox, and the samples that these
// programs decode from any file. Programs start slowly, so one ffmpeg process writes or reads many
// files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** Runs a program to its end and returns its standard output. Throws if it fails. */
export function runTool(tool: string, args: readonly string[], input?: Uint8Array): Buffer {
  const { status, stdout, stderr } = spawnSync(tool, args, { maxBuffer: 1 << 28, ...(input && { input }) });
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** The format of a file, and the tool that writes it. */
interface Recipe {
  readonly tool: 'ffmpeg' | 'sox';
  readonly args: readonly string[];
  /** Default: wav. */
  readonly extension?: string;
  readonly channels: number;
  /** Hz. */
  readonly sampleRate: number;
}

/** A file that a recipe made. */
export interface MadeFile {
  readonly path: string;
  readonly what: string;
  readonly recipe: Recipe;
}

const byFfmpeg = (channels: number, sampleRate: number, ...args: string[]): Recipe => ({ tool: 'ffmpeg', args, channels, sampleRate });
const bySox = (channels: number, sampleRate: number, ...args: string[]): Recipe => ({ tool: 'sox', args, channels, sampleRate });

/** Every format that the reader supports, in every container. */
export const recipes: readonly Recipe[] = [
  byFfmpeg(2, 44_100, '-c:a', 'pcm_u8'),
  byFfmpeg(2, 44_100, '-c:a', 'pcm_s16le'),
  byFfmpeg(1, 8_000, '-c:a', 'pcm_s16le'),
  byFfmpeg(1, 48_000, '-c:a', 'pcm_s24le'),
  byFfmpeg(2, 96_000, '-c:a', 'pcm_s32le'),
  byFfmpeg(1, 48_000, '-c:a', 'pcm_s64le'),
  byFfmpeg(2, 48_000, '-c:a', 'pcm_f32le'),
  byFfmpeg(1, 32_000, '-c:a', 'pcm_f64le'),
  byFfmpeg(1, 8_000, '-c:a', 'pcm_alaw'),
  byFfmpeg(2, 8_000, '-c:a', 'pcm_mulaw'),
  byFfmpeg(1, 37_800, '-c:a', 'pcm_s24le', '-rf64', 'always'),
  byFfmpeg(1, 11_025, '-c:a', 'pcm_s16le', '-write_bext', '1', '-write_peak', 'on', '-metadata', 'title=x'),
  { ...byFfmpeg(2, 22_050, '-c:a', 'pcm_s16le'), extension: 'w64' },
  { ...byFfmpeg(1, 192_000, '-c:a', 'pcm_f32le'), extension: 'w64' },
  bySox(2, 44_056, '-e', 'unsigned-integer', '-b', '8'),
  bySox(2, 44_056, '-e', 'signed-integer', '-b', '16'),
  bySox(1, 44_056, '-e', 'signed-integer', '-b', '24', '--comment', 'odd'),
  bySox(2, 16_000, '-e', 'signed-integer', '-b', '32'),
  bySox(2, 16_000, '-e', 'floating-point', '-b', '32'),
  bySox(2, 16_000, '-e', 'floating-point', '-b', '64'),
  bySox(1, 8_000, '-e', 'a-law'),
  bySox(2, 8_000, '-e', 'mu-law'),
  bySox(2, 16_000, '-e', 'signed-integer', '-b', '16', '--endian', 'big'),
  bySox(1, 16_000, '-e', 'floating-point', '-b', '32', '--endian', 'big'),
];

/** The tools. Returns undefined after skipping the test. */
export function wavTools(t: TestContext): { readonly ffmpeg: string; readonly sox: string } | undefined {
  const ffmpeg = requireTool(t, 'ffmpeg');
  const sox = requireTool(t, 'sox');
  return ffmpeg === undefined || sox === undefined ? undefined : { ffmpeg, sox };
}

/** Writes a tenth of a second of tones by every recipe, with a different tone in each channel. */
export function makeFiles(t: TestContext, tools: { ffmpeg: string; sox: string }, list: readonly Recipe[]): MadeFile[] {
  const folder = tempDir(t);
  const source = 'aevalsrc=0.6*sin(2*PI*300*t)|0.5*sin(2*PI*430*t)*sin(20*t):s=48000:d=0.113';
  const raw = join(folder, 'source.f32');
  const files = list.map((recipe, i) => {
    const { tool, args, channels, sampleRate, extension = 'wav' } = recipe;
    return { path: join(folder, `${i}.${extension}`), what: `${tool} ${args.join(' ')} ${extension} ${sampleRate} Hz ${channels}`, recipe };
  });
  const outputs = files
    .filter(({ recipe }) => recipe.tool === 'ffmpeg')
    .flatMap(({ path, recipe }) => ['-ac', `${recipe.channels}`, '-ar', `${recipe.sampleRate}`, ...recipe.args, path]);
  runTool(tools.ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', source, '-ac', '2', '-f', 'f32le', raw, ...outputs]);
  for (const { path, recipe } of files)
    if (recipe.tool === 'sox') {
      const { channels, sampleRate, args } = recipe;
      runTool(tools.sox, ['-D', '-t', 'f32', '-c', `${channels}`, '-r', `${sampleRate}`, raw, ...args, path]);
    }
  return files;
}

/** The samples that ffmpeg decodes from good files, interleaved, without any conversion. */
export function decodedByFfmpeg(t: TestContext, ffmpeg: string, paths: readonly string[]): Float64Array[] {
  const folder = tempDir(t);
  const raws = paths.map((_, i) => join(folder, `${i}.f64`));
  const outputs = raws.flatMap((raw, i) => ['-map', `${i}`, '-c:a', 'pcm_f64le', '-f', 'f64le', raw]);
  runTool(ffmpeg, ['-v', 'error', ...paths.flatMap((path) => ['-i', path]), ...outputs]);
  return raws.map((raw) => new Float64Array(Uint8Array.from(readFileSync(raw)).buffer));
}

/** The samples that sox decodes from a good file, interleaved, in steps of 32 bits. */
export function decodedBySox(sox: string, path: string): Float64Array {
  const raw = runTool(sox, ['-D', path, '-t', 's32', '-']);
  return Float64Array.from(new Int32Array(Uint8Array.from(raw).buffer), (value) => value / 2 ** 31);
}
