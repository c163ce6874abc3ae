// SPDX-License-Identifier: Apache-2.0
// Thousands of cached objects of a few shapes say the same again and again: equal parts are kept once. What is kept is
// frozen, since a change of one object would be a change of many.

/** @returns an equal object; the given one is left alone. */
export type Sharing = <T extends object>(object: T) => T;

export interface SharingOptions {
  /** Parts that are remembered, so that a later one can be found equal; twice as many at most. */
  readonly remembered?: number;
}

/** A larger part is hardly ever equal to another as a whole, but its own parts are. In characters of its JSON. */
const largestPart = 4_096;
const longestString = 64;

/** Forgets what was not asked for since as many others came. */
function createMemory(most: number) {
  let young = new Map<string, unknown>();
  let old = new Map<string, unknown>();
  const put = (text: string, value: unknown): void => {
    if (young.size >= most) [young, old] = [new Map(), young];
    young.set(text, value);
  };
  const find = (text: string): unknown => {
    const found = young.get(text);
    if (found !== undefined) return found;
    const aged = old.get(text);
    if (aged !== undefined) put(text, aged);
    return aged;
  };
  return { put, find };
}

const isPart = (value: unknown): value is object => typeof value === "object" && value !== null;

export function createSharing({ remembered = 2_000 }: SharingOptions = {}): Sharing {
  const memory = createMemory(remembered);
  const copied = (part: object, share: (value: unknown) => unknown): object => {
    if (Array.isArray(part)) return Object.freeze(part.map(share));
    const entries = Object.entries(part);
    // An assignment to this name would set the prototype.
    if (Object.hasOwn(part, "__proto__"))
      return Object.freeze(Object.fromEntries(entries.map(([name, value]) => [name, share(value)])));
    const copy: Record<string, unknown> = {};
    for (const [name, value] of entries) copy[name] = share(value);
    return Object.freeze(copy);
  };
  const shared = (value: unknown): unknown => {
    if (typeof value === "string") return value.length > longestString ? value : rememberedText(value);
    if (!isPart(value)) return value;
    const text = JSON.stringify(value);
    if (text.length > largestPart) return copied(value, shared);
    const known = memory.find(text);
    if (known !== undefined) return known;
    const made = copied(value, shared);
    memory.put(text, made);
    return made;
  };
  /** A quote cannot begin the JSON of an object or a list, so that both live in one memory. */
  const rememberedText = (value: string): string => {
    const key = `"${value}`;
    const known = memory.find(key);
    if (known !== undefined) return known as string;
    memory.put(key, value);
    return value;
  };
  // No two objects are equal as a whole, nor are their metadata or specs; looking would only take time.
  const section = (value: unknown): unknown => (isPart(value) ? copied(value, shared) : shared(value));
  return <T extends object>(object: T): T => copied(object, section) as T;
}
