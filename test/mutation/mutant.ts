// In: the source of a TypeScript file. Out: its mutants, each one small change that a good test
// would notice. Every mutant parses, and differs from the source in one place. Strings, types,
// imports, assertions and log lines are not changed: a change there is either harmless or not the
// business of a test.
import { parseAst } from 'vite';
import { type Change, changesOf, type SyntaxNode } from './mutator.ts';

/** A changed version of a file. */
export interface Mutant {
  /** Where the original text begins and ends in the source, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly original: string;
  readonly replacement: string;
}

/** The mutants of a file. */
interface Mutants {
  readonly mutants: readonly Mutant[];
  /** Mutants left out, because a comment declares their line equivalent. */
  readonly declaredEquivalent: number;
}

/** On the mutated line or the one above it: no mutant of this line changes what users notice. */
const EQUIVALENT = /\/\/ mutation: equivalent, because \S/;

/** Keys of a node that lead to types or to names, where nothing can be mutated. */
const SKIPPED_KEYS = new Set(['typeAnnotation', 'typeArguments', 'typeParameters', 'returnType', 'superTypeArguments', 'implements']);
/** Types that wrap an expression which exists at run time. */
const WRAPPERS = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression']);

const isNode = (value: unknown): value is SyntaxNode => typeof value === 'object' && value !== null && 'type' in value && 'start' in value;

const isSkipped = (node: SyntaxNode): boolean =>
  (node.type.startsWith('TS') && !WRAPPERS.has(node.type)) || node.type === 'ImportDeclaration';

const childrenOf = (node: SyntaxNode): SyntaxNode[] =>
  Object.entries(node).flatMap(([key, value]) => {
    if (SKIPPED_KEYS.has(key) || (key === 'key' && node.computed !== true)) return [];
    return (Array.isArray(value) ? value : [value]).filter(isNode);
  });

const parse = (path: string, source: string): SyntaxNode =>
  parseAst(source, { lang: path.endsWith('x') ? 'tsx' : 'ts' }, path) as unknown as SyntaxNode;

const parses = (path: string, source: string): boolean => {
  try {
    parse(path, source);
    return true;
  } catch {
    return false;
  }
};

/** The source with the mutant's change. */
export const applyMutant = (source: string, { start, end, replacement }: Mutant): string =>
  source.slice(0, start) + replacement + source.slice(end);

/** Every mutant of a file, in the order of the source. Throws if `source` has no valid syntax. */
export const mutantsOf = (path: string, source: string): Mutants => {
  const lines = source.split('\n');
  const changes: Change[] = [];
  const walk = (node: SyntaxNode): void => {
    if (isSkipped(node)) return;
    changes.push(...changesOf(node, source));
    childrenOf(node).forEach(walk);
  };
  walk(parse(path, source));
  const all = changes.sort((a, b) => a.start - b.start).map((change) => locate(change, source));
  const unique = [...new Map(all.map((mutant) => [`${mutant.start} ${mutant.end} ${mutant.replacement}`, mutant])).values()];
  const valid = unique.filter((mutant) => mutant.original !== mutant.replacement && parses(path, applyMutant(source, mutant)));
  const mutants = valid.filter(({ line }) => ![lines[line - 1], lines[line - 2]].some((text) => EQUIVALENT.test(text ?? '')));
  return { mutants, declaredEquivalent: valid.length - mutants.length };
};

const locate = ({ start, end, replacement }: Change, source: string): Mutant => {
  const before = source.slice(0, start);
  const line = before.split('\n').length;
  return { start, end, line, column: start - before.lastIndexOf('\n'), original: source.slice(start, end), replacement };
};
