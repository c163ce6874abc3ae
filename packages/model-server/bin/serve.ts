// SPDX-License-Identifier: Apache-2.0
// The executable of the image serval-model-server, and what the embedded kubelet starts.
import { runServe } from "../src/main.ts";

process.exitCode = await runServe(process.argv.slice(2));
