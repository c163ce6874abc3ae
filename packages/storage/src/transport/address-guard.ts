// SPDX-License-Identifier: Apache-2.0
// Keeps a model's URI from reaching the cloud's metadata service, whose answers are credentials. Loopback and private
// ranges stay allowed: that is where a laptop's and a cluster's own stores are.
import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { FetchError } from "../errors.ts";

const refused = new BlockList();
refused.addSubnet("169.254.0.0", 16, "ipv4");
// RFC 3927 through the ways in which IPv6 writes IPv4: compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
refused.addSubnet("::a9fe:0", 112, "ipv6");
refused.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");
refused.addSubnet("2002:a9fe::", 32, "ipv6");
refused.addSubnet("fe80::", 10, "ipv6");
refused.addAddress("fd00:ec2::254", "ipv6");
refused.addAddress("fd20:ce::254", "ipv6");
// Alibaba Cloud keeps its metadata service outside the link-local range.
refused.addAddress("100.100.100.200", "ipv4");

export const allowLinkLocalVariable = "SERVAL_FETCH_ALLOW_LINK_LOCAL";

/** @param host an IP address or name, IPv6 with or without brackets. Names are judged when they are resolved. */
export function isRefusedAddress(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const family = isIP(address);
  return family !== 0 && refused.check(address, family === 6 ? "ipv6" : "ipv4");
}

export const refusedAddress = (host: string, address: string): FetchError =>
  new FetchError(
    `Refuse to fetch from '${host}'${host === address ? "" : ` (${address})`}: link-local and metadata addresses hand out credentials, not models`,
    {
      fix: `Use another URI; if the model really is there, pass --allow-link-local or set ${allowLinkLocalVariable}=true`,
    },
  );

/** Judges what a name resolves to at the moment of connecting, so that no second resolution can differ. */
export function guardedLookup(resolve: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "");
      const bad = addresses.find(({ address }) => isRefusedAddress(address));
      if (bad !== undefined) return callback(refusedAddress(hostname, bad.address), "");
      const [first] = addresses;
      if (options.all === true) return callback(null, addresses);
      callback(null, first?.address ?? "", first?.family);
    });
  };
}
