// Metrics of a streamer. No label names a stream.
import { Counter, Gauge } from '@prometheus-io/client';
import { PublicationMetrics } from '../broadcast/publication-metrics.ts';
import type { Context } from '../kernel/context.ts';

/** One per process. */
export class StreamerMetrics {
  readonly publication: PublicationMetrics;
  readonly publications: Gauge;
  readonly malformedMessages: Counter;

  constructor(context: Context) {
    this.publication = new PublicationMetrics(context, 'streamer');
    const registers = [context.registry];
    this.publications = new Gauge({ name: 'hayate_streamer_publications', help: 'Broadcasts held by this process', registers });
    this.malformedMessages = new Counter({
      name: 'hayate_streamer_malformed_channel_messages_total',
      help: 'Messages on server channels that could not be read',
      registers,
    });
  }
}
