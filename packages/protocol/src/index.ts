// SPDX-License-Identifier: Apache-2.0
// The door of @serval/protocol: what clients speak.
export { elementText, flatText, floatText, nestedText, parseJson } from "./json.ts";
export * from "./openai.ts";
export { errorBody, RequestError, type SchemaFinding, schemaError } from "./request-error.ts";
export * from "./tensor.ts";
export { checkV1, instancesOf, predictionsBody, tensorsFromInstances, type V1Payload } from "./v1.ts";
export * from "./v2.ts";
