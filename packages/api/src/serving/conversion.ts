// SPDX-License-Identifier: Apache-2.0
// Objects of ours in another of their served versions: what a conversion webhook answers on a real cluster. In the
// embedded home the API server calls the same functions.
import { type AnyObject, apiVersionOf } from "../core/index.ts";
import { ServalError } from "../errors/index.ts";
import { servingResources } from "./crds.ts";

/** Plurals of the kinds that need a conversion webhook. */
export const convertedPlurals: readonly string[] = servingResources
  .filter(({ otherVersions = [] }) => otherVersions.length > 0)
  .map(({ type }) => type.plural);

/**
 * The object as `apiVersion` has it. Source: KServe's `/convert`.
 *
 * @throws ServalError ApplyFailed for a kind or version that is not served.
 */
export function convertServingObject(object: AnyObject, apiVersion: string): AnyObject {
  if (object.apiVersion === apiVersion) return object;
  const resource = servingResources.find(({ type }) => type.kind === object.kind);
  const refused = new ServalError(
    "ApplyFailed",
    `Cannot convert ${object.kind} from ${object.apiVersion} to ${apiVersion}`,
    {
      fix: `Use ${resource === undefined ? "a kind of serving.kserve.io" : apiVersionOf(resource.type)}`,
    },
  );
  if (resource === undefined) throw refused;
  const stored = apiVersionOf(resource.type);
  const other = (version: string) =>
    resource.otherVersions?.find(({ name }) => `${resource.type.group}/${name}` === version);
  const [from, to] = [other(object.apiVersion), other(apiVersion)];
  if ((object.apiVersion !== stored && from === undefined) || (apiVersion !== stored && to === undefined))
    throw refused;
  const whole = from === undefined ? object : from.toStored(object);
  return to === undefined ? whole : to.fromStored(whole);
}
