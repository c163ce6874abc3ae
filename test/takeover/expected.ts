// SPDX-License-Identifier: Apache-2.0
// Where a hand-over moves traffic on purpose.

export interface ExpectedMove {
  readonly object: RegExp;
  readonly field: RegExp;
  readonly why: string;
}

export const expectedMoves: readonly ExpectedMove[] = [
  {
    object: /^HTTPRoute gw-canary-transformer\/gct$/,
    field: /^spec\.rules\[0\]\.backendRefs/,
    why: "KServe lets a canary's requests pass the transformer by; Serval gives the canary one of its own (weak spot 3)",
  },
];
