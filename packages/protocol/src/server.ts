// Messages between servers (over shards) and entries that servers keep in the log. Clients never
// import this module.
export { encodeEnvelope, type LiveFrameFields } from './envelope.ts';
export * from './gen/hayate/v1/live_pb.ts';
export * from './gen/hayate/v1/record_pb.ts';
