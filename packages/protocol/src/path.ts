// The paths of WebSocket upgrades and the subprotocol that they name (spec/wire.md, "Connections").

/** Paths of the two WebSocket endpoints. */
export const PATHS = { publish: '/publish', watch: '/watch' } as const;

/** Value of Sec-WebSocket-Protocol. A server refuses an upgrade without it. */
export const SUBPROTOCOL = 'hayate.v1';
