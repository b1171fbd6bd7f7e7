// Metrics of fan-out itself. Frames sent to viewers are counted in ListenerMetrics.
import { Counter, Gauge } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';
import type { CoalesceSchedule } from './coalesce-schedule.ts';
import type { Sender } from './fan-out-sender.ts';
import type { ListenerMetrics } from './listener-metrics.ts';

/** One per process. */
export class FanOutMetrics {
  /** Frames offered, sent and dropped, summed over viewers. */
  readonly viewer: Pick<ListenerMetrics, 'offered' | 'sent' | 'sentBytes' | 'dropped'>;
  readonly writes: Counter<'to'>;
  readonly falls: Counter;
  readonly behind: Gauge;
  readonly receiptsAskedFor: Counter;

  constructor(
    { registry }: Context,
    viewer: FanOutMetrics['viewer'],
    { sender, schedule }: { sender: Sender; schedule: CoalesceSchedule },
  ) {
    const registers = [registry];
    this.viewer = viewer;
    this.writes = new Counter({
      name: 'hayate_fan_out_writes_total',
      help: "WebSocket messages with frames written, by whether the viewer is at the stream's head or behind",
      labelNames: ['to'],
      registers,
    });
    this.falls = new Counter({ name: 'hayate_fan_out_falls_total', help: 'Times a viewer fell behind the head', registers });
    this.behind = new Gauge({
      name: 'hayate_fan_out_viewers_behind',
      help: 'Viewers that have a queue because they are behind the head',
      registers,
    });
    this.receiptsAskedFor = new Counter({
      name: 'hayate_receipts_asked_for_total',
      help: 'Empty messages to viewers whose receipt was late: pages in the background answer messages, but run no timers',
      registers,
    });
    new Gauge({ name: 'hayate_fan_out_path', help: 'How frames are written: 1 for the path in use', labelNames: ['path'], registers }).set(
      { path: sender.path },
      1,
    );
    const delay: Gauge = new Gauge({
      name: 'hayate_fan_out_coalesce_ms',
      help: 'How long frames are gathered before they are written',
      registers,
      collect: () => delay.set(schedule.delayMs),
    });
  }
}
