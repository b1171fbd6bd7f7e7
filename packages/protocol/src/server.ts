// What servers say to each other (over shards) and keep (in the log). Clients never import this.
export { encodeEnvelope, type LiveFrameFields } from './envelope.ts';
export * from './gen/hayate/v1/live_pb.ts';
export * from './gen/hayate/v1/record_pb.ts';
