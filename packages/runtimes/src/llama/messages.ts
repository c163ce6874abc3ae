// SPDX-License-Identifier: Apache-2.0
// What the model server and the child process of one language model say to each other over the IPC channel.
import type { GenerateEvent, GenerateRequest } from "../model.ts";

export interface LoadOptions {
  readonly engineDir: string;
  readonly file: string;
  readonly maxModelLength: number | undefined;
  readonly threads: number;
  readonly sequences: number;
  readonly chatTemplate: string | undefined;
}

export type ToWorker =
  | ({ readonly type: "load" } & LoadOptions)
  | { readonly type: "generate"; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: "abort"; readonly id: number };

export type FromWorker =
  | { readonly type: "loaded"; readonly contextLength: number; readonly defaultTemperature: number | undefined }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "log"; readonly message: string }
  | { readonly type: "event"; readonly id: number; readonly event: GenerateEvent }
  | { readonly type: "error"; readonly id: number; readonly status: number; readonly message: string };
