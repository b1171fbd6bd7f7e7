// A box with a sentence for people. A problem scrolls itself into view, because on a phone it may
// appear off the screen.
import { type ReactNode, useEffect, useRef } from 'react';

/**
 * A sentence to read now: a problem, or a missing feature of the browser. Screen readers announce
 * it; a problem scrolls into view.
 */
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
