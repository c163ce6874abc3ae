// SPDX-License-Identifier: Apache-2.0
// A work queue of keys, as client-go's: a key is never worked on twice at once, adds during work are remembered once,
// failures come back with exponential delay.

export interface QueueOptions {
  /** First delay after a failure; doubles per failure. Default 5 ms, as controller-runtime. */
  firstDelayMs?: number;
  /** Default 1,000 s, as controller-runtime. */
  maxDelayMs?: number;
}

export class WorkQueue {
  readonly #ready: string[] = [];
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
    return this.#ready.length;
  }

  add(key: string): void {
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
    this.#ready.push(key);
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
    const key = this.#ready.shift();
    if (key === undefined) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#queued.delete(key);
    this.#working.add(key);
    return Promise.resolve(key);
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
