// SPDX-License-Identifier: Apache-2.0
// The name under which the API server records what we apply. Never changed: fields of another name would be orphans.

export const fieldManager = "serval-operator";
