// SPDX-License-Identifier: Apache-2.0
// Pods reach Services by name without a DNS server: where the operator put a Service's name into a command, argument or
// environment value, the kubelet puts the Service's address (decision 21). Pure.

/** Address of a Service; undefined when there is none by that name or it has no address of its own. */
export type ServiceAddress = (namespace: string, name: string) => string | undefined;

const label = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
// `name.namespace`, with or without `.svc` and the cluster domain; not inside a longer name, path or address.
const qualified = new RegExp(
  `(?<![\\w./@-])(//)?(${label})\\.(${label})(\\.svc(?:\\.cluster\\.local)?)?\\.?(?=$|[:/?#"'\\s,])`,
  "g",
);
const urlHost = new RegExp(`(?<=://)(${label})(?=$|[:/?#"'\\s,])`, "g");

/** Replaces Service names by addresses; names of no Service stay as they are. */
export function rewriteServiceNames(text: string, namespace: string, addressOf: ServiceAddress): string {
  if (!/[.:]/.test(text)) return text;
  return text
    .replace(qualified, (whole, slashes: string | undefined, name: string, space: string) => {
      const address = addressOf(space, name);
      return address === undefined ? whole : `${slashes ?? ""}${address}`;
    })
    .replace(
      new RegExp(`(?<=://)(${label})\\.(${label})(\\.svc(?:\\.cluster\\.local)?)?(?=$|[:/?#"'\\s,])`, "g"),
      (whole, name: string, space: string) => addressOf(space, name) ?? whole,
    )
    .replace(urlHost, (whole, name: string) => addressOf(namespace, name) ?? whole);
}

/** `FOO_SERVICE_HOST` and `FOO_SERVICE_PORT` of a Service, as kubelet's service links. */
export function serviceLinkEnv(
  name: string,
  address: string,
  ports: readonly { name?: string | undefined; port: number }[],
): Record<string, string> {
  const prefix = name.toUpperCase().replaceAll("-", "_");
  const env: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: address };
  const first = ports[0];
  if (first !== undefined) env[`${prefix}_SERVICE_PORT`] = String(first.port);
  for (const { name: portName, port } of ports) {
    if (portName !== undefined)
      env[`${prefix}_SERVICE_PORT_${portName.toUpperCase().replaceAll("-", "_")}`] = String(port);
  }
  return env;
}
