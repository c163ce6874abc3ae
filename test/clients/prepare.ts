// SPDX-License-Identifier: Apache-2.0
// Installs and builds what the clients' tests use; minutes on a new machine, and so a step of its own.
import { controllerProgram } from "./go.ts";
import { judgesProgram } from "./judges/judges.ts";
import { pythonWithKserve } from "./python.ts";

for (const found of await Promise.all([pythonWithKserve(), controllerProgram(), judgesProgram()])) console.log(found);
