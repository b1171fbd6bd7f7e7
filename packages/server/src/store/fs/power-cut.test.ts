// The file store through kills and power cuts: an object whose put resolved is there, whole, and
// one whose delete resolved is not. An operation that was interrupted is done or not. The disk
// drops, tears and reorders all that was not synced.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Draw } from '../../../../../test/support/power-cut/disk-model.ts';
import { Machine } from '../../../../../test/support/power-cut/machine.ts';
import { drawsOf, eachSeed, withScope } from '../../../../../test/support/power-cut/seeds.ts';
import type { Store } from '../store.ts';
import { openFsStore } from './open.ts';

const KEYS = ['top', 'a/1', 'a/2', 'a/b/1', 'a/b/2', 'c/d/e/f', 'c/d/g', 'h/i/j/k/l'];

/** The states in which a key may be: one after an operation resolved, several while one runs. */
type Allowed = Set<string | undefined>;

/** Uses a store on `machine` and keeps account of its promises. */
class StoreUser {
  readonly #machine: Machine;
  readonly #draw: Draw;
  readonly #allowed = new Map<string, Allowed>(KEYS.map((key) => [key, new Set([undefined])]));
  #count = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#draw = machine.draw;
  }

  /** Opens the store, checks every object, and puts, replaces and deletes for a while. */
  async live(): Promise<void> {
    const store = await openFsStore({ directory: join(this.#machine.folder, 'data/archive') });
    await this.#check(store);
    const chosen = KEYS.filter(() => this.#draw(3) > 0);
    await Promise.all(
      chosen.map(async (key) => {
        for (let turn = this.#draw(4); turn > 0; turn--) await this.#operate(store, key);
      }),
    );
    await this.#check(store);
    await store.close();
  }

  async #check(store: Store): Promise<void> {
    const present: string[] = [];
    for (const [key, allowed] of this.#allowed) {
      const bytes = await store.get(key);
      const value = bytes === undefined ? undefined : Buffer.from(bytes).toString();
      if (value !== undefined) present.push(key);
      assert.ok(allowed.has(value), `${key} holds ${JSON.stringify(value?.slice(0, 40))} of ${value?.length}`);
    }
    const listed: string[] = [];
    for await (const { key } of store.list('')) listed.push(key);
    assert.deepEqual(listed, present.sort(), 'the listing names the objects that are there');
  }

  async #operate(store: Store, key: string): Promise<void> {
    const value = `${this.#count++} ${'x'.repeat(this.#draw(1_500))}`;
    const allowed = this.#allowed.get(key) ?? new Set();
    const settle = (state: string | undefined) => this.#allowed.set(key, new Set([state]));
    const choice = this.#draw(3);
    if (choice === 0) {
      this.#allowed.set(key, new Set([...allowed, undefined]));
      await store.delete(key);
      settle(undefined);
    } else if (choice === 1) {
      this.#allowed.set(key, new Set([...allowed, value]));
      await store.replace(key, Buffer.from(value));
      settle(value);
    } else {
      if (allowed.has(undefined)) this.#allowed.set(key, new Set([...allowed, value]));
      if (await store.putIfAbsent(key, Buffer.from(value))) settle(value);
      // That it was taken is a promise too: a caller relies on the object that has the key.
      else this.#allowed.set(key, new Set([...allowed].filter((state) => state !== undefined)));
    }
  }
}

test('the file store keeps all that it promised through kills and power cuts', (t) =>
  eachSeed(t, [], async (scope, draw) => {
    const machine = new Machine(scope, draw);
    const user = new StoreUser(machine);
    for (let lives = 2 + draw(4); lives > 0; lives--) {
      await machine.run(draw(3) === 0 ? Number.POSITIVE_INFINITY : draw(200), () => user.live());
      await machine.restart(draw(2) === 0 ? 'kill' : 'power cut');
    }
    assert.equal(await machine.run(Number.POSITIVE_INFINITY, () => user.live()), 'done');
  }));

/** What each operation promises when it is repeated after a kill, at whatever call that came. */
const REPEATED = {
  put: { operate: (store: Store) => store.putIfAbsent('a/b/c', Buffer.from('new')), keeps: 'new' },
  replace: { operate: (store: Store) => store.replace('a/b/c', Buffer.from('new')), keeps: 'new' },
  delete: { operate: (store: Store) => store.delete('a/b/c'), keeps: undefined },
};

for (const [name, { operate, keeps }] of Object.entries(REPEATED))
  test(`a ${name} that is repeated after a kill has survived a power cut once it resolves`, async () => {
    for (let calls = 0, outcome = ''; outcome !== 'done'; calls++)
      for (let seed = 1; seed <= 8; seed++)
        await withScope(async (scope) => {
          const machine = new Machine(scope, drawsOf(1000 * calls + seed));
          const open = () => openFsStore({ directory: join(machine.folder, 'archive') });
          await machine.run(Number.POSITIVE_INFINITY, async () => {
            const store = await open();
            if (keeps === undefined) await store.putIfAbsent('a/b/c', Buffer.from('old'));
          });
          await machine.restart('power cut');
          outcome = await machine.run(calls, async () => void (await operate(await open())));
          await machine.restart('kill');
          await machine.run(Number.POSITIVE_INFINITY, async () => void (await operate(await open())));
          await machine.restart('power cut');
          const left = await (await open()).get('a/b/c');
          assert.equal(left === undefined ? undefined : Buffer.from(left).toString(), keeps, `after ${calls} calls, seed ${seed}`);
        });
  });
