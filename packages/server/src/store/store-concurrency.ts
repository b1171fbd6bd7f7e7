// A bound that all tasks of a store's clients share.

/** How many requests to a store one task has open at a time. */
export const STORE_CONCURRENCY = 8;
