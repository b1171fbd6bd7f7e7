// Metrics of a streamer. No label names a stream.
import { Counter, Gauge } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';

/** One per process. */
export class StreamerMetrics {
  readonly frames: Counter<'kind'>;
  readonly bytes: Counter;
  readonly framesNotLive: Counter<'reason'>;
  readonly repairedFrames: Counter;
  readonly duplicates: Counter;
  readonly declaredDropped: Counter;
  readonly appendRefusals: Counter<'reason'>;
  readonly publications: Gauge;
  readonly malformedMessages: Counter;

  constructor({ registry }: Context) {
    const registers = [registry];
    this.frames = new Counter({
      name: 'hayate_streamer_frames_total',
      help: 'Frames accepted from broadcasters',
      labelNames: ['kind'],
      registers,
    });
    this.bytes = new Counter({ name: 'hayate_streamer_frame_bytes_total', help: 'Bytes of frames accepted from broadcasters', registers });
    this.framesNotLive = new Counter({
      name: 'hayate_streamer_frames_not_live_total',
      help: 'Frames appended to the log but not sent to viewers',
      labelNames: ['reason'],
      registers,
    });
    this.repairedFrames = new Counter({
      name: 'hayate_streamer_repaired_frames_total',
      help: 'Frames published again because a listener missed them',
      registers,
    });
    this.duplicates = new Counter({
      name: 'hayate_streamer_duplicate_frames_total',
      help: 'Duplicate frames that were dropped',
      registers,
    });
    this.declaredDropped = new Counter({
      name: 'hayate_streamer_declared_dropped_total',
      help: 'Frames that broadcasters declared dropped',
      registers,
    });
    this.appendRefusals = new Counter({
      name: 'hayate_streamer_append_refusals_total',
      help: 'Times that the log or its bound refused a frame or batch',
      labelNames: ['reason'],
      registers,
    });
    this.publications = new Gauge({ name: 'hayate_streamer_publications', help: 'Broadcasts held by this process', registers });
    this.malformedMessages = new Counter({
      name: 'hayate_streamer_malformed_channel_messages_total',
      help: 'Messages on server channels that could not be read',
      registers,
    });
  }
}
