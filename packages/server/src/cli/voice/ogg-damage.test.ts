// Damages good files at random. Everything that opusdec and ffmpeg still decode must also be sent,
// in order, or one clear line must say why nothing is sent. fast-check prints the seed of a
// failure. Cases that once failed are kept.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Damage, damage, damaged } from '../../../../../test/support/ogg-damage.ts';
import { root } from '../../../../../test/support/process.ts';
import { isFullRun, requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import {
  decodedByFfmpeg,
  decodedByOpusdec,
  findSound,
  runTool,
  type SentVoice,
  sendVoice,
} from '../../../../../test/support/voice-file.ts';
import { HayateError } from '../../kernel/error.ts';

/** Good files of real encoders, 4 s each. */
function goodFiles(folder: string, { ffmpeg, opusenc }: { ffmpeg: string; opusenc: string }): Map<string, Uint8Array> {
  const clip = join(root, 'packages/server/demo/hello.ogg');
  const wav = join(folder, 'voice.wav');
  runTool(ffmpeg, ['-v', 'error', '-i', clip, '-t', '4', wav]);
  const make = (name: string, tool: string, args: (out: string) => string[]) => {
    const out = join(folder, `${name}.ogg`);
    runTool(tool, args(out));
    return [name, new Uint8Array(readFileSync(out))] as const;
  };
  const byFfmpeg =
    (...options: string[]) =>
    (out: string) => ['-v', 'error', '-i', wav, '-c:a', 'libopus', ...options, out];
  const files = [
    make('mono', opusenc, (out) => ['--quiet', '--bitrate', '32', wav, out]),
    make('long-packets', opusenc, (out) => ['--quiet', '--framesize', '60', '--bitrate', '16', wav, out]),
    make('short-packets', ffmpeg, byFfmpeg('-frame_duration', '2.5', '-application', 'lowdelay', '-page_duration', '200000')),
    make('stereo', ffmpeg, byFfmpeg('-ac', '2', '-b:a', '64k', '-mapping_family', '1', '-page_duration', '100000')),
    make('dtx', opusenc, (out) => ['--quiet', '--speech', '--set-ctl-int', '4016=1', '--bitrate', '12', '--max-delay', '100', wav, out]),
  ];
  const found = new Map(files);
  const [first, second] = [files[0]?.[1], files[3]?.[1]];
  if (first !== undefined && second !== undefined) found.set('chain', new Uint8Array(Buffer.concat([first, second])));
  return found;
}

/** Returns undefined after it has skipped the test. */
function tools(t: TestContext) {
  const [ffmpeg, opusenc, opusdec] = ['ffmpeg', 'opusenc', 'opusdec'].map((name) => requireTool(t, name));
  return ffmpeg && opusenc && opusdec ? { ffmpeg, opusenc, opusdec } : undefined;
}

/**
 * Cases that once failed. In the first, a page is cut, so that the next one begins within it. In
 * the last, the first page of a chain has lost the flag that a stream begins.
 */
const KEPT: readonly [name: string, damages: readonly Damage[]][] = [
  [
    'long-packets',
    [
      { kind: 'editPage', page: 0.7938, field: 'granule', value: Uint8Array.from([64, 137, 105, 233, 252, 0, 4, 172]) },
      { kind: 'duplicatePage', page: 0.4089 },
      { kind: 'delete', at: 0.5564, length: 11 },
      { kind: 'cut', at: 0.9986 },
    ],
  ],
  ['chain', []],
  ['short-packets', [{ kind: 'swapPages', page: 0.5653 }]],
  ['chain', [{ kind: 'editPage', page: 0, field: 'flags', value: new Uint8Array(8) }]],
];

test('all sound of a damaged file that opusdec or ffmpeg decode is sent, or one line says why not', async (t) => {
  const paths = tools(t);
  if (paths === undefined) return;
  const folder = tempDir(t);
  const files = goodFiles(folder, paths);
  const path = join(folder, 'damaged.ogg');
  /** The decoded sound of the file, by each program. */
  const references = () =>
    [
      ['opusdec', decodedByOpusdec(paths.opusdec, path)],
      ['ffmpeg', decodedByFfmpeg(paths.ffmpeg, path)],
    ] as const;
  const check = async (name: string, damages: readonly Damage[]) => {
    const bytes = damaged(files.get(name) ?? new Uint8Array(0), damages);
    writeFileSync(path, bytes);
    let sent: SentVoice;
    try {
      sent = await sendVoice(path);
    } catch (error) {
      assert.ok(error instanceof HayateError, `${error}`);
      assert.match(error.message, /^[^\n]{10,300}$/);
      for (const [tool, reference] of references())
        assert.equal(findSound(reference, new Float32Array(0), 1).loud, 0, `${name}, ${tool} decodes it: ${error.message}`);
      return;
    }
    const { channels, sound } = sent;
    for (const [tool, reference] of references()) {
      const match = findSound(reference, sound, channels);
      assert.ok(match.longestMissing <= 6, `${name}, ${tool}: ${JSON.stringify(match)}: ${sent.warnings.join('; ')}`);
    }
  };
  const cases = fc.tuple(fc.constantFrom(...files.keys()), fc.array(damage, { maxLength: 4 }));
  await fc.assert(
    fc.asyncProperty(cases, ([name, damages]) => check(name, damages)),
    { numRuns: isFullRun ? 60 : 16, examples: KEPT.map(([name, damages]) => [[name, [...damages]]]) },
  );
});
