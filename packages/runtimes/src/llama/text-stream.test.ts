// SPDX-License-Identifier: Apache-2.0
// Stop strings that arrive whole, in pieces, or only seem to begin.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TextStream } from "./text-stream.ts";

const cases = [
  {
    name: "no stop strings: everything at once",
    stops: [],
    pieces: ["a", "b"],
    sent: ["a", "b"],
    end: "",
    stopped: false,
  },
  {
    name: "a stop string in one piece",
    stops: ["END"],
    pieces: ["one END two"],
    sent: ["one "],
    end: "",
    stopped: true,
  },
  {
    name: "a stop string in three pieces",
    stops: ["END"],
    pieces: ["one E", "N", "D"],
    sent: ["one ", "", ""],
    end: "",
    stopped: true,
  },
  {
    name: "a beginning that turns out otherwise",
    stops: ["END"],
    pieces: ["EN", "X"],
    sent: ["", "ENX"],
    end: "",
    stopped: false,
  },
  {
    name: "a beginning at the very end is sent at the end",
    stops: ["\n\n"],
    pieces: ["line\n"],
    sent: ["line"],
    end: "\n",
    stopped: false,
  },
  { name: "the earliest of two", stops: ["b", "a"], pieces: ["xab"], sent: ["x"], end: "", stopped: true },
];

describe("TextStream.push()", () => {
  for (const { name, stops, pieces, sent, end, stopped } of cases) {
    it(name, () => {
      const stream = new TextStream(stops);
      assert.deepEqual(
        pieces.map((piece) => stream.push(piece)),
        sent,
      );
      assert.equal(stream.stopped, stopped);
      assert.equal(stream.end(), end);
    });
  }
});
