// SPDX-License-Identifier: Apache-2.0
// Archives as no honest tool writes them: any name, any type, any link, sizes that lie.
import { crc32, deflateRawSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

export interface TarItem extends Partial<Omit<Header, "name">> {
  readonly name: string;
  readonly body?: string | Uint8Array;
}

export async function tarOf(items: readonly TarItem[]): Promise<Buffer> {
  const writer = pack();
  for (const { body, ...header } of items) {
    if (body === undefined) writer.entry({ size: 0, ...header } as Header, Buffer.alloc(0));
    else writer.entry(header as Header, Buffer.from(body));
  }
  writer.finalize();
  const parts: Buffer[] = [];
  for await (const part of writer as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

export interface ZipItem {
  readonly name: string;
  readonly body?: string | Uint8Array;
  /** Unix mode with type bits: 0o120777 is a link. */
  readonly mode?: number;
  readonly isEncrypted?: boolean;
  /** Instead of the true one. */
  readonly declaredBytes?: number;
}

interface ZipRecord {
  readonly name: Buffer;
  readonly data: Buffer;
  readonly fixed: Buffer;
  readonly item: ZipItem;
}

/** Fields that local and central headers share. @see APPNOTE.TXT 4.3.7 and 4.3.12 */
function recordOf(item: ZipItem): ZipRecord {
  const body = Buffer.from(item.body ?? "");
  const data = deflateRawSync(body);
  const name = Buffer.from(item.name);
  const fixed = Buffer.alloc(26);
  fixed.writeUInt16LE(20, 0);
  fixed.writeUInt16LE(0x800 | (item.isEncrypted === true ? 1 : 0), 2);
  fixed.writeUInt16LE(8, 4);
  fixed.writeUInt32LE(crc32(body), 10);
  fixed.writeUInt32LE(data.byteLength, 14);
  fixed.writeUInt32LE(item.declaredBytes ?? body.byteLength, 18);
  fixed.writeUInt16LE(name.byteLength, 22);
  return { name, data, fixed, item };
}

const signature = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

function centralHeader({ name, fixed, item }: ZipRecord, offset: number): Buffer {
  const madeBy = Buffer.from([20, 3]);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(((item.mode ?? 0) << 16) >>> 0, 6);
  rest.writeUInt32LE(offset, 10);
  return Buffer.concat([signature(0x02014b50), madeBy, fixed, rest, name]);
}

export function zipOf(items: readonly ZipItem[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const record of items.map(recordOf)) {
    const entry = Buffer.concat([signature(0x04034b50), record.fixed, record.name, record.data]);
    central.push(centralHeader(record, offset));
    local.push(entry);
    offset += entry.byteLength;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(items.length, 4);
  end.writeUInt16LE(items.length, 6);
  end.writeUInt32LE(directory.byteLength, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, signature(0x06054b50), end]);
}
