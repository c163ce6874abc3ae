// SPDX-License-Identifier: Apache-2.0
// From the ConfigMap's strings to one immutable snapshot, with every problem found; never throws.
// KServe: several of these problems panic its manager; here the caller keeps the last good snapshot.
import { firstProblem, withDefaults } from "./check.ts";
import { configRules, ownMessage } from "./rules.ts";
import { type ConfigKey, type ConfigSections, configKeys, configSchemas } from "./schema.ts";

export interface ServingConfig extends ConfigSections {
  /** Which keys the ConfigMap really holds: for some, absence and emptiness differ. */
  readonly present: ReadonlySet<ConfigKey>;
}

export interface ConfigProblem {
  /** `ingress`, `ingress.ingressDomain`, … */
  readonly path: string;
  /** KServe's own text where it has one. */
  readonly message: string;
  readonly fix: string;
}

export interface ParsedConfig {
  /** Sections with problems hold their defaults. */
  readonly config: ServingConfig;
  readonly problems: readonly ConfigProblem[];
}

/** KServe: a JSON null is an absent field. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(entries.map(([name, field]) => [name, withoutNulls(field)]));
}

/** The section's value, or a problem. Unknown fields are ignored, as KServe does. */
function parseSection(key: ConfigKey, json: string): { value: unknown } | { problem: ConfigProblem } {
  const schema = configSchemas[key];
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch (error) {
    const message = `unable to parse ${key} config json: ${(error as Error).message}`;
    return { problem: { path: key, message, fix: `Make data.${key} a JSON object` } };
  }
  const value = withDefaults(schema, withoutNulls(raw));
  const first = firstProblem(schema, value);
  if (first === undefined) return { value };
  const path = `${key}${first.path}`;
  const message = ownMessage(path, raw) ?? `invalid ${key} config: ${path} ${first.message}`;
  return { problem: { path, message, fix: `Correct data.${key}` } };
}

/** Every section at KServe's code default, and Standard mode over Gateway API (decision 20). */
export function defaultConfig(): ServingConfig {
  const sections = Object.fromEntries(configKeys.map((key) => [key, withDefaults(configSchemas[key], {})]));
  const config = sections as unknown as ConfigSections;
  config.ingress.enableGatewayApi = true;
  return { ...config, present: new Set() };
}

export function parseConfig(data: Readonly<Record<string, string>> | undefined): ParsedConfig {
  const problems: ConfigProblem[] = [];
  const sections: Record<string, unknown> = { ...defaultConfig() };
  const present = new Set<ConfigKey>();
  for (const key of configKeys) {
    const json = data?.[key];
    if (json === undefined) continue;
    const parsed = parseSection(key, json);
    if ("problem" in parsed) problems.push(parsed.problem);
    else {
      sections[key] = parsed.value;
      present.add(key);
    }
  }
  const config = { ...(sections as unknown as ConfigSections), present };
  for (const rule of configRules) problems.push(...rule(config));
  return { config, problems };
}
