// SPDX-License-Identifier: Apache-2.0
// Reads Kubernetes' protobuf bodies: `kubectl create …` sends built-in kinds so and does not fall back to JSON.
// Answers stay JSON, which every client accepts. Tables: tools/generate/protobuf.
// Source: k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go

/** JSON name, kind of value, flags: r(epeated), m(ap), p(ointer: zero counts), i(nline), a(lways shown). */
type Field = readonly [name: string, kind: string, flags: string];
type Message = Readonly<Record<string, Field>>;
export interface ProtobufTables {
  readonly kinds: Readonly<Record<string, string>>;
  readonly messages: Readonly<Record<string, Message>>;
}

export const protobufMediaType = "application/vnd.kubernetes.protobuf";
const magic = "k8s\0";
const maxDepth = 100;

/** One field on the wire: varints as bigint, everything else as bytes. */
interface WireField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

const truncated = (): Error => new Error("the protobuf message is truncated");

function readVarint(bytes: Buffer, from: number): { value: bigint; next: number } {
  let value = 0n;
  for (let at = from, shift = 0n; shift < 70n; at++, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw truncated();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: at + 1 };
  }
  throw new Error("a protobuf number has too many bytes");
}

function* wireFields(bytes: Buffer): Generator<WireField> {
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const number = Number(tag.value >> 3n);
    const wireType = Number(tag.value & 7n);
    at = tag.next;
    if (wireType === 0) {
      const { value, next } = readVarint(bytes, at);
      yield { number, value };
      at = next;
      continue;
    }
    let length = wireType === 1 ? 8 : wireType === 5 ? 4 : -1;
    if (wireType === 2) {
      const size = readVarint(bytes, at);
      length = Number(size.value);
      at = size.next;
    }
    if (length < 0) throw new Error(`unsupported protobuf wire type ${wireType}`);
    if (at + length > bytes.length) throw truncated();
    yield { number, value: bytes.subarray(at, at + length) };
    at += length;
  }
}

const asBytes = (value: bigint | Buffer): Buffer => {
  if (typeof value === "bigint") throw new Error("a protobuf number stands where bytes are expected");
  return value;
};
const asNumber = (value: bigint | Buffer): number => {
  if (typeof value !== "bigint") throw new Error("protobuf bytes stand where a number is expected");
  return Number(BigInt.asIntN(64, value));
};

/** The fields of a small message by number; the last one of each counts. */
const byNumber = (bytes: Buffer): Map<number, bigint | Buffer> =>
  new Map(Array.from(wireFields(bytes), ({ number, value }) => [number, value]));

function timeText(bytes: Buffer, fractionDigits: 0 | 6): string | null {
  const fields = byNumber(bytes);
  if (fields.size === 0) return null;
  const seconds = asNumber(fields.get(1) ?? 0n);
  const nanos = asNumber(fields.get(2) ?? 0n);
  const base = new Date(seconds * 1000).toISOString().slice(0, 19);
  return fractionDigits === 0 ? `${base}Z` : `${base}.${String(Math.trunc(nanos / 1000)).padStart(6, "0")}Z`;
}

function intOrString(bytes: Buffer): number | string {
  const fields = byNumber(bytes);
  const isText = asNumber(fields.get(1) ?? 0n) === 1;
  return isText ? asBytes(fields.get(3) ?? Buffer.alloc(0)).toString("utf8") : asNumber(fields.get(2) ?? 0n);
}

function rawJson(bytes: Buffer): unknown {
  const raw = byNumber(bytes).get(1);
  return raw === undefined || asBytes(raw).length === 0 ? null : (JSON.parse(asBytes(raw).toString("utf8")) as unknown);
}

type Decode = (value: bigint | Buffer) => unknown;
const scalars: Readonly<Record<string, Decode>> = {
  string: (value) => asBytes(value).toString("utf8"),
  bytes: (value) => asBytes(value).toString("base64"),
  bool: (value) => asNumber(value) !== 0,
  int: asNumber,
  time: (value) => timeText(asBytes(value), 0),
  microtime: (value) => timeText(asBytes(value), 6),
  raw: (value) => rawJson(asBytes(value)),
  quantity: (value) => asBytes(byNumber(asBytes(value)).get(1) ?? Buffer.alloc(0)).toString("utf8"),
  intstr: (value) => intOrString(asBytes(value)),
};

const isZero = (value: unknown): boolean =>
  value === null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

class Decoder {
  readonly #tables: ProtobufTables;
  constructor(tables: ProtobufTables) {
    this.#tables = tables;
  }

  #value(kind: string, value: bigint | Buffer, depth: number): unknown {
    const scalar = Object.hasOwn(scalars, kind) ? scalars[kind] : undefined;
    return scalar === undefined ? this.message(kind, asBytes(value), depth + 1) : scalar(value);
  }

  #mapEntry(kind: string, bytes: Buffer, depth: number): [string, unknown] {
    const fields = byNumber(bytes);
    const key = asBytes(fields.get(1) ?? Buffer.alloc(0)).toString("utf8");
    return [key, this.#value(kind, fields.get(2) ?? Buffer.alloc(0), depth)];
  }

  message(name: string, bytes: Buffer, depth = 0): Record<string, unknown> {
    if (depth > maxDepth) throw new Error("the protobuf message is nested too deeply");
    const table = this.#tables.messages[name];
    if (table === undefined) throw new Error(`no protobuf table for ${name}`);
    const object: Record<string, unknown> = {};
    for (const { number, value } of wireFields(bytes)) {
      const field = table[number];
      if (field !== undefined) this.#add(object, field, value, depth);
    }
    return object;
  }

  #add(object: Record<string, unknown>, [name, kind, flags]: Field, value: bigint | Buffer, depth: number): void {
    if (flags.includes("r")) {
      object[name] = [...((object[name] as unknown[] | undefined) ?? []), this.#value(kind, value, depth)];
      return;
    }
    if (flags.includes("m")) {
      const [key, entry] = this.#mapEntry(kind, asBytes(value), depth);
      const map = (object[name] as Record<string, unknown> | undefined) ?? {};
      Object.defineProperty(map, key, { value: entry, enumerable: true, writable: true, configurable: true });
      object[name] = map;
      return;
    }
    const decoded = this.#value(kind, value, depth);
    if (flags.includes("i")) Object.assign(object, decoded);
    else if (flags.includes("p") || !isZero(decoded)) object[name] = decoded;
  }
}

/** A kind without a table comes back with nothing but its name. @throws Error for what is not an envelope. */
export function decodeProtobuf(bytes: Buffer, tables: ProtobufTables): unknown {
  if (bytes.subarray(0, 4).toString("latin1") !== magic)
    throw new Error("the body does not begin as Kubernetes' protobuf");
  const envelope = byNumber(bytes.subarray(4));
  const about = byNumber(asBytes(envelope.get(1) ?? Buffer.alloc(0)));
  const apiVersion = asBytes(about.get(1) ?? Buffer.alloc(0)).toString("utf8");
  const kind = asBytes(about.get(2) ?? Buffer.alloc(0)).toString("utf8");
  // Every group has DeleteOptions of its own name, all of one shape.
  const key = kind === "DeleteOptions" ? "v1/DeleteOptions" : `${apiVersion}/${kind}`;
  const name = Object.hasOwn(tables.kinds, key) ? tables.kinds[key] : undefined;
  // Not served here either: the handler says so, by path.
  if (name === undefined) return { apiVersion, kind };
  return { apiVersion, kind, ...new Decoder(tables).message(name, asBytes(envelope.get(2) ?? Buffer.alloc(0))) };
}
