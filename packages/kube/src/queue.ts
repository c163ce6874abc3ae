// SPDX-License-Identifier: Apache-2.0
// A work queue of keys, as client-go's: a key is never worked on twice at once, adds during work are remembered once,
// failures come back with exponential delay. Two lanes: what a user just asked for goes before what follows from it.

export interface QueueOptions {
  /** First delay after a failure; doubles per failure. Default 5 ms, as controller-runtime. */
  firstDelayMs?: number;
  /** Default 1,000 s, as controller-runtime. */
  maxDelayMs?: number;
}

/** `first`: a user's change. `next`: news about what we made, and keys that come back; never more than `firstPerNext` behind. */
export type Lane = "first" | "next";

const firstPerNext = 4;

export class WorkQueue {
  readonly #ready: Record<Lane, string[]> = { first: [], next: [] };
  /** Keys of the first lane that were taken since the last of the other. */
  #firstInRow = 0;
  readonly #queued = new Set<string>();
  readonly #working = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; dueAt: number }>();
  readonly #failures = new Map<string, number>();
  readonly #waiting: ((key: string | undefined) => void)[] = [];
  readonly #firstDelayMs: number;
  readonly #maxDelayMs: number;
  #closed = false;

  constructor({ firstDelayMs = 5, maxDelayMs = 1_000_000 }: QueueOptions = {}) {
    this.#firstDelayMs = firstDelayMs;
    this.#maxDelayMs = maxDelayMs;
  }

  /** Keys waiting, without those in work or delayed. */
  get depth(): number {
    return this.#ready.first.length + this.#ready.next.length;
  }

  add(key: string, lane: Lane = "next"): void {
    if (this.#closed || this.#queued.has(key)) return;
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) {
      this.#working.add(key);
      waiter(key);
      return;
    }
    this.#queued.add(key);
    this.#ready[lane].push(key);
  }

  /** An earlier due time already waiting for this key stays. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueAt = performance.now() + delayMs;
    const waiting = this.#timers.get(key);
    if (waiting !== undefined) {
      if (waiting.dueAt <= dueAt) return;
      clearTimeout(waiting.timer);
    }
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, delayMs);
    this.#timers.set(key, { timer, dueAt });
  }

  /** @returns the delay chosen, in ms. */
  retry(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delayMs = Math.min(this.#maxDelayMs, this.#firstDelayMs * 2 ** failures);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key succeeded: its next failure starts from the first delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, marked as in work until `done`; undefined once closed. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#next();
    if (key === undefined) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#queued.delete(key);
    this.#working.add(key);
    return Promise.resolve(key);
  }

  #next(): string | undefined {
    const { first, next } = this.#ready;
    const isNextsTurn = next.length > 0 && (first.length === 0 || this.#firstInRow >= firstPerNext);
    this.#firstInRow = isNextsTurn ? 0 : this.#firstInRow + 1;
    return isNextsTurn ? next.shift() : first.shift();
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const waiter of this.#waiting.splice(0)) waiter(undefined);
  }
}
