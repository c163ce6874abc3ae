// SPDX-License-Identifier: Apache-2.0
// A restricted reader of Python pickles, protocols 0 (partly) to 5: a stack machine that only builds plain values.
// Nothing is ever called. A class or function is a name; names outside the allow-list stop the reading at once.
// Opcodes: CPython Lib/pickletools.py. Joblib's inline arrays are read through `hooks.build`.
import { type ByteReader, PickleError } from "./byte-reader.ts";
import type { PyValue } from "./py-value.ts";
import { PyGlobal, PyObject, PyTuple } from "./py-value.ts";

export interface PickleHooks {
  /** Refuses (throws) or returns the class or function by its dotted name. */
  global(module: string, name: string): PyGlobal;
  /** What `callable(*args)` would have made, without calling anything. */
  reduce(callable: PyGlobal, args: readonly PyValue[]): PyValue;
  /** Applies `state` to an object; may replace the object (joblib's array wrappers read their bytes from `reader`). */
  build(target: PyValue, state: PyValue, reader: ByteReader): PyValue;
}

const MAX_ITEMS = 20_000_000;

export function readPickle(reader: ByteReader, hooks: PickleHooks): PyValue {
  return new Machine(reader, hooks).run();
}

class Machine {
  private readonly reader: ByteReader;
  private readonly hooks: PickleHooks;
  private readonly memo = new Map<number, PyValue>();
  private stack: PyValue[] = [];
  private readonly marks: PyValue[][] = [];
  private steps = 0;

  constructor(reader: ByteReader, hooks: PickleHooks) {
    this.reader = reader;
    this.hooks = hooks;
  }

  run(): PyValue {
    for (;;) {
      if (++this.steps > MAX_ITEMS) throw new PickleError(`more than ${MAX_ITEMS} steps`);
      const code = this.reader.byte();
      if (code === 0x2e) return this.pop(); // STOP
      if (!(this.constant(code) || this.container(code) || this.memory(code) || this.object(code))) {
        throw new PickleError(`opcode 0x${code.toString(16)} is not supported at byte ${this.reader.position - 1}`);
      }
    }
  }

  private push(value: PyValue): true {
    this.stack.push(value);
    return true;
  }

  private pop(): PyValue {
    if (this.stack.length === 0) throw new PickleError("the stack is empty");
    return this.stack.pop() as PyValue;
  }

  private top(): PyValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  private popMark(): PyValue[] {
    const items = this.stack;
    const before = this.marks.pop();
    if (before === undefined) throw new PickleError("a mark is missing");
    this.stack = before;
    return items;
  }

  private constant(code: number): boolean {
    const { reader } = this;
    switch (String.fromCharCode(code)) {
      case "N":
        return this.push(null);
      case "\x88":
        return this.push(true);
      case "\x89":
        return this.push(false);
      case "K":
        return this.push(reader.byte());
      case "M":
        return this.push(reader.uint(2));
      case "J":
        return this.push(reader.int32());
      case "\x8a":
        return this.push(reader.long(reader.byte()));
      case "\x8b":
        return this.push(reader.long(reader.int32()));
      case "G":
        return this.push(reader.float64());
      case "X":
        return this.push(reader.text(reader.uint(4)));
      case "\x8c":
        return this.push(reader.text(reader.byte()));
      case "\x8d":
        return this.push(reader.text(reader.uint(8)));
      case "B":
      case "T":
        return this.push(reader.bytes(reader.uint(4)));
      case "C":
      case "U":
        return this.push(reader.bytes(reader.byte()));
      case "\x8e":
      case "\x96":
        return this.push(reader.bytes(reader.uint(8)));
      case "\x80": // PROTO
        if (reader.byte() > 5) throw new PickleError("a pickle protocol newer than 5");
        return true;
      case "\x95": // FRAME: only a reading hint
        reader.bytes(8);
        return true;
      default:
        return false;
    }
  }

