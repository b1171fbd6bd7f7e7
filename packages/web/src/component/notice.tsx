// How pages say what people should read now.
import type { ReactNode } from 'react';

/** Sentences that people should read now: a problem, or something their browser lacks. Read out when they appear. */
export function Notice({ kind, children }: { kind: 'problem' | 'hint'; children: ReactNode }) {
  return (
    <div className={`notice notice-${kind}`} role={kind === 'problem' ? 'alert' : 'status'}>
      {children}
    </div>
  );
}
