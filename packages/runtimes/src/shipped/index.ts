// SPDX-License-Identifier: Apache-2.0
// The runtimes that run as images of their own: KServe v0.20's fourteen, the seed's text-generation-inference, and
// OpenVINO, which KServe has but does not install. To add one: a descriptor in this folder, and its name here.
import type { RuntimeDescriptor } from "../descriptor.ts";
import { mlserver, openvino, tensorflowServing, torchserve, triton } from "./framework-servers.ts";
import { huggingfaceMultinode } from "./huggingface-multinode.ts";
import { huggingfaceServer, tgiServer, vllmServer } from "./language-models.ts";
import { pythonServers } from "./python-servers.ts";

export const shippedRuntimes: readonly RuntimeDescriptor[] = [
  ...pythonServers,
  mlserver,
  triton,
  tensorflowServing,
  torchserve,
  huggingfaceServer,
  huggingfaceMultinode,
  vllmServer,
  tgiServer,
  openvino,
];
