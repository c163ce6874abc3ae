// SPDX-License-Identifier: Apache-2.0
// Turns pieces of decoded text into what may be sent: nothing that could still become a stop string, nothing after one.

export class TextStream {
  private readonly stops: readonly string[];
  private held = "";
  stopped = false;

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop !== "");
  }

  /** The text that is safe to send now. Sets `stopped` when a stop string was found; the string itself is never sent. */
  push(piece: string): string {
    this.held += piece;
    const found = this.stops.map((stop) => this.held.indexOf(stop)).filter((at) => at !== -1);
    if (found.length > 0) {
      this.stopped = true;
      return this.release(Math.min(...found), "");
    }
    const keep = Math.max(0, ...this.stops.map((stop) => overlap(this.held, stop)));
    return this.release(this.held.length - keep, this.held.slice(this.held.length - keep));
  }

  /** What was held back and can no longer become a stop string. */
  end(): string {
    return this.release(this.held.length, "");
  }

  private release(length: number, rest: string): string {
    const text = this.held.slice(0, length);
    this.held = rest;
    return text;
  }
}

/** How many characters at the end of the text are a beginning of the stop string. */
function overlap(text: string, stop: string): number {
  for (let size = Math.min(text.length, stop.length - 1); size > 0; size--)
    if (stop.startsWith(text.slice(-size))) return size;
  return 0;
}
