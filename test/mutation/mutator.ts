// In: one node of a syntax tree (ESTree, as Vite's parser gives it). Out: the changes that mutate
// it. There is one rule for each kind of node. A rule looks at the node alone, never at its
// surroundings.

/** A node of the tree: its kind, its place in the source in UTF-16 units, and its parts. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [part: string]: unknown;
}

/** Replaces the source from `start` to before `end`. */
export interface Change {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

type Rule = (node: SyntaxNode, source: string) => Change[];

/** Every operator, with those that replace it. */
const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '==': ['!='],
  '!=': ['=='],
  '&&': ['||'],
  '||': ['&&'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
};

/** From this value on a number is a size or a time, where a difference of one says little. */
const LARGE_NUMBER = 1000;

const part = (node: SyntaxNode, name: string): SyntaxNode => node[name] as SyntaxNode;
const textOf = (node: SyntaxNode, source: string): string => source.slice(node.start, node.end);
const replace = ({ start, end }: SyntaxNode, ...replacements: readonly string[]): Change[] =>
  replacements.map((replacement) => ({ start, end, replacement }));

/** Zero, off by one, a thousand times as much, a hundredth. */
const numberRule: Rule = (node) => {
  if (typeof node.bigint === 'string') return replace(node, node.bigint === '0' ? '1n' : '0n', `${BigInt(node.bigint) + 1n}n`);
  if (typeof node.value === 'boolean') return replace(node, String(!node.value));
  if (typeof node.value !== 'number') return [];
  const value = node.value;
  if (value === 0) return replace(node, '1');
  const near = Number.isInteger(value) && value < LARGE_NUMBER ? [value - 1, value + 1] : [];
  const far = value > 1 ? [value * 1000, value / 100] : value < 1 ? [1] : [];
  return replace(node, ...new Set([0, ...near, ...far].map(String)));
};

/** The source of an operand, in parentheses if its place could bind it differently. */
const operandOf = (node: SyntaxNode, source: string): string => {
  const isClosed = ['Identifier', 'Literal', 'MemberExpression', 'CallExpression', 'ThisExpression'].includes(node.type);
  return isClosed ? textOf(node, source) : `(${textOf(node, source)})`;
};

const isText = (node: SyntaxNode): boolean =>
  node.type === 'TemplateLiteral' ||
  (node.type === 'Literal' && typeof node.value === 'string') ||
  (node.type === 'BinaryExpression' && (isText(part(node, 'left')) || isText(part(node, 'right'))));

const operatorRule: Rule = (node, source) => {
  const operator = String(node.operator);
  const [left, right] = [part(node, 'left'), part(node, 'right')];
  if (operator.startsWith('+') && (isText(left) || isText(right))) return [];
  const start = source.indexOf(operator, left.end);
  return (OPERATORS[operator] ?? []).map((replacement) => ({ start, end: start + operator.length, replacement }));
};

const logicalRule: Rule = (node, source) =>
  node.operator === '??' ? replace(node, operandOf(part(node, 'right'), source)) : operatorRule(node, source);

const unaryRule: Rule = (node, source) =>
  node.operator === '!' || node.operator === '-' ? replace(node, operandOf(part(node, 'argument'), source)) : [];

const updateRule: Rule = (node, source) => {
  const argument = textOf(part(node, 'argument'), source);
  const operator = node.operator === '++' ? '--' : '++';
  return replace(node, node.prefix === true ? operator + argument : argument + operator);
};

/** A branch that is never taken; if there is another, also one that is always taken. */
const conditionRule: Rule = (node) => {
  if (node.test === null) return [];
  const isEither = node.type === 'ConditionalExpression' || node.alternate != null;
  return replace(part(node, 'test'), 'false', ...(isEither ? ['true'] : []));
};

/** `assert(…)`, `assert.equal(…)` and `log.warn(…)`: see the head of mutant.ts. */
const QUIET_CALL = /^(await )?(assert\b|[\w.#?]*\b(log|logger|console)\??\.\w+\()/;

const statementRule: Rule = (node, source) => {
  const effects = new Set(['CallExpression', 'AwaitExpression', 'AssignmentExpression', 'UpdateExpression', 'ChainExpression']);
  const isRemoved = effects.has(part(node, 'expression').type) && !QUIET_CALL.test(textOf(node, source));
  return isRemoved ? replace(node, ';') : [];
};

/** A function that returns at once, unless it has only one statement, which has rules itself. */
const functionRule: Rule = (node, source) => {
  const body = node.body as SyntaxNode | null;
  if (body === null) return [];
  if (body.type !== 'BlockStatement') return body.type === 'CallExpression' ? replace(body, 'undefined') : [];
  const { length } = body.body as readonly unknown[];
  return length > 1 && !textOf(body, source).includes('super(') ? replace(body, '{}') : [];
};

const callRule: Rule = (node, source) => {
  const callee = part(node, 'callee');
  const name = textOf(callee, source);
  if (name === 'Math.min') return replace(callee, 'Math.max');
  if (name === 'Math.max') return replace(callee, 'Math.min');
  if (name === 'Math.floor') return replace(callee, 'Math.ceil');
  if (name === 'Math.ceil') return replace(callee, 'Math.floor');
  return [];
};

const returnRule: Rule = (node) => (node.argument === null ? replace(node, ';') : []);

const RULES: Readonly<Record<string, Rule>> = {
  Literal: numberRule,
  BinaryExpression: operatorRule,
  LogicalExpression: logicalRule,
  AssignmentExpression: operatorRule,
  UnaryExpression: unaryRule,
  UpdateExpression: updateRule,
  IfStatement: conditionRule,
  ConditionalExpression: conditionRule,
  WhileStatement: conditionRule,
  ForStatement: conditionRule,
  ExpressionStatement: statementRule,
  AwaitExpression: (node, source) => replace(node, operandOf(part(node, 'argument'), source)),
  FunctionDeclaration: functionRule,
  FunctionExpression: functionRule,
  ArrowFunctionExpression: functionRule,
  CallExpression: callRule,
  ReturnStatement: returnRule,
  ContinueStatement: (node) => replace(node, ';'),
  BreakStatement: (node) => replace(node, ';'),
};

/** The changes that mutate `node` itself, and not its parts. */
export const changesOf = (node: SyntaxNode, source: string): Change[] => RULES[node.type]?.(node, source) ?? [];
