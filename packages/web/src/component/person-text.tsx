// A person's text within a sentence.
import { textAttributes } from '../text/person-text.ts';

/** `children` apart from the text around it, in its own direction and language. */
export function PersonText({ children }: { children: string }) {
  return <bdi {...textAttributes(children)}>{children}</bdi>;
}
