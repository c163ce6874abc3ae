// SPDX-License-Identifier: Apache-2.0
export function alone<T>(folder: string, work: () => T): T;
