// Avatar references: where viewers fetch a VRM file from.
import { forbiddenCharacter } from './text.ts';

/** Whether `text` is an avatar reference: empty, or an https URL of at most 2,008 characters, which may have any script in it. */
export function isAvatar(text: string): boolean {
  return text === '' || (/^https:\/\/\S{1,2000}$/.test(text) && forbiddenCharacter(text) === undefined);
}
