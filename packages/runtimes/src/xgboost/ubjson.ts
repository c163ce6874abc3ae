// SPDX-License-Identifier: Apache-2.0
// Reader of UBJSON (ubjson.org draft 12), the default model format of XGBoost since 2.1. Typed arrays stay typed.

const MAX_DEPTH = 64;

export class UbjsonError extends Error {
  override readonly name = "UbjsonError";
}

export function parseUbjson(bytes: Uint8Array): unknown {
  return new Reader(bytes).value(0);
}

class Reader {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number, known?: string): unknown {
    if (depth > MAX_DEPTH) throw new UbjsonError(`nested more than ${MAX_DEPTH} levels deep at byte ${this.at}`);
    const type = known ?? this.marker();
    switch (type) {
      case "Z":
        return null;
      case "T":
        return true;
      case "F":
        return false;
      case "S":
        return this.text();
      case "H":
        return Number(this.text());
      case "C":
        return String.fromCharCode(this.number("U"));
      case "[":
        return this.array(depth);
      case "{":
        return this.object(depth);
      default:
        return this.number(type);
    }
  }

  private marker(): string {
    let code = this.bytes[this.take(1)]!;
    while (code === 0x4e) code = this.bytes[this.take(1)]!; // N: no-op
    return String.fromCharCode(code);
  }

  /** Reserves n bytes and returns where they begin. */
  private take(count: number): number {
    const from = this.at;
    if (count < 0 || from + count > this.bytes.byteLength)
      throw new UbjsonError(`the file ends too early: ${count} bytes wanted at byte ${from}`);
    this.at += count;
    return from;
  }

  private number(type: string): number {
    switch (type) {
      case "i":
        return this.view.getInt8(this.take(1));
      case "U":
        return this.view.getUint8(this.take(1));
      case "I":
        return this.view.getInt16(this.take(2));
      case "l":
        return this.view.getInt32(this.take(4));
      case "L":
        return Number(this.view.getBigInt64(this.take(8)));
      case "d":
        return this.view.getFloat32(this.take(4));
      case "D":
        return this.view.getFloat64(this.take(8));
      default:
        throw new UbjsonError(`unknown type ${JSON.stringify(type)} at byte ${this.at - 1}`);
    }
  }

  private text(): string {
    const length = this.number(this.marker());
    const from = this.take(length);
    return new TextDecoder().decode(this.bytes.subarray(from, from + length));
  }

  /** `$type` and `#count` of an optimised container. */
  private header(): { type: string | undefined; count: number | undefined } {
    let type: string | undefined;
    if (this.peek() === "$") {
      this.at += 2;
      type = String.fromCharCode(this.bytes[this.take(0) - 1] ?? 0);
      if (this.peek() !== "#") throw new UbjsonError(`a typed container without a count at byte ${this.at}`);
    }
    if (this.peek() !== "#") return { type, count: undefined };
    this.at += 1;
    const count = this.number(this.marker());
    if (count < 0 || count > this.bytes.byteLength * 8)
      throw new UbjsonError(`a container of ${count} elements in a file of ${this.bytes.byteLength} bytes`);
    return { type, count };
  }

  private peek(): string {
    return String.fromCharCode(this.bytes[this.at] ?? 0);
  }

  private array(depth: number): unknown[] {
    const { type, count } = this.header();
    const out: unknown[] = [];
    if (count !== undefined) {
      for (let i = 0; i < count; i++) out.push(this.value(depth + 1, type));
      return out;
    }
    while (this.peek() !== "]") out.push(this.value(depth + 1));
    this.at += 1;
    return out;
  }

  private object(depth: number): Record<string, unknown> {
    const { type, count } = this.header();
    const entries: Array<[string, unknown]> = [];
    if (count !== undefined) {
      for (let i = 0; i < count; i++) entries.push([this.text(), this.value(depth + 1, type)]);
      return Object.fromEntries(entries);
    }
    while (this.peek() !== "}") entries.push([this.text(), this.value(depth + 1)]);
    this.at += 1;
    return Object.fromEntries(entries);
  }
}
