// SPDX-License-Identifier: Apache-2.0
// JSON Schema of a kind, for editors that complete and check YAML. Made from the same values as the CRDs.
import { jsonSchema, servingResources } from "@serval/api";
import { CommandError, type Invocation, type Io, UsageError } from "../command.ts";

/** Every way in which kubectl would let the kind be named. */
const namesOf = ({ type, singular, shortNames }: (typeof servingResources)[number]): string[] =>
  [type.kind, type.plural, singular, ...shortNames].map((name) => name.toLowerCase());

export async function run({ positionals }: Invocation, io: Io): Promise<number> {
  const [asked, ...more] = positionals;
  if (more.length > 0) throw new UsageError("serval schema takes one KIND");
  if (asked === undefined) {
    for (const { type } of servingResources) io.out(type.kind);
    return 0;
  }
  const found = servingResources.find((resource) => namesOf(resource).includes(asked.toLowerCase()));
  if (found === undefined) {
    const kinds = servingResources.map(({ type }) => type.kind).join(", ");
    throw new CommandError(`Cannot print a schema: there is no kind "${asked}"\nFix: use one of ${kinds}`);
  }
  io.out(JSON.stringify(jsonSchema(found), undefined, 1));
  return 0;
}
