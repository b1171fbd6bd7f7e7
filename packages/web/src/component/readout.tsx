/** One measured value under its name. `note` explains it to whoever points at it. */
export function Readout({ name, value, note, warn = false }: { name: string; value: string; note?: string; warn?: boolean }) {
  return (
    <div className={warn ? 'readout readout-warn' : 'readout'} title={note}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
