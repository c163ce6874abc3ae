// SPDX-License-Identifier: Apache-2.0
// A yes or no in a query, as Kubernetes reads it: Python clients send `watch=True`, people type `?watch`.

/** Everything but absence, `false` in any case and `0` is yes. Source: apimachinery's conversion of query strings to bool. */
export const isSwitchedOn = (value: string | undefined): boolean =>
  value !== undefined && value !== "0" && value.toLowerCase() !== "false";
