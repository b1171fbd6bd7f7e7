// Finds the known name nearest to a mistyped one, for a one-line message. In: short texts. Out: a
// clause, or an empty text.

/** `; did you mean NAME?` for the nearest of `names`; empty if none is near. */
export function didYouMean(text: string, names: readonly string[]): string {
  const ranked = names.map((name) => ({ name, distance: editDistance(text, name) })).sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(text.length / 3)) ? `; did you mean ${best.name}?` : '';
}

/**
 * The Levenshtein distance: the insertions, deletions and substitutions between two short texts.
 */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
