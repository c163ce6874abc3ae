// SPDX-License-Identifier: Apache-2.0
// The error catalogue: one code, one heading and one way out per failure. A new failure is one line in catalogue.ts.
export * from "./catalogue.ts";
export * from "./serval-error.ts";
