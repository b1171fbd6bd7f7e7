// Avatar references: the URLs from which viewers fetch a VRM file.
import { forbiddenCharacter } from './text.ts';

/**
 * Whether `text` is an avatar reference: empty, or an https URL of at most 2,008 characters. The
 * URL may hold characters of any script.
 */
export function isAvatar(text: string): boolean {
  return text === '' || (/^https:\/\/\S{1,2000}$/.test(text) && forbiddenCharacter(text) === undefined);
}
