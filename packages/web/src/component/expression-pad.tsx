// The studio's expressions, one at a time, by button or number key; pressing the same one again
// takes it off.
import { useEffect, useState } from 'react';
import { type Expression, type ExpressionPerformer, Expressions } from '../studio/expression-performer.ts';

const faces: Readonly<Record<Expression, string>> = { smile: '😊', surprised: '😮', wink: '😉', sad: '😢' };

/** Buttons for the expressions of `performer`. */
export function ExpressionPad({ performer }: { performer: ExpressionPerformer }) {
  const [worn, setWorn] = useState(performer.worn);
  useEffect(() => {
    const toggle = (expression: Expression) => {
      const next = performer.worn === expression ? undefined : expression;
      performer.wear(next, performance.now());
      setWorn(next);
    };
    const onKey = (event: KeyboardEvent) => {
      const expression = Expressions[Number(event.key) - 1];
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if (expression === undefined || isTyping || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      toggle(expression);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [performer]);
  const toggle = (expression: Expression) => {
    const next = worn === expression ? undefined : expression;
    performer.wear(next, performance.now());
    setWorn(next);
  };
  return (
    <fieldset className="expressions">
      <legend>Expression</legend>
      {Expressions.map((expression, i) => (
        <button
          key={expression}
          type="button"
          className="expression"
          aria-pressed={worn === expression}
          aria-keyshortcuts={`${i + 1}`}
          onClick={() => toggle(expression)}
        >
          <span aria-hidden="true">{faces[expression]}</span>
          {expression}
          <kbd>{i + 1}</kbd>
        </button>
      ))}
    </fieldset>
  );
}
