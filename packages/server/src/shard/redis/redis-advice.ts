// Tells an operator how to fix a Redis that answers with an error. In: the error's text. Out: one
// sentence, or nothing.

/** Maps the first word of an error (redis.io, "Redis serialization protocol": errors) to advice. */
const ADVICE: Readonly<Record<string, string>> = {
  NOPERM: 'the user needs: ACL SETUSER <user> resetchannels &* +ping +publish +subscribe +unsubscribe',
  NOAUTH: 'this Redis asks for a password: redis://user:password@host in --shards',
  WRONGPASS: 'the user or the password in --shards is wrong, or the user is off',
  READONLY: 'this is a replica: give its primary in --shards',
  LOADING: 'it is loading its data from disk and is used once that is done; a shard needs no data on disk',
  MISCONF: 'it cannot save to its disk: a shard needs no persistence (save "")',
  OOM: 'its memory is full: a shard stores nothing, so another program uses it',
  DENIED: 'it runs in protected mode: give it a password or bind it to the private network',
};

/** The advice on a known error, as a field of a log line; empty for others. */
export function adviceOn(reason: string): { advice?: string } {
  const advice = ADVICE[/^-?([A-Z]+)\b/.exec(reason)?.[1] ?? ''];
  return advice ? { advice } : {};
}
