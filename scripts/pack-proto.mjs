// @ts-check
// In: the .proto files, spec/ and docs/client/. Out: these files as an npm package and as a ZIP
// archive, for teams that write a client in another language and need none of Hayate's code. Both
// hold the same files. packages/protocol/proto becomes proto/; the other files keep their paths, so
// that links between the pages work. The same commit gives the same bytes on every machine.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { isMain, Refusal, root, script } from './step.mjs';
import { tarball, zipFile } from './stored-archive.mjs';

/** @typedef {import('./stored-archive.mjs').Files} Files */

const isText = /\.(md|proto|json|avsc)$/;
const isPacked = /\.(md|proto|json|avsc|bin|avro|log|ogg|parquet)$|\/committed$/;

/**
 * A file's bytes. Text has the line ends of the repository, even in a checkout with other line
 * ends.
 * @param {string} path
 */
const read = (path) => {
  const bytes = readFileSync(join(root, path));
  return isText.test(path) ? Buffer.from(bytes.toString('utf8').replaceAll('\r\n', '\n')) : bytes;
};

/**
 * Every packed file below `folder`, as a path from the repository's root with '/'.
 * @param {string} folder
 */
const filesBelow = (folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => isPacked.test(path));

/** A path or a page with the shorter paths of the package. @param {string} text */
const withPackedLinks = (text) => text.replaceAll('packages/protocol/proto', 'proto');

const { version, license } = JSON.parse(readFileSync(join(root, 'packages/protocol/package.json'), 'utf8'));

/** The package's manifest: only files, no code. */
const manifest = {
  name: '@hayate/proto',
  version,
  description: "Hayate's wire contract for other languages: Protobuf files, specification, test vectors",
  license,
  exports: { './*': './*' },
};

/** The files of both archives by path, sorted by code unit. @returns {Files} */
const packedFiles = () => {
  /** @type {Map<string, Uint8Array>} */
  const files = new Map([
    ['LICENSE', read('LICENSE')],
    ['package.json', Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`)],
  ]);
  for (const path of ['packages/protocol/proto', 'spec', 'docs/client'].flatMap(filesBelow)) {
    const target = path === 'packages/protocol/proto/README.md' ? 'README.md' : withPackedLinks(path);
    files.set(target, path.endsWith('.md') ? Buffer.from(withPackedLinks(read(path).toString('utf8'))) : read(path));
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** Both archives by file name. @returns {Map<string, Buffer>} */
export const archives = () => {
  const files = packedFiles();
  /** @param {string} folder */
  const within = (folder) => new Map([...files].map(([path, bytes]) => [`${folder}/${path}`, bytes]));
  const name = `hayate-proto-${version}`;
  return new Map([
    [`${name}.tgz`, tarball(within('package'))],
    [`${name}.zip`, zipFile(within(name))],
  ]);
};

if (isMain(import.meta.url))
  await script('npm run pack:proto', async () => {
    const [flag, folder = '', ...rest] = process.argv.slice(2);
    if (rest.length > 0 || (flag !== undefined && (flag !== '--out' || folder === '')))
      throw new Refusal('usage: npm run pack:proto -- [--out FOLDER]   (default: dist/)');
    const out = flag === undefined ? join(root, 'dist') : resolve(process.env.INIT_CWD ?? '.', folder);
    mkdirSync(out, { recursive: true });
    for (const [name, bytes] of archives()) {
      writeFileSync(join(out, name), bytes);
      console.log(relative('.', join(out, name)));
    }
  });
