// SPDX-License-Identifier: Apache-2.0
// GET with everything that a downloader must not forget: guarded addresses, redirects judged one by one, time limits,
// the cluster's proxy and CA. One answer per call; retrying is the caller's.
import type { lookup } from "node:dns";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { rootCertificates } from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { FetchError, redactUri } from "../errors.ts";
import { allowLinkLocalVariable, guardedLookup, isRefusedAddress, refusedAddress } from "./address-guard.ts";

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; repeated ones joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the first host only: a redirect elsewhere must not learn them. */
  readonly secretHeaders?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface HttpClient {
  get(url: string, options: GetOptions): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly allowLinkLocal?: boolean;
  /** Test seam for names that resolve to something else. */
  readonly lookup?: typeof lookup;
  readonly stallMs?: number;
}

const maxRedirects = 10;
const connectMs = 10_000;

/** KServe: the global CA bundle is added to the well-known roots (kserve_storage, CA_BUNDLE_CONFIGMAP_NAME). */
function authorities(env: HttpClientOptions["env"]): string[] | undefined {
  const isSet = (env["CA_BUNDLE_CONFIGMAP_NAME"] ?? "") !== "";
  const path = join(env["CA_BUNDLE_VOLUME_MOUNT_POINT"] ?? "/etc/ssl/custom-certs", "cabundle.crt");
  if (!isSet) return undefined;
  try {
    return [...rootCertificates, readFileSync(path, "utf8")];
  } catch (cause) {
    throw new FetchError(`Failed to find ca bundle file(${path}).`, {
      fix: "Create the ConfigMap that CA_BUNDLE_CONFIGMAP_NAME names, with the key cabundle.crt",
      cause,
    });
  }
}

function dispatcherFor(options: HttpClientOptions): Dispatcher {
  const { env, allowLinkLocal = false, stallMs = 30_000 } = options;
  const ca = authorities(env);
  const connect = {
    timeout: connectMs,
    ...(allowLinkLocal ? {} : { lookup: guardedLookup(options.lookup) }),
    ...(ca === undefined ? {} : { ca }),
  };
  const common = { connect, headersTimeout: stallMs, bodyTimeout: stallMs };
  const variable = (name: string): string | undefined => env[name.toLowerCase()] ?? env[name];
  const [httpProxy, httpsProxy] = [variable("HTTP_PROXY"), variable("HTTPS_PROXY")];
  if (httpProxy === undefined && httpsProxy === undefined) return new Agent(common);
  return new EnvHttpProxyAgent({
    ...common,
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    noProxy: variable("NO_PROXY") ?? "",
  });
}

const flat = (headers: Record<string, string | string[] | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );

/** An address, or what a redirect leads to. @throws FetchError for other schemes and for giving up encryption. */
export function targetOf(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new FetchError(`Cannot fetch '${redactUri(text)}': it is not an http or https address`, {
      fix: "Correct the URI, or what the server redirects to",
    });
  if (base?.protocol === "https:" && url.protocol === "http:")
    throw new FetchError(
      `Refuse to follow the redirect from '${redactUri(base.href)}' to '${redactUri(url.href)}': it gives up encryption`,
      { fix: "Use the http:// address itself if that is what is wanted" },
    );
  return url;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const allowLinkLocal = options.allowLinkLocal ?? options.env[allowLinkLocalVariable] === "true";
  const dispatcher = dispatcherFor({ ...options, allowLinkLocal });
  const send = async (url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> => {
    if (!allowLinkLocal && isRefusedAddress(url.hostname)) throw refusedAddress(url.hostname, url.hostname);
    const answer = await request(url, { dispatcher, headers, signal });
    // A body that is dropped half-read reports the abort to nobody.
    answer.body.on("error", () => {});
    return { status: answer.statusCode, headers: flat(answer.headers), body: answer.body };
  };
  return {
    async get(address, { headers = {}, secretHeaders = {}, signal }) {
      const first = targetOf(address);
      let url = first;
      const credentials = first.username === "" ? {} : { authorization: basicAuth(first) };
      for (let hops = 0; hops <= maxRedirects; hops++) {
        const isHome = url.origin === first.origin;
        const target = new URL(url);
        [target.username, target.password, target.hash] = ["", "", ""];
        const all = {
          "accept-encoding": "identity",
          ...headers,
          ...(isHome ? { ...credentials, ...secretHeaders } : {}),
        };
        const answer = await send(target, all, signal);
        const location = answer.headers["location"];
        if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
        answer.body.destroy();
        url = targetOf(location, url);
      }
      throw new FetchError(`Cannot fetch '${redactUri(address)}': more than ${maxRedirects} redirects`, {
        fix: "Use the address that the redirects should lead to",
      });
    },
    close: () => dispatcher.destroy(),
  };
}

const basicAuth = ({ username, password }: URL): string =>
  `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
