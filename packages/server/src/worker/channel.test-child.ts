// The other side of channel.test.ts: it answers, refuses, throws, stays silent or ends, as the test
// asks.
import { HayateError } from '../kernel/error.ts';
import { Channel, type ChannelEnd } from './channel.ts';

export type ChildCalls = {
  /** Asks the parent to double the number, and adds one. */
  doubleAndOne(value: number): Promise<number>;
  refuse(argument: undefined): Promise<void>;
  breakDown(argument: undefined): Promise<void>;
  neverAnswer(argument: undefined): Promise<void>;
  end(argument: undefined): Promise<void>;
};
export type ParentCalls = { double(value: number): Promise<number> };

const channel: Channel<ParentCalls, ChildCalls> = new Channel(process as unknown as ChannelEnd, {
  doubleAndOne: async (value: number) => (await channel.call('double', value)) + 1,
  refuse: async () => {
    throw new HayateError('IN_USE', 'the port is in use');
  },
  breakDown: async () => {
    throw new TypeError('a bug');
  },
  neverAnswer: () => new Promise(() => undefined),
  end: async () => process.exit(3),
} satisfies ChildCalls);
