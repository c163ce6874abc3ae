// SPDX-License-Identifier: Apache-2.0
// The sums that sources give: md5 and sha256 from the platform, CRC-32C (RFC 3720, Castagnoli) here.
import { createHash } from "node:crypto";
import type { Checksum } from "../scheme.ts";

export interface Summer {
  update(bytes: Uint8Array): void;
  hex(): string;
}

/** Eight tables of 256: eight bytes per step. */
function buildTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    first[byte] = value >>> 0;
  }
  const tables = [first];
  for (let depth = 1; depth < 8; depth++) {
    const above = tables[depth - 1] as Uint32Array;
    tables.push(above.map((value) => (value >>> 8) ^ (first[value & 0xff] as number)));
  }
  return tables;
}

let tables: Uint32Array[] | undefined;

/** @param crc of what came before, 0 at the start. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  tables ??= buildTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
    ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
  ];
  const at = (table: Uint32Array, index: number): number => table[index & 0xff] as number;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value = ~crc;
  let i = 0;
  for (const end = bytes.byteLength - 7; i < end; i += 8) {
    const low = value ^ view.getInt32(i, true);
    const high = view.getInt32(i + 4, true);
    value =
      at(t7, low) ^
      at(t6, low >>> 8) ^
      at(t5, low >>> 16) ^
      at(t4, low >>> 24) ^
      (at(t3, high) ^ at(t2, high >>> 8) ^ at(t1, high >>> 16) ^ at(t0, high >>> 24));
  }
  for (; i < bytes.byteLength; i++) value = (value >>> 8) ^ at(t0, value ^ (bytes[i] as number));
  return ~value >>> 0;
}

export function createSummer(algorithm: Checksum["algorithm"]): Summer {
  if (algorithm !== "crc32c") {
    const hash = createHash(algorithm);
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
  }
  let crc = 0;
  return {
    update(bytes) {
      crc = crc32c(bytes, crc);
    },
    hex: () => crc.toString(16).padStart(8, "0"),
  };
}
