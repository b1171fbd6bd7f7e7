// Calls between the primary and a worker over the channel that Node opens between them. A call
// sends a name and an argument; a result or an error comes back. Both sides call and answer. Every
// call settles before the channel has closed.
import { HayateError } from '../kernel/error.ts';

/** The calls that one side answers, by name. */
export type Calls = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

/** Node's end of a channel: `process` in a worker, a cluster Worker in the primary. */
export interface ChannelEnd {
  send(message: unknown, callback: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

type Message =
  | { readonly call: string; readonly id: number; readonly argument: unknown }
  | { readonly result: unknown; readonly id: number }
  | { readonly error: { code: HayateError['code'] | undefined; message: string }; readonly id: number };

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One end of a channel: it answers `Ours` and calls `Theirs`. */
export class Channel<Theirs extends Calls, Ours extends Calls> {
  readonly #end: ChannelEnd;
  readonly #ours: Ours;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  constructor(end: ChannelEnd, ours: Ours) {
    this.#end = end;
    this.#ours = ours;
    end.on('message', (message) => void this.#take(message as Message));
    end.on('disconnect', () => this.#fail());
  }

  /**
   * Rejects with the other side's error (a HayateError stays one), or with CLOSED if the other side
   * has ended or takes longer than `timeoutMs`.
   */
  call<Name extends keyof Theirs & string>(
    name: Name,
    argument: Parameters<Theirs[Name]>[0],
    timeoutMs?: number,
  ): Promise<Awaited<ReturnType<Theirs[Name]>>> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Theirs[Name]>>>();
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => this.#settle(id)?.reject(new HayateError('CLOSED', `no answer in ${timeoutMs} ms`)), timeoutMs);
    this.#waiting.set(id, { resolve: (result) => resolve(result as Awaited<ReturnType<Theirs[Name]>>), reject });
    this.#end.send({ call: name, id, argument } satisfies Message, (error) => {
      if (error !== null) this.#settle(id)?.reject(ended());
    });
    return promise.finally(() => clearTimeout(timer));
  }

  async #take(message: Message): Promise<void> {
    if ('result' in message) this.#settle(message.id)?.resolve(message.result);
    else if ('error' in message) {
      const { code, message: sentence } = message.error;
      this.#settle(message.id)?.reject(code === undefined ? new Error(sentence) : new HayateError(code, sentence));
    } else if ('call' in message) await this.#answer(message);
  }

  async #answer({ call, id, argument }: Extract<Message, { call: string }>): Promise<void> {
    try {
      const answer = this.#ours[call];
      if (answer === undefined) throw new Error(`unknown call ${call}`);
      this.#reply({ result: await answer(argument as never), id });
    } catch (error) {
      const code = error instanceof HayateError ? error.code : undefined;
      this.#reply({ error: { code, message: error instanceof Error ? error.message : String(error) }, id });
    }
  }

  #reply(message: Message): void {
    // A send failure is ignored: the other side has ended and no longer waits for this answer.
    this.#end.send(message, () => undefined);
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(ended());
  }
}

function ended(): HayateError {
  return new HayateError('CLOSED', 'the process has ended');
}
