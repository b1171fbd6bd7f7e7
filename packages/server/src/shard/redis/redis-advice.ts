// What an operator can do about a Redis that answers with an error. In: the error's text. Out: one sentence, or nothing.

/** The first word of an error (redis.io, "Redis serialization protocol": errors) to what helps. */
const ADVICE: Readonly<Record<string, string>> = {
  NOPERM: 'the user needs: ACL SETUSER <user> resetchannels &* +ping +publish +subscribe +unsubscribe',
  NOAUTH: 'this Redis asks for a password: redis://user:password@host in --shards',
  WRONGPASS: 'the user or the password in --shards is not right, or the user is off',
  READONLY: 'this is a replica: name its primary in --shards',
  LOADING: 'it reads its data from disk and is used when it has done so; a shard needs no data on disk',
  MISCONF: 'it cannot save to its disk: a shard needs no persistence (save "")',
  OOM: 'its memory is full: a shard stores nothing, so something else uses it',
  DENIED: 'it runs in protected mode: give it a password or bind it to the private network',
};

/** Advice for an error that is known, as a field of a log line. */
export function adviceOn(reason: string): { advice?: string } {
  const advice = ADVICE[/^-?([A-Z]+)\b/.exec(reason)?.[1] ?? ''];
  return advice ? { advice } : {};
}
