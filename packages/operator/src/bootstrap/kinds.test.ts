// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ConversionClient, type KubeObject, type ObjectMeta, release } from "@serval/api";
import { injectorAnnotation } from "../webhooks/register.ts";
import { installAnnotations } from "./ensure.ts";
import { isAsWritten, releasedCrds } from "./kinds.ts";

const conversion = (ca: string): ConversionClient => ({ url: "https://127.0.0.1/convert", caBundle: ca });
const find = (ca: string) => {
  const found = releasedCrds(conversion(ca)).find(({ metadata }) => metadata.name?.startsWith("llminferenceservices."));
  assert.ok(found !== undefined);
  return found;
};
const wanted = find("one");

/** As a list of metadata gives it, after it was written. */
const head = (annotations: Record<string, string | undefined> = {}, more: Partial<ObjectMeta> = {}): KubeObject =>
  ({
    apiVersion: "meta.k8s.io/v1",
    kind: "PartialObjectMetadata",
    metadata: {
      ...wanted.metadata,
      uid: "u",
      generation: 3,
      ...more,
      annotations: {
        ...wanted.metadata.annotations,
        [installAnnotations.release]: release,
        [installAnnotations.generation]: "3",
        "somebody.example.com/note": "kept",
        ...annotations,
      },
    },
  }) as KubeObject;

const rows: readonly (readonly [string, KubeObject, boolean])[] = [
  ["as it was written", head(), true],
  ["of another release", head({ [installAnnotations.release]: "0.0.1" }), false],
  ["written with other content", head({ [installAnnotations.digest]: "other" }), false],
  ["of a release that kept no digest", head({ [installAnnotations.digest]: undefined }), false],
  ["changed since", head({}, { generation: 4 }), false],
  ["with an injector of authorities", head({ [injectorAnnotation]: "kserve/serving-cert" }), false],
];

describe("a kind that is judged by its metadata", () => {
  for (const [name, stored, expected] of rows)
    it(`${expected ? "is left alone" : "is read"}: ${name}`, () => assert.equal(isAsWritten(wanted, stored), expected));
  it("is another one with another authority of its conversion", () =>
    assert.notEqual(
      find("two").metadata.annotations?.[installAnnotations.digest],
      wanted.metadata.annotations?.[installAnnotations.digest],
    ));
  it("has the same digest at each start", () => assert.deepEqual(find("one").metadata, wanted.metadata));
});
