// SPDX-License-Identifier: Apache-2.0
// @serval/data-plane: the request path. It learns routes by watching HTTPRoute, Service and EndpointSlice, in both homes.
export {
  defaultMaxRequestBytes,
  type GatewayOptions,
  type Leave,
  leaveAtOnce,
  leaveService,
  runGateway,
} from "./main.ts";
