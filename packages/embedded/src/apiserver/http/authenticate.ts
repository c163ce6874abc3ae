// SPDX-License-Identifier: Apache-2.0
// Who is asking: a client certificate of the home's CA or a bearer token; and whether a browser page of another site is.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import type { ApiError, UserInfo } from "@serval/kube";
import { refusal } from "../status.ts";

const authenticated = "system:authenticated";
export const adminUser: UserInfo = { username: "system:admin", groups: ["system:masters", authenticated] };
export const anonymousUser: UserInfo = { username: "system:anonymous", groups: ["system:unauthenticated"] };

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Node gives a repeated attribute as a list. */
const attribute = (value: unknown): string[] => (value === undefined ? [] : ([value].flat() as string[]));

function certificateUser(socket: TLSSocket): UserInfo | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate() as { subject?: Record<string, unknown> };
  const [username] = attribute(subject?.["CN"]);
  if (username === undefined) return undefined;
  return { username, groups: [...attribute(subject?.["O"]), authenticated] };
}

/** @param token of the administrator. Further ones: `tokens`. */
export function createAuthenticator(token: string, tokens: ReadonlyMap<string, UserInfo> = new Map()) {
  const known = [[token, adminUser] as const, ...tokens].map(([secret, user]) => ({ hash: digest(secret), user }));
  return (request: IncomingMessage): UserInfo | undefined => {
    const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (bearer === undefined) return certificateUser(request.socket as TLSSocket);
    const hash = digest(bearer);
    // Equal-length digests, all compared: the time tells nothing about a token.
    let found: UserInfo | undefined;
    for (const candidate of known) if (timingSafeEqual(candidate.hash, hash)) found = candidate.user;
    return found;
  };
}

const loopbackName = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
export const isLoopbackHost = (host: string): boolean =>
  loopbackName.test(host.includes(":") && !host.startsWith("[") && host.split(":").length > 2 ? `[${host}]` : host);

/**
 * A page of another site may make a browser call us under a name it controls (DNS rebinding), or from its own origin.
 *
 * @returns the refusal, or undefined when the request may go on.
 */
export function browserRefusal({ headers }: IncomingMessage): ApiError | undefined {
  const { host = "", origin } = headers;
  if (!loopbackName.test(host)) {
    return refusal({
      code: 403,
      reason: "Forbidden",
      message: `Forbidden: the Host header ${JSON.stringify(host)} is not a loopback name; this API server answers to 127.0.0.1, localhost and [::1] only`,
    });
  }
  if (origin === undefined || origin === `https://${host}`) return undefined;
  return refusal({
    code: 403,
    reason: "Forbidden",
    message: `Forbidden: requests from the web page ${JSON.stringify(origin)} are refused; use kubectl or a client outside of a browser`,
  });
}
