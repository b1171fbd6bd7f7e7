// Tells why an output cannot be written to: it has lost its reader, or something is wrong with it.

/**
 * Whether `error` says that an output has lost its reader: a closed pipe (EPIPE), or a terminal
 * that has ended (EIO).
 */
export function hasNoReader({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO';
}
