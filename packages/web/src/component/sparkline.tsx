// A short history as a filled line, newest on the right.

/** `values`, oldest first, of which `length` fill the width; `top` is the value at full height. */
export function Sparkline({ values, length, top, label }: { values: readonly number[]; length: number; top: number; label: string }) {
  const [width, height] = [120, 36];
  const x = (index: number) => width - ((values.length - 1 - index) * width) / (length - 1);
  const y = (value: number) => height - 1 - (Math.min(value, top) / (top || 1)) * (height - 3);
  const line = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const area = [`${x(0).toFixed(1)},${height}`, ...line, `${width},${height}`];
  return (
    <svg className="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {values.length > 1 && (
        <>
          <polygon points={area.join(' ')} />
          <polyline points={line.join(' ')} vectorEffect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}
