// Where a WebSocket upgrade goes, and the subprotocol it names (spec/wire.md, "Connections").

/** Paths of the two WebSocket endpoints. */
export const PATHS = { publish: '/publish', watch: '/watch' } as const;

/** Value of Sec-WebSocket-Protocol; a server refuses an upgrade without it. */
export const SUBPROTOCOL = 'hayate.v1';
