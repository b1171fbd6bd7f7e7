/** One measured value under its name. `note` is its tooltip. */
export function Readout({ name, value, note, warn = false }: { name: string; value: string; note?: string; warn?: boolean }) {
  return (
    <div className={warn ? 'readout readout-warn' : 'readout'} title={note}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
