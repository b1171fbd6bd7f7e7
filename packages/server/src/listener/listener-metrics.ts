// Metrics of a listener. No label names a stream. For every viewer: frames offered = sent + dropped
// (by reason) + waiting.
import { Counter, Gauge } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';

/** One per process. */
export class ListenerMetrics {
  readonly frames: Counter;
  readonly duplicates: Counter;
  readonly lost: Counter;
  readonly repairRequests: Counter;
  readonly offered: Counter;
  readonly sent: Counter;
  readonly sentBytes: Counter;
  readonly dropped: Counter<'reason'>;
  readonly streams: Gauge;
  readonly viewers: Gauge;
  readonly malformedMessages: Counter;

  constructor({ registry }: Context) {
    const registers = [registry];
    this.frames = new Counter({ name: 'hayate_listener_frames_total', help: 'Frames taken from shards, once each', registers });
    this.duplicates = new Counter({
      name: 'hayate_listener_duplicate_frames_total',
      help: 'Duplicate frames that were dropped',
      registers,
    });
    this.lost = new Counter({ name: 'hayate_listener_lost_frames_total', help: 'Live frames that did not arrive', registers });
    this.repairRequests = new Counter({
      name: 'hayate_listener_repair_requests_total',
      help: 'Times a streamer was asked for frames that did not arrive',
      registers,
    });
    this.offered = new Counter({
      name: 'hayate_listener_viewer_frames_total',
      help: 'Frames offered to viewers, summed over viewers',
      registers,
    });
    this.sent = new Counter({
      name: 'hayate_listener_viewer_frames_sent_total',
      help: 'Offered frames that were written to sockets',
      registers,
    });
    this.sentBytes = new Counter({
      name: 'hayate_listener_viewer_bytes_sent_total',
      help: 'Bytes of frames that were written to sockets',
      registers,
    });
    this.dropped = new Counter({
      name: 'hayate_listener_viewer_frames_dropped_total',
      help: 'Offered frames that were dropped',
      labelNames: ['reason'],
      registers,
    });
    this.streams = new Gauge({ name: 'hayate_listener_streams', help: 'Streams subscribed to', registers });
    this.viewers = new Gauge({ name: 'hayate_listener_viewers', help: 'Viewers', registers });
    this.malformedMessages = new Counter({
      name: 'hayate_listener_malformed_channel_messages_total',
      help: 'Messages on server channels that could not be read',
      registers,
    });
  }
}
