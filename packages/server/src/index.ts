// What the package offers to programs that embed it: the server, started by settings.
export { type RunningServer, startServer } from './main.ts';
export { type Role, Roles, type ServeSettings, serveFlags } from './serve-flags.ts';
