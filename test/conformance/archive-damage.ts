// Ways to damage an archive so that only one rule is broken. Damaged objects get matching digests,
// and the manifest that names them is rewritten, so that only the check under test can find the
// damage.
import assert from 'node:assert/strict';
import {
  decodeManifest,
  type EpochState,
  encodeManifest,
  type Manifest,
  makeManifest,
} from '../../packages/server/src/archive/layout/manifest.ts';
import { decodeFrames } from '../../packages/server/src/archive/read/frame-reader.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { FRAME_TABLE, type FrameRow } from '../../packages/server/src/archive/row/frame-row.ts';
import { STATISTICS_TABLE, type StatisticsRow } from '../../packages/server/src/archive/row/statistics-row.ts';
import { AvroBlocks, packAvroSections, readAvroHeader } from '../../packages/server/src/format/avro/index.ts';
import { logicalDigest } from '../../packages/server/src/format/logical-digest.ts';
import { type OggOpusLink, OggOpusWriter, type OpusTag, readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { PARQUET_DIGEST_KEY, readParquetMetadata, writeParquet } from '../../packages/server/src/format/parquet/index.ts';
import type { Store } from '../../packages/server/src/store/store.ts';

/** An archive that can be changed. */
export class Damage {
  readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.list(prefix)) keys.push(key);
    return keys;
  }

  /** The middle one of the keys, which has neighbours on both sides. */
  async middle(prefix: string, wanted: (key: string) => boolean = () => true): Promise<string> {
    const keys = (await this.keys(prefix)).filter(wanted);
    return keys[Math.floor(keys.length / 2)] ?? assert.fail(`nothing under ${prefix}`);
  }

  async get(key: string): Promise<Uint8Array> {
    return (await this.store.get(key)) ?? assert.fail(key);
  }

  async manifest(key: string): Promise<Manifest> {
    return decodeManifest(await this.get(key), key);
  }

  /** Rewrites a manifest with a matching digest. */
  async changeManifest(key: string, change: (manifest: Manifest) => Manifest): Promise<void> {
    await this.store.replace(key, encodeManifest(makeManifest(change(structuredClone(await this.manifest(key))))));
  }

  /** Replaces the state of one broadcast in a manifest. */
  async changeEpoch(
    key: string,
    change: (epoch: EpochState) => EpochState,
    wanted: (epoch: EpochState) => boolean = () => true,
  ): Promise<void> {
    await this.changeManifest(key, (manifest) => {
      const at = manifest.state.epochs.findIndex(wanted);
      const epoch = manifest.state.epochs[at];
      assert.ok(epoch !== undefined, 'no such broadcast');
      manifest.state.epochs[at] = change(epoch);
      return manifest;
    });
  }

  /** Moves an object to another key, also in the manifest. */
  async move(key: string, other: string): Promise<void> {
    const [naming, bytes] = [await this.naming(key), await this.get(key)];
    await this.store.putIfAbsent(other, bytes);
    await this.store.delete(key);
    await this.changeManifest(naming, (manifest) => {
      for (const object of manifest.previous?.objects ?? []) if (object.key === key) object.key = other;
      manifest.previous?.objects.sort((a, b) => (a.key < b.key ? -1 : 1));
      return manifest;
    });
  }

  /** The manifest that names an object. */
  async naming(key: string): Promise<string> {
    for (const candidate of await this.keys('cuts/'))
      if ((await this.manifest(candidate)).previous?.objects.some((object) => object.key === key)) return candidate;
    return assert.fail(`no manifest names ${key}`);
  }

  /** Replaces an object's bytes, and its digest in the manifest. */
  async replace(key: string, bytes: Uint8Array, digest: string): Promise<void> {
    const naming = await this.naming(key);
    await this.store.replace(key, bytes);
    await this.changeManifest(naming, (manifest) => {
      for (const object of manifest.previous?.objects ?? []) if (object.key === key) object.digest = digest;
      return manifest;
    });
  }

  /** Replaces the rows of a frames object; `index` may be wrong. */
  async changeFrames(key: string, change: (rows: FrameRow[]) => FrameRow[]): Promise<void> {
    const old = await this.get(key);
    const { metadata } = readAvroHeader(old);
    const groups = Map.groupBy(change(decodeFrames(key, old)), ({ stream, epoch }) => `${stream}/${epoch}`);
    const sections = [...groups].map(([name, rows]) => {
      const blocks = new AvroBlocks();
      for (const row of rows) blocks.append(FRAME_TABLE, row);
      return { name: name.split('/'), blocks: blocks.finish() };
    });
    const { bytes, digest } = await packAvroSections(FRAME_TABLE, sections, { codec: 'deflate', metadata });
    await this.replace(key, bytes, digest);
  }

  /** Replaces the rows of a statistics object. */
  async changeStatistics(key: string, change: (rows: StatisticsRow[]) => StatisticsRow[]): Promise<void> {
    const old = await this.get(key);
    const own = Object.entries(readParquetMetadata(old)).filter(([name]) => ![PARQUET_DIGEST_KEY, 'hayate.sha256'].includes(name));
    const { bytes, digest } = await writeParquet(STATISTICS_TABLE, change(await decodeStatistics(key, old)), Object.fromEntries(own));
    await this.replace(key, bytes, digest);
  }

  /** Replaces the voice, the tags or the serial number of an audio object. */
  async changeAudio(
    key: string,
    change: (link: { serial: number; tags: OpusTag[]; packets: Uint8Array[]; preSkip: number }) => void,
  ): Promise<void> {
    const [link] = readOggOpus(await this.get(key));
    assert.ok(link !== undefined);
    const { channels, inputSampleRate, preSkip } = link.head;
    const changed = { serial: link.serial, tags: withoutDigest(link), packets: link.packets.map(({ data }) => data), preSkip };
    change(changed);
    const head = { channels, preSkip: changed.preSkip, inputSampleRate };
    const digest = logicalDigest([JSON.stringify([head, changed.tags]), ...changed.packets]);
    const writer = new OggOpusWriter({ ...head, serial: changed.serial, tags: [...changed.tags, ['HAYATE_DIGEST', digest]] });
    for (const packet of changed.packets) writer.write(packet);
    await this.replace(key, writer.end(), digest);
  }
}

function withoutDigest({ tags }: OggOpusLink): OpusTag[] {
  return tags.filter(([name]) => name !== 'HAYATE_DIGEST').map(([name, value]): OpusTag => [name, value]);
}
