// SPDX-License-Identifier: Apache-2.0
// A real cluster for hands-on work: `node test/real/up.ts` starts one, says how to use it, and stays until Ctrl-C.
import { dirname } from "node:path";
import { kubectlPath } from "../kubectl.ts";
import { startNamespaces } from "./cluster/entry.ts";
import { imageArchives } from "./cluster/images.ts";
import { clusterCommands, whyNoCluster } from "./cluster/machine.ts";

const reason = await whyNoCluster();
const facts = reason ?? (await clusterCommands());
if (typeof facts === "string") throw new Error(facts);
const images = await imageArchives(facts.others);
const namespaces = await startNamespaces({ facts, images, command: [] });
const kubectl = await kubectlPath();
console.log(`A shell inside:
  nsenter -t ${namespaces.pid} -n -m -p env KUBECONFIG=${namespaces.dir}/kubeconfig PATH=${dirname(kubectl ?? "")}:$PATH bash
There: kubectl apply --server-side -f deploy/serval.yaml; curl http://SERVICE.NAMESPACE.svc.cluster.local
Logs: ${namespaces.dir}/logs. Ctrl-C ends everything.`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void namespaces.end());
process.exitCode = await namespaces.ended;
