// In: the files that Node writes under NODE_V8_COVERAGE, one for each process of a test. Out: which
// places of a source file were executed. The innermost range that holds a place decides, in each
// process. Node's type stripping keeps every place, so the ranges are those of the source.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One executed or skipped part of a file, in UTF-16 units. */
interface CoveredRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** What each process executed, as V8 reports it. */
export type Coverage = readonly ReadonlyMap<string, readonly CoveredRange[]>[];

interface Report {
  readonly result: readonly { readonly url: string; readonly functions: readonly { readonly ranges: readonly CoveredRange[] }[] }[];
}

/** Reads the reports in `folder`. */
export const readCoverage = (folder: string): Coverage =>
  readdirSync(folder).map((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report;
    return new Map(result.map(({ url, functions }) => [url, functions.flatMap(({ ranges }) => ranges)]));
  });

/** Whether any process executed the place `offset` of the file at the absolute path `file`. */
export const isCovered = (coverage: Coverage, file: string, offset: number): boolean =>
  coverage.some((process) => {
    const around = (process.get(pathToFileURL(file).href) ?? []).filter((range) => range.startOffset <= offset && offset < range.endOffset);
    const innermost = around.reduce<CoveredRange | undefined>(
      (inner, range) => (inner === undefined || range.endOffset - range.startOffset <= inner.endOffset - inner.startOffset ? range : inner),
      undefined,
    );
    return (innermost?.count ?? 0) > 0;
  });
