/** How long `poll` goes on, in milliseconds. */
export type PollOptions = {
  /** After this many milliseconds it gives up with an error. Default 20,000. */
  readonly timeoutMs?: number;
};
/** What a condition may give for "not yet". */
type NotYet = undefined | null | false;
/**
 * Calls `condition` again and again until it returns something other than undefined, null or false, and returns that.
 * A condition that throws counts as "not yet" (a server that does not listen yet refuses); what it threw last becomes the
 * `cause` of the final error.
 *
 * @param what names what is awaited, for the error: "the third segment on disk"
 */
export declare const poll: <T>(what: string, condition: () => T | NotYet | Promise<T | NotYet>, options?: PollOptions) => Promise<T>;
