// Text written by a person, within a sentence.
import { textAttributes } from '../text/person-text.ts';

/** Isolates `children` from the text around it, with its own direction and language. */
export function PersonText({ children }: { children: string }) {
  return <bdi {...textAttributes(children)}>{children}</bdi>;
}
