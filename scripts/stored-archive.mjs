// @ts-check
// In: files by path, as bytes. Out: a .tgz that npm can install, or a .zip. The same files give the
// same bytes on every machine. Nothing is compressed, since zlib's versions compress differently.
// Times, owners and modes are constants. Paths are ASCII.

/** @typedef {ReadonlyMap<string, Uint8Array>} Files paths with '/', relative, to content */

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** The CRC-32 that gzip and ZIP use (RFC 1952 section 8). @param {Uint8Array} bytes */
export const crc32 = (bytes) => {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
};

/**
 * Little-endian integers, each as [value, bytes].
 * @param {...(readonly [number, number])} integers
 */
const littleEndian = (...integers) => {
  const bytes = Buffer.alloc(integers.reduce((sum, [, length]) => sum + length, 0));
  let offset = 0;
  for (const [value, length] of integers) offset = bytes.writeUIntLE(value, offset, length);
  return bytes;
};

/** @param {string} path @param {number} lengthMax */
const checkPath = (path, lengthMax) => {
  if (!/^[\x21-\x7e]+$/.test(path) || path.length > lengthMax) throw new Error(`${path}: ASCII only, at most ${lengthMax} characters`);
};

const storedBlockMax = 0xffff;

/** A gzip file (RFC 1952) of stored blocks (RFC 1951 section 3.2.4). @param {Uint8Array} bytes */
const gzipStored = (bytes) => {
  const parts = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])];
  for (let start = 0; start === 0 || start < bytes.length; start += storedBlockMax) {
    const block = bytes.subarray(start, start + storedBlockMax);
    const isLast = start + storedBlockMax >= bytes.length;
    parts.push(littleEndian([isLast ? 1 : 0, 1], [block.length, 2], [~block.length & 0xffff, 2]), Buffer.from(block));
  }
  return Buffer.concat([...parts, littleEndian([crc32(bytes), 4], [bytes.length, 4])]);
};

/**
 * The header of a file in a ustar archive (POSIX.1-1988), 512 bytes. A long path is split at a '/':
 * the first part goes to the field `prefix`, at 345.
 * @param {string} path
 * @param {number} size
 */
const tarHeader = (path, size) => {
  checkPath(path, 253);
  const slash = path.length <= 99 ? -1 : path.indexOf('/', path.length - 100);
  const [prefix, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
  if (name.length > 99 || prefix.length > 154) throw new Error(`${path}: a part between two '/' is too long`);
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(prefix, 345);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
};

/**
 * A gzipped tar archive of `files`, in the map's order, times at the Unix epoch.
 * @param {Files} files
 * @returns {Buffer}
 */
export const tarball = (files) => {
  const parts = [...files].flatMap(([path, content]) => [
    tarHeader(path, content.length),
    Buffer.from(content),
    Buffer.alloc(-content.length & 511),
  ]);
  return gzipStored(Buffer.concat([...parts, Buffer.alloc(1024)]));
};

/** 1980-01-01 00:00, the first time that ZIP can express: time, then date. */
const zipTime = /** @type {const} */ ([
  [0, 2],
  [0x21, 2],
]);

/**
 * A ZIP archive (PKWARE APPNOTE 6.3) of `files`, in the map's order.
 * @param {Files} files
 * @returns {Buffer}
 */
export const zipFile = (files) => {
  /** @type {Buffer[]} */
  const locals = [];
  /** @type {Buffer[]} */
  const central = [];
  let offset = 0;
  for (const [path, content] of files) {
    checkPath(path, 0xffff);
    const name = Buffer.from(path);
    const sizes = /** @type {const} */ ([
      [crc32(content), 4],
      [content.length, 4],
      [content.length, 4],
      [name.length, 2],
      [0, 2],
    ]);
    const local = [littleEndian([0x04034b50, 4], [10, 2], [0, 2], [0, 2], ...zipTime, ...sizes), name, Buffer.from(content)];
    // Version made by Unix (3), so that readers use the mode in the upper half of the attributes: a
    // regular file, 0644.
    const attributes = /** @type {const} */ ([
      [0, 2],
      [0, 2],
      [0, 2],
      [0o100644 * 0x10000, 4],
      [offset, 4],
    ]);
    const version = /** @type {const} */ ([
      [0x30a, 2],
      [10, 2],
    ]);
    central.push(littleEndian([0x02014b50, 4], ...version, [0, 2], [0, 2], ...zipTime, ...sizes, ...attributes), name);
    locals.push(...local);
    offset += local.reduce((sum, part) => sum + part.length, 0);
  }
  const directory = Buffer.concat(central);
  const count = files.size;
  const end = littleEndian([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [directory.length, 4], [offset, 4], [0, 2]);
  return Buffer.concat([...locals, directory, end]);
};
