// A box with a sentence for people. A problem scrolls itself into view, as on a phone it may appear where nobody looks.
import { type ReactNode, useEffect, useRef } from 'react';

/** Sentences that people should read now: a problem, or something their browser lacks. Read out and brought into view when they appear. */
export function Notice({ kind, children }: { kind: 'problem' | 'hint'; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (kind === 'problem') box.current?.scrollIntoView({ block: 'nearest' });
  }, [kind]);
  return (
    <div className={`notice notice-${kind}`} role={kind === 'problem' ? 'alert' : 'status'} ref={box}>
      {children}
    </div>
  );
}
