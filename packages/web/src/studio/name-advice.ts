// What the studio says of a stream name while it is typed. In: the name, the title, what is live. Out: one sentence, and a name to
// take instead, if there is one.
import { isStreamName, nearestStreamName, proposeStreamName } from '@hayate/protocol';

/** Advice under the field. */
export interface NameAdvice {
  readonly sentence: string;
  /** Nobody can go live under this name. */
  readonly isWrong: boolean;
  /** Offered on a button. */
  readonly proposal?: string;
}

const alphabet = 'A stream name has only A–Z, a–z, 0–9, _ and -';

/** The advice for `stream`; `made` is a name to offer where nothing can be made of what was typed. */
export function nameAdvice(
  { stream, title, made }: { stream: string; title: string; made: string },
  isLive: (stream: string) => boolean,
): NameAdvice {
  if (stream === '')
    return { sentence: 'A broadcast needs a stream name: it is its address.', isWrong: true, proposal: proposalOf(title, made, isLive) };
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
      sentence: 'Your address, and your avatar: every name has its own. One that goes with the title:',
      isWrong: false,
      proposal: spelled,
    };
  if (/[A-Z]/.test(stream)) return { sentence: `Capitals count: ${stream} and ${stream.toLowerCase()} are two streams.`, isWrong: false };
  return { sentence: 'Your address, and your avatar: every name has its own.', isWrong: false };
}

/** Full-width letters and digits as the alphabet has them; anything else stays, to be seen. */
export function foldName(typed: string): string {
  return typed.replace(/[\uff01-\uff5e\u3000]/g, (character) => character.normalize('NFKC')).trim();
}

/** A free name for this title, or `made` where the title has no Latin letters to make one of. */
function proposalOf(title: string, made: string, isLive: (stream: string) => boolean): string {
  let isMadeUp = false;
  const random = () => {
    isMadeUp = true;
    return 0;
  };
  const name = proposeStreamName(title, { isTaken: isLive, random });
  return isMadeUp ? made : name;
}
