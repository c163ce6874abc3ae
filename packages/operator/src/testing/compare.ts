// SPDX-License-Identifier: Apache-2.0
// Compares what we build with what KServe's controllers made: what we set must be equal, what only they have must be a
// default that the API server fills in.

type Json = unknown;
const isMap = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Last path segment to the value that Kubernetes fills in by itself. */
const kubernetesDefaults: Readonly<Record<string, Json>> = {
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  dnsPolicy: "ClusterFirst",
  restartPolicy: "Always",
  schedulerName: "default-scheduler",
  securityContext: {},
  terminationGracePeriodSeconds: 30,
  revisionHistoryLimit: 10,
  progressDeadlineSeconds: 600,
  replicas: 1,
  resources: {},
  protocol: "TCP",
  type: "ClusterIP",
  sessionAffinity: "None",
  internalTrafficPolicy: "Cluster",
  ipFamilies: ["IPv4"],
  ipFamilyPolicy: "SingleStack",
  serviceAccountName: "default",
  scheme: "HTTP",
  timeoutSeconds: 1,
  periodSeconds: 10,
  successThreshold: 1,
  failureThreshold: 3,
  defaultMode: 420,
  // Of a fieldRef.
  apiVersion: "v1",
};
const imagePolicies: readonly Json[] = ["Always", "IfNotPresent"];
/** Written by the API server or by other controllers. */
const foreign: ReadonlySet<string> = new Set(["clusterIP", "clusterIPs", "behavior", "status", "uid"]);

const same = (a: Json, b: Json): boolean => JSON.stringify(a) === JSON.stringify(b);

function isDefault(name: string, value: Json): boolean {
  // Kubernetes' old alias of serviceAccountName.
  if (name === "serviceAccount") return true;
  if (foreign.has(name) || name.startsWith("internal.serving.kserve.io/")) return true;
  if (name === "imagePullPolicy") return imagePolicies.includes(value);
  return name in kubernetesDefaults && same(kubernetesDefaults[name], value);
}

/** Kubernetes fills missing requests from limits. */
function* resourceDifferences(
  ours: Record<string, Json>,
  theirs: Record<string, Json>,
  path: string,
): Generator<string> {
  const amounts = (of: Json) => (isMap(of) ? of : {});
  const limits = amounts(ours["limits"]);
  const requests = { ...limits, ...amounts(ours["requests"]) };
  yield* differences(limits, amounts(theirs["limits"]), `${path}.limits`);
  const wanted = { ...amounts(theirs["limits"]), ...amounts(theirs["requests"]) };
  yield* differences(requests, wanted, `${path}.requests`);
}

/** Paths where `ours` and `theirs` differ. */
export function* differences(ours: Json, theirs: Json, path = ""): Generator<string> {
  if (isMap(ours) && isMap(theirs)) {
    if (path.endsWith(".resources")) return yield* resourceDifferences(ours, theirs, path);
    for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      const [mine, their] = [ours[name], theirs[name]];
      // Kubernetes' old alias of serviceAccountName.
      if (name === "serviceAccount") return true;
      if (foreign.has(name) || name.startsWith("internal.serving.kserve.io/")) continue;
      if (mine === undefined && isDefault(name, their)) continue;
      yield* differences(mine, their, `${path}.${name}`);
    }
    return;
  }
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length === theirs.length) {
    for (const [index, mine] of ours.entries()) yield* differences(mine, theirs[index], `${path}[${index}]`);
    return;
  }
  if (!same(ours, theirs)) yield `${path}: ours ${JSON.stringify(ours)}, KServe's ${JSON.stringify(theirs)}`;
}
