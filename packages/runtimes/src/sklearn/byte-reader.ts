// SPDX-License-Identifier: Apache-2.0
// Bounds-checked reading of a pickle's bytes. Every length is checked against what is left before memory is taken.

/** The file is not a pickle that can be read here; the message is the reason only. */
export class PickleError extends Error {
  override readonly name = "PickleError";
}

export class ByteReader {
  private readonly source: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(source: Uint8Array) {
    this.source = source;
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  get position(): number {
    return this.at;
  }

  private take(count: number): number {
    const from = this.at;
    if (!(count >= 0 && from + count <= this.source.byteLength))
      throw new PickleError(`the file ends too early: ${count} bytes wanted at byte ${from}`);
    this.at += count;
    return from;
  }

  byte(): number {
    return this.source[this.take(1)]!;
  }

  /** Little-endian unsigned integer of 2, 4 or 8 bytes. */
  uint(size: 2 | 4 | 8): number {
    const from = this.take(size);
    if (size === 2) return this.view.getUint16(from, true);
    return size === 4 ? this.view.getUint32(from, true) : Number(this.view.getBigUint64(from, true));
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  /** A two's complement integer; a number where it fits, else a bigint. */
  long(length: number): number | bigint {
    if (length > 1024) throw new PickleError(`an integer of ${length} bytes`);
    let value = 0n;
    const bytes = this.bytes(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    if (length > 0 && bytes[length - 1]! & 0x80) value -= 1n << BigInt(8 * length);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  bytes(length: number): Uint8Array {
    const from = this.take(length);
    return this.source.subarray(from, from + length);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.bytes(length));
  }

  line(): string {
    const end = this.source.indexOf(0x0a, this.at);
    if (end === -1) throw new PickleError("a line without an end");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }
}