  private container(code: number): boolean {
    switch (String.fromCharCode(code)) {
      case "(":
        this.marks.push(this.stack);
        this.stack = [];
        return true;
      case "]":
        return this.push([]);
      case "}":
        return this.push(new Map());
      case "\x8f":
        return this.push(new Set());
      case ")":
        return this.push(new PyTuple([]));
      case "\x85":
      case "\x86":
      case "\x87": {
        const items = Array.from({ length: code - 0x84 }, () => this.pop()).reverse();
        return this.push(new PyTuple(items));
      }
      case "t":
        return this.push(new PyTuple(this.popMark()));
      case "l":
        return this.push(this.popMark());
      case "d":
        return this.push(toMap(new Map(), this.popMark()));
      case "\x91":
        return this.push(new Set(this.popMark()));
      case "a":
        return this.append([this.pop()]);
      case "e":
        return this.append(this.popMark());
      case "s": {
        const value = this.pop();
        return this.setItems([this.pop(), value]);
      }
      case "u":
        return this.setItems(this.popMark());
      case "\x90": {
        const items = this.popMark();
        const set = this.top();
        if (!(set instanceof Set)) throw new PickleError("items are added to what is not a set");
        for (const item of items) set.add(item);
        return true;
      }
      default:
        return false;
    }
  }

  private append(items: readonly PyValue[]): true {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError("items are appended to what is not a list");
    for (const item of items) list.push(item);
    return true;
  }

  private setItems(items: readonly PyValue[]): true {
    const map = this.top();
    if (!(map instanceof Map)) throw new PickleError("items are set on what is not a dictionary");
    toMap(map, items);
    return true;
  }

  private memory(code: number): boolean {
    const { reader } = this;
    switch (String.fromCharCode(code)) {
      case "\x94": // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return true;
      case "q":
        this.memo.set(reader.byte(), this.top());
        return true;
      case "r":
        this.memo.set(reader.uint(4), this.top());
        return true;
      case "h":
        return this.push(this.recall(reader.byte()));
      case "j":
        return this.push(this.recall(reader.uint(4)));
      case "0":
        this.pop();
        return true;
      case "1":
        this.popMark();
        return true;
      case "2":
        return this.push(this.top());
      default:
        return false;
    }
  }

  private recall(index: number): PyValue {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleError(`the memo has no entry ${index}`);
    return value;
  }

  private object(code: number): boolean {
    const { reader, hooks } = this;
    switch (String.fromCharCode(code)) {
      case "c":
        return this.push(hooks.global(reader.line(), reader.line()));
      case "\x93": {
        const [name, module] = [this.pop(), this.pop()];
        if (typeof name !== "string" || typeof module !== "string")
          throw new PickleError("a class name is not a string");
        return this.push(hooks.global(module, name));
      }
      case "R": {
        const args = tuple(this.pop());
        return this.push(hooks.reduce(callable(this.pop()), args));
      }
      case "\x81": {
        const args = tuple(this.pop());
        return this.push(new PyObject(callable(this.pop()), args));
      }
      case "\x92": {
        this.pop(); // keyword arguments of NEWOBJ_EX
        const args = tuple(this.pop());
        return this.push(new PyObject(callable(this.pop()), args));
      }
      case "b": {
        const state = this.pop();
        const target = this.pop();
        const built = hooks.build(target, state, reader);
        if (built !== target) for (const [key, value] of this.memo) if (value === target) this.memo.set(key, built);
        return this.push(built);
      }
      default:
        return false;
    }
  }
}

function toMap(map: Map<PyValue, PyValue>, items: readonly PyValue[]): Map<PyValue, PyValue> {
  if (items.length % 2 !== 0) throw new PickleError("a dictionary with an odd number of items");
  for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  return map;
}

function tuple(value: PyValue): readonly PyValue[] {
  if (value instanceof PyTuple) return value.items;
  throw new PickleError("arguments are not a tuple");
}

function callable(value: PyValue): PyGlobal {
  if (value instanceof PyGlobal) return value;
  throw new PickleError("what is called is not a name");
}
