// SPDX-License-Identifier: Apache-2.0
// Ports and labels that several objects of an install share.

export const ports = { webhooks: 9443, metrics: 8080, health: 8081, gateway: 8080 } as const;

export const appName = "serval";

/** Of pods, and what Services and Deployments find them by. */
export const selectorOf = (component: string): Record<string, string> => ({
  "app.kubernetes.io/name": appName,
  "app.kubernetes.io/component": component,
});
