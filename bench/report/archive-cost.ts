// In: measured bytes and objects that an archive takes for an hour of broadcasts. Out: the
// calculated cost of a month at the list prices of two clouds, as the tables of
// docs/operate/capacity.md. Every assumption is a row of the first table.
import type { Table } from './outcome.ts';

/** The bytes and objects of an hour in the store. */
interface ArchiveHour {
  /** Bytes of one broadcast, by output. */
  readonly streamBytes: Readonly<Record<string, number>>;
  /** Objects of one broadcast, all for its voice. */
  readonly streamObjects: number;
  /** Objects of one partition, whatever the number of its broadcasts. */
  readonly partitionObjects: number;
}

/**
 * List prices in dollars, without free tiers, discounts and taxes. A gigabyte is 2^30 bytes, as
 * both clouds bill it.
 */
interface ListPrice {
  readonly name: string;
  readonly gigabyteMonth: number;
  /** Price of a thousand writes or listings. */
  readonly thousandWrites: number;
}

/**
 * Amazon S3 Standard in us-east-1, first 50 TB (aws.amazon.com/s3/pricing), and Google Cloud
 * Storage Standard in us-central1, $0.000027397 a GiB and hour (cloud.google.com/storage/pricing),
 * both as of September 2026. Deleting is free in both.
 */
const LIST_PRICES: readonly ListPrice[] = [
  { name: 'Amazon S3 Standard', gigabyteMonth: 0.023, thousandWrites: 0.005 },
  { name: 'Google Cloud Storage Standard', gigabyteMonth: 0.000027397 * 730, thousandWrites: 0.005 },
];

const assumed = { streams: 1_000, hours: 730, keptDays: 30, partitions: 16 };

const dollars = (value: number) => `$${value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en')}`;

/** The assumptions, and a month's cost at each list price. */
export function archiveCostTables(hour: ArchiveHour, prices: readonly ListPrice[] = LIST_PRICES): Table[] {
  const { streams, hours, keptDays, partitions } = assumed;
  const bytes = Object.values(hour.streamBytes).reduce((sum, value) => sum + value, 0);
  const gigabytes = (bytes * streams * hours) / 2 ** 30;
  const writes = hours * (streams * hour.streamObjects + partitions * hour.partitionObjects);
  const kept = gigabytes * (keptDays / (hours / 24));
  return [
    {
      title: 'Assumed for the month',
      columns: ['what', 'value'],
      rows: [
        ['broadcasts at any time', streams.toLocaleString('en')],
        ['hours of the month', String(hours)],
        ['everything is kept for', `${keptDays} days`],
        ['partitions of the log', String(partitions)],
        ['stored at any time', `${Math.round(kept).toLocaleString('en')} GiB`],
        ['objects written', `${(writes / 1e6).toFixed(1)} million`],
      ],
    },
    {
      title: 'A month at list prices (calculated)',
      columns: ['store', 'storage', 'writes', 'together', 'a broadcast hour'],
      rows: prices.map(({ name, gigabyteMonth, thousandWrites }) => {
        const storage = kept * gigabyteMonth;
        const requests = (writes / 1_000) * thousandWrites;
        const each = (storage + requests) / (streams * hours);
        return [name, dollars(storage), dollars(requests), dollars(storage + requests), `$${each.toFixed(5)}`];
      }),
    },
  ];
}
