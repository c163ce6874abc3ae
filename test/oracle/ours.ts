// SPDX-License-Identifier: Apache-2.0
// Our answers to the oracle's requests, in the oracle's form.
import type { AnyObject } from "@serval/api";
import {
  jsonPatch,
  mergePatch,
  PatchError,
  serverSideApply,
  strategicMergePatch,
  trackUpdate,
} from "@serval/kube/patch/index.ts";
import { applyDefaults, prune, type TypeSchema, validateSchema } from "@serval/kube/schema/index.ts";
import { isMap, type JsonMap, ownValue, setKey } from "@serval/kube/schema/json.ts";
import type { ApplyRequest, Request, Step } from "./cases.ts";
import { crdType } from "./schemas.ts";

export type Answer = { [key: string]: unknown };

/** Knows the schemas of earlier `crd` requests. */
export class Ours {
  readonly #crds = new Map<string, TypeSchema>();
  readonly #definitions: TypeSchema["definitions"];

  constructor(definitions: TypeSchema["definitions"]) {
    this.#definitions = definitions;
  }

  answer(request: Request): Answer {
    switch (request.kind) {
      case "crd":
        this.#crds.set(request.schema, crdType(request.root));
        return {};
      case "strategic":
        return refusable(() => ({
          object: strategicMergePatch(request.original, request.patch, this.#builtIn(request.type)),
        }));
      case "json-patch":
        return refusable(() => ({ object: jsonPatch(request.original, request.patch as unknown[]) }));
      case "merge-patch":
        return refusable(() => ({ object: mergePatch(request.original, request.patch) }));
      case "apply":
        return { steps: runSteps(request, this.#typeOf(request)) };
      case "prune":
        return { ...prune(request.object as AnyObject, this.#crds.get(request.schema)!) };
      case "default":
        return { object: applyDefaults(request.object as AnyObject, this.#crds.get(request.schema)!) };
      case "validate":
        return { errors: validateSchema(request.object as AnyObject, this.#crds.get(request.schema)!) };
    }
  }

  #builtIn(name: string): TypeSchema {
    return { root: this.#definitions[name]!, definitions: this.#definitions };
  }

  #typeOf({ type, schema }: ApplyRequest): TypeSchema {
    return type === undefined ? this.#crds.get(schema)! : this.#builtIn(type);
  }
}

function refusable(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    if (error instanceof PatchError) return { error: error.message, code: error.code };
    throw error;
  }
}

function runSteps(request: ApplyRequest, type: TypeSchema): Answer[] {
  let live: AnyObject | undefined;
  return request.steps.map((step, index) => {
    const answer = refusable(() =>
      runStep(request, step, { live, type, now: new Date(Date.UTC(2020, 0, 1, 0, 0, index)) }),
    );
    if (answer["object"] === undefined) return answer;
    const object = answer["object"] as AnyObject;
    live = { ...object, metadata: { ...object.metadata, uid: "uid" } };
    return { object: live };
  });
}

interface Now {
  readonly live: AnyObject | undefined;
  readonly type: TypeSchema;
  readonly now: Date;
}

function runStep(request: ApplyRequest, step: Step, { live, type, now }: Now): Answer {
  const prefix = request.group === "" ? "" : `${request.group}/`;
  const inVersion = (object: AnyObject, version: string): AnyObject => ({
    ...object,
    apiVersion: `${prefix}${version}`,
  });
  const convert = (object: AnyObject, apiVersion: string) => {
    const version = request.versions.find((one) => `${prefix}${one}` === apiVersion);
    return version === undefined ? undefined : { object: inVersion(object, version), type };
  };
  const common = { type, manager: step.manager, subresource: step.subresource, now, reset: request.reset, convert };
  const before = live === undefined ? undefined : inVersion(live, step.version);
  const hub = request.versions[0]!;
  if (step.op === "apply") {
    const { object, conflicts, message } = serverSideApply({
      ...common,
      live: before,
      applied: step.object as AnyObject,
      force: step.force ?? false,
    });
    return conflicts.length > 0 ? { error: message, code: 409, causes: conflicts } : { object: inVersion(object, hub) };
  }
  const empty = { apiVersion: `${prefix}${step.version}`, kind: request.kindName } as AnyObject;
  const next = mergeInto(before ?? empty, step.merge) as AnyObject;
  const managedFields = trackUpdate({ ...common, live: before, next });
  const { managedFields: _sent, ...metadata } = next.metadata ?? {};
  const stored = {
    ...next,
    metadata: managedFields === undefined ? metadata : { ...metadata, managedFields },
  } as AnyObject;
  return { object: inVersion(stored, hub) };
}

/** RFC 7396 to the letter, as apply.go has it: the nulls that lists keep are cases, too. */
function mergeInto(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: JsonMap = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setKey(result, key, mergeInto(ownValue(result, key), value));
  }
  return result;
}
