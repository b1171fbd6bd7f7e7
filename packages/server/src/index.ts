// The package's API for programs that embed it: starts the server from settings.
export { type RunningServer, startServer } from './main.ts';
export { type Role, Roles, type ServeSettings, serveFlags } from './serve-flags.ts';
