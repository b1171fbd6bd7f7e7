// The studio's advice on a stream name while it is typed. In: the name, the title, the live
// streams. Out: one sentence, and a suggested name if there is one.
import { isStreamName, nearestStreamName, proposeStreamName } from '@hayate/protocol';

/** Advice under the field. */
interface NameAdvice {
  readonly sentence: string;
  /** This name cannot be used. */
  readonly isWrong: boolean;
  /** Offered on a button. */
  readonly proposal?: string;
}

const alphabet = 'A stream name has only A–Z, a–z, 0–9, _ and -';

/** The advice for `stream`; `made` is the suggestion if none can be derived from the text. */
export function nameAdvice(
  { stream, title, made }: { stream: string; title: string; made: string },
  isLive: (stream: string) => boolean,
): NameAdvice {
  if (stream === '')
    return { sentence: 'Choose a stream name: it sets your address.', isWrong: true, proposal: proposalOf(title, made, isLive) };
  if (!isStreamName(stream)) {
    const near = nearestStreamName(stream);
    const isTooLong = /^[A-Za-z0-9_-]+$/.test(stream);
    const sentence = isTooLong
      ? `A stream name has at most 64 characters, and this one has ${stream.length}.`
      : `${alphabet}. The title may be in any script.`;
    return { sentence, isWrong: true, proposal: near === '' ? proposalOf(title, made, isLive) : near };
  }
  if (isLive(stream)) {
    const other = proposeStreamName(stream, { isTaken: (name) => name === stream || isLive(name) });
    return { sentence: `${stream} is live now. Going live under this name ends that broadcast.`, isWrong: false, proposal: other };
  }
  const spelled = proposalOf(title, '', isLive);
  if (spelled !== '' && spelled !== stream)
    return {
      sentence: 'The name sets your address and your avatar. This one fits your title:',
      isWrong: false,
      proposal: spelled,
    };
  if (/[A-Z]/.test(stream))
    return { sentence: `Upper and lower case differ: ${stream} and ${stream.toLowerCase()} are two streams.`, isWrong: false };
  return { sentence: 'The name sets your address and your avatar.', isWrong: false };
}

/** Full-width letters and digits as plain ones; everything else stays, so that it is visible. */
export function foldName(typed: string): string {
  return typed.replace(/[\uff01-\uff5e\u3000]/g, (character) => character.normalize('NFKC')).trim();
}

/** A free name for this title, or `made` if the title has no Latin letters to use. */
function proposalOf(title: string, made: string, isLive: (stream: string) => boolean): string {
  let isMadeUp = false;
  const random = () => {
    isMadeUp = true;
    return 0;
  };
  const name = proposeStreamName(title, { isTaken: isLive, random });
  return isMadeUp ? made : name;
}
