// The files of the built pages. In: a path of the site. Out: the file as a representation, in the
// coding that the client prefers among those that the build has written next to the file. Files are
// kept in memory, and read again when they change on disk.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Coding, codingHeader, type Forms, inCoding } from '../http/content-coding.ts';
import { type Representation, representationOf } from '../http/representation.ts';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  gif: 'image/gif',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  jpg: 'image/jpeg',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  map: 'application/json',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  ogg: 'audio/ogg',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  wav: 'audio/wav',
  webm: 'video/webm',
  webmanifest: 'application/manifest+json',
  webp: 'image/webp',
  woff2: 'font/woff2',
};

/**
 * Codings that the build writes next to a file, by the suffix of the name
 * (packages/web/precompress.ts).
 */
const SUFFIXES = { br: '.br', gzip: '.gz' } as const;

/** A file and its encoded forms. */
interface PageFile {
  readonly type: string;
  readonly forms: Forms;
}

/** The files below `directory`. */
export class PageFiles {
  readonly #directory: string;
  readonly #known = new Map<string, { readonly state: string; readonly file: PageFile }>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * The file at `path`, which begins with a slash; undefined if it is missing. Throws HayateError
   * NOT_ACCEPTABLE.
   */
  async find(
    path: string,
    acceptEncoding: string | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Representation | undefined> {
    const file = await this.#load(path);
    if (file === undefined) return undefined;
    const { coding, bytes } = await inCoding(file.forms, acceptEncoding);
    const contentHeaders = { 'Content-Type': file.type, ...codingHeader(coding) };
    return representationOf(bytes, { headers: { ...headers, Vary: 'Accept-Encoding' }, contentHeaders });
  }

  /** The text of a file; undefined if there is none. */
  async text(path: string): Promise<string | undefined> {
    const bytes = (await this.#load(path))?.forms.get('identity');
    return bytes && new TextDecoder().decode(bytes);
  }

  async #load(path: string): Promise<PageFile | undefined> {
    const name = path.slice(1);
    // Names that begin with a dot do not belong to the pages.
    if (!name.split('/').every((segment) => /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(segment))) return undefined;
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) return undefined;
    const onDisk = join(this.#directory, name);
    const stats = await stat(onDisk, { bigint: true }).catch(() => undefined);
    if (stats === undefined || !stats.isFile()) return undefined;
    const state = [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ');
    const known = this.#known.get(name);
    if (known?.state === state) return known.file;
    const forms = new Map<Coding, Uint8Array<ArrayBuffer>>([['identity', new Uint8Array(await readFile(onDisk))]]);
    for (const [coding, suffix] of Object.entries(SUFFIXES) as [Coding, string][]) {
      const encoded = await readFile(onDisk + suffix).catch(() => undefined);
      if (encoded !== undefined) forms.set(coding, new Uint8Array(encoded));
    }
    const file = { type, forms };
    this.#known.set(name, { state, file });
    return file;
  }
}
