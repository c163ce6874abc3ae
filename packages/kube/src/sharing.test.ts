// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSharing } from "./sharing.ts";

const pod = (name: string) => ({
  kind: "Pod",
  metadata: { name, labels: { app: name, team: "red" } },
  spec: {
    containers: [{ name: "main", resources: { limits: { cpu: "1", memory: "2Gi" } } }],
    list: [[1, 2], [1, 2], null],
  },
});

describe("objects that share their equal parts", () => {
  it("are equal to what was given, which is left alone", () => {
    const given = pod("a");
    const kept = createSharing()(given);
    assert.deepEqual(kept, pod("a"));
    assert.deepEqual(given, pod("a"));
    given.spec.containers[0]!.resources.limits.cpu = "2";
    assert.equal(kept.spec.containers[0]?.resources.limits.cpu, "1");
  });

  it("have equal parts once, across objects and within one", () => {
    const share = createSharing();
    const [a, b] = [share(pod("a")), share(pod("b"))];
    assert.equal(a.spec.containers, b.spec.containers);
    assert.equal(a.spec.list[0], a.spec.list[1]);
    assert.notEqual(a.metadata.labels, b.metadata.labels);
    assert.equal(b.metadata.labels.app, "b");
  });

  it("tell a text from a part that is written like it", () => {
    const share = createSharing();
    const texts = ['{"a":1}', "[1]", '"x', "x", ""];
    assert.deepEqual(share({ part: { a: 1 }, list: [1], texts }), { part: { a: 1 }, list: [1], texts });
    assert.deepEqual(share({ texts: { a: { a: 1 }, b: '{"a":1}' } }), { texts: { a: { a: 1 }, b: '{"a":1}' } });
  });

  it("cannot be changed, for a change of one would be one of many", () => {
    const kept = createSharing()(pod("a"));
    assert.throws(() => {
      kept.spec.containers[0]!.resources.limits.cpu = "2";
    }, TypeError);
    assert.throws(() => kept.spec.list.push(null), TypeError);
    assert.throws(() => {
      kept.metadata.name = "b";
    }, TypeError);
  });

  it("keep a field that is named like the prototype", () => {
    const given = JSON.parse('{"data":{"__proto__":{"a":1},"b":"c"}}') as { data: object };
    const kept = createSharing()(given);
    assert.deepEqual(Object.entries(kept.data), [
      ["__proto__", { a: 1 }],
      ["b", "c"],
    ]);
    assert.equal(Object.getPrototypeOf(kept.data), Object.prototype);
  });

  it("share parts larger than what is compared, too, by their own parts", () => {
    const share = createSharing();
    const large = () => ({ spec: { big: { text: "x".repeat(5_000), small: { a: [1] } } } });
    const [a, b] = [share(large()), share(large())];
    assert.notEqual(a.spec.big, b.spec.big);
    assert.equal(a.spec.big.small, b.spec.big.small);
  });

  it("forget parts that did not come again", () => {
    const share = createSharing({ remembered: 4 });
    const first = share({ spec: { part: { a: 1 } } });
    for (let n = 0; n < 20; n++) share({ spec: { part: { n } } });
    assert.notEqual(share({ spec: { part: { a: 1 } } }).spec.part, first.spec.part);
  });
});
