// Metrics of the broadcasts that a role feeds. No label names a stream.
import { Counter } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';

/** One for each role in a process. */
export class PublicationMetrics {
  readonly frames: Counter<'kind'>;
  readonly bytes: Counter;
  readonly framesNotLive: Counter<'reason'>;
  readonly repairedFrames: Counter;
  readonly duplicates: Counter;
  readonly declaredDropped: Counter;
  readonly appendRefusals: Counter<'reason'>;

  /** `role` is a part of each metric's name. */
  constructor({ registry }: Pick<Context, 'registry'>, role: string) {
    const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
      new Counter({ name: `hayate_${role}_${name}_total`, help, labelNames, registers: [registry] });
    this.frames = counter('frames', 'Frames accepted from broadcasters', 'kind');
    this.bytes = counter('frame_bytes', 'Bytes of frames accepted from broadcasters');
    this.framesNotLive = counter('frames_not_live', 'Frames appended to the log but not sent to viewers', 'reason');
    this.repairedFrames = counter('repaired_frames', 'Frames published again because a listener missed them');
    this.duplicates = counter('duplicate_frames', 'Duplicate frames that were dropped');
    this.declaredDropped = counter('declared_dropped', 'Frames that broadcasters declared dropped');
    this.appendRefusals = counter('append_refusals', 'Times that the log or its bound refused a frame or batch', 'reason');
  }
}
