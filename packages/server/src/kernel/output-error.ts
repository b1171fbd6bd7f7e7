// Why an output cannot be written to: nobody reads it any more, or something is wrong with it.

/** Whether `error` says that an output has no reader any more: a closed pipe (EPIPE), or a terminal that has ended (EIO). */
export function hasNoReader({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO';
}
