// SPDX-License-Identifier: Apache-2.0
// Admission of our kinds. The rules are in @serval/api; here is how an API server asks for them.
export * from "./denial.ts";
export * from "./plugins.ts";
export {
  convertedCrdNames,
  registeredConfigurations,
  type WebhookTarget,
  webhookSecretName,
  webhookServiceName,
} from "./registrations.ts";
export { conversionClient, startWebhooks, type WebhookOptions, type WebhookRole, type Webhooks } from "./start.ts";
