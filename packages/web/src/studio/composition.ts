// An input method (IME) composes text before it is final. During composition nothing may be
// checked, rewritten or submitted. In: a field's events. Out: handlers for the field, and whether
// its text is in composition.
import { type KeyboardEvent, useState } from 'react';

/** Handlers to spread onto an input. */
interface Composition {
  readonly isComposing: boolean;
  readonly handlers: {
    readonly onCompositionStart: () => void;
    readonly onCompositionEnd: () => void;
    readonly onKeyDown: (event: KeyboardEvent) => void;
  };
}

/**
 * Follows composition and calls `onComposed` at its end. An Enter that accepts a candidate does not
 * submit the form.
 */
export function useComposition(onComposed?: () => void): Composition {
  const [isComposing, setIsComposing] = useState(false);
  return {
    isComposing,
    handlers: {
      onCompositionStart: () => setIsComposing(true),
      onCompositionEnd: () => {
        setIsComposing(false);
        onComposed?.();
      },
      // Safari ends the composition before the key event, whose code is still that of an input
      // method: 229.
      onKeyDown: (event) => {
        if (event.key === 'Enter' && (event.nativeEvent.isComposing || event.keyCode === 229)) event.preventDefault();
      },
    },
  };
}
