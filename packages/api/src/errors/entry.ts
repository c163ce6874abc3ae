// SPDX-License-Identifier: Apache-2.0
// One entry of the error catalogue.

export interface CatalogueEntry {
  /** Stable for ever; the heading in docs/reference/errors.md. */
  readonly code: string;
  readonly title: string;
  /** Default way out; a finding may carry a more exact one. */
  readonly fix: string;
}

export const entry = (code: string, title: string, fix: string): CatalogueEntry => ({ code, title, fix });
