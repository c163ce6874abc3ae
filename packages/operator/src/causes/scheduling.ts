// SPDX-License-Identifier: Apache-2.0
// Pods without a node: devices, CPU and memory, taints and selectors, volumes. Pure.
// Source of the texts: kubernetes pkg/scheduler/framework/plugins (noderesources, tainttoleration, nodeaffinity,
// volumebinding).
import { type Node, type Pod, quantityValue } from "@serval/api";
import { type Cause, causeOf, conditionOf, containersOf, podName, type Rule, words, workloadOf } from "./cause.ts";
import type { Evidence } from "./evidence.ts";

interface Waiting {
  readonly evidence: Evidence;
  readonly pod: Pod;
  /** What the scheduler says. */
  readonly text: string;
}

const cause = (
  { pod }: Waiting,
  reason: Parameters<typeof causeOf>[0],
  parts: { message: string; fix?: string },
): Cause =>
  causeOf(reason, {
    message: `Pod ${podName(pod)} has no node: ${parts.message}`,
    of: workloadOf(pod),
    fix: parts.fix,
  });

/** What one pod asks for of a resource; limits count where requests are left out. */
function askedFor({ evidence, pod }: Waiting, resource: string): number {
  const amounts = containersOf(evidence, pod).map(({ resources }) => {
    const amount = resources?.requests?.[resource] ?? resources?.limits?.[resource];
    return amount === undefined ? 0 : quantityValue(amount);
  });
  return amounts.reduce((sum, amount) => sum + amount, 0);
}

const offers = ({ status }: Node, resource: string): number => {
  const amount = status?.allocatable?.[resource] ?? status?.capacity?.[resource];
  return amount === undefined ? 0 : quantityValue(amount);
};

const taintsIn = (text: string): string[] =>
  [...text.matchAll(/untolerated taint(?:\(s\))? ?\{([^}]*)\}/g)].map(([, taint]) => (taint as string).trim());

const tolerationFix = (taints: readonly string[]): string =>
  `Add a toleration for ${taints.map((taint) => `{${taint}}`).join(" and ")} to spec.predictor.tolerations (or the component that the pod belongs to), or free a node without it`;

function deviceCause(waiting: Waiting, resource: string): Cause {
  const { nodes } = waiting.evidence.details;
  const asked = askedFor(waiting, resource) || 1;
  const missing = `Remove ${resource} from the resources, or add a node that offers it (with the vendor's device plugin running)`;
  if (nodes === undefined)
    return /offers none/.test(waiting.text)
      ? cause(waiting, "DeviceMissing", {
          message: `it asks for ${asked} ${resource} and this machine offers none`,
          fix: missing,
        })
      : cause(waiting, "DeviceInUse", { message: `it asks for ${asked} ${resource}: ${words(waiting.text)}` });
  const having = nodes.filter((node) => offers(node, resource) > 0);
  if (having.length === 0)
    return cause(waiting, "DeviceMissing", {
      message: `it asks for ${asked} ${resource} and none of the ${nodes.length} node(s) offers any`,
      fix: missing,
    });
  const most = Math.max(...having.map((node) => offers(node, resource)));
  if (most < asked)
    return cause(waiting, "DeviceMissing", {
      message: `it asks for ${asked} ${resource} and no node has more than ${most}`,
      fix: `Ask for at most ${most}, use several nodes (workerSpec), or add a larger node`,
    });
  const taints = taintsIn(waiting.text).filter((taint) =>
    having.some(({ spec }) => spec?.taints?.some(({ key }) => taint.startsWith(key)) === true),
  );
  if (taints.length > 0)
    return cause(waiting, "NodeMismatch", {
      message: `the node(s) with ${resource} have the taint ${taints.map((taint) => `{${taint}}`).join(", ")} that it does not tolerate`,
      fix: tolerationFix(taints),
    });
  const all = having.reduce((sum, node) => sum + offers(node, resource), 0);
  return cause(waiting, "DeviceInUse", {
    message: `it asks for ${asked} ${resource}; all ${all} on ${having.length} node(s) are in use`,
  });
}

function resourceCause(waiting: Waiting, resource: string): Cause {
  const { nodes = [] } = waiting.evidence.details;
  const asked = askedFor(waiting, resource);
  const most = Math.max(0, ...nodes.map((node) => offers(node, resource)));
  const tooLarge = most > 0 && asked > most;
  const about = tooLarge
    ? `it asks for ${inWords(resource, asked)} ${resource} and the largest node has ${inWords(resource, most)}`
    : `${resource} is used up: ${words(waiting.text)}`;
  return cause(waiting, "InsufficientResources", {
    message: about,
    fix: tooLarge
      ? `Lower resources.requests.${resource} below ${inWords(resource, most)}, or add a larger node`
      : `Lower resources.requests.${resource}, free a node or add one`,
  });
}

const inWords = (resource: string, amount: number): string =>
  resource === "memory" || resource === "ephemeral-storage" ? `${Math.ceil(amount / 2 ** 20)}Mi` : `${amount}`;

function volumeCause(waiting: Waiting): Cause | undefined {
  const { text, evidence, pod } = waiting;
  const missing = /persistentvolumeclaim "([^"]+)" not found/.exec(text)?.[1];
  const namespace = pod.metadata?.namespace ?? "default";
  if (missing !== undefined)
    return cause(waiting, "VolumeNotBound", {
      message: `the PersistentVolumeClaim "${missing}" does not exist in namespace ${namespace}`,
      fix: `Create the PersistentVolumeClaim ${missing} in ${namespace}, or correct the pvc:// URI`,
    });
  if (/unbound immediate PersistentVolumeClaims/.test(text)) {
    const unbound = [...(evidence.details.claims ?? [])].filter(([, claim]) => claim?.status?.phase !== "Bound");
    const named = unbound.map(([name, claim]) => {
      const storageClass = claim?.spec?.storageClassName;
      return `"${name}" is ${claim === undefined ? "missing" : (claim.status?.phase ?? "Pending")}${storageClass === undefined ? "" : ` (storage class ${storageClass})`}`;
    });
    const about =
      named.length === 0 ? "a PersistentVolumeClaim is not bound" : `the PersistentVolumeClaim ${named.join(", ")}`;
    return cause(waiting, "VolumeNotBound", { message: about });
  }
  if (/volume node affinity conflict|PersistentVolume|persistentvolumeclaim|volume count/i.test(text))
    return cause(waiting, "VolumeNotBound", { message: words(text) });
  return undefined;
}

function placeCause(waiting: Waiting): Cause | undefined {
  const { text, evidence, pod } = waiting;
  const taints = taintsIn(text);
  if (taints.length > 0) return cause(waiting, "NodeMismatch", { message: words(text), fix: tolerationFix(taints) });
  if (!/didn't match Pod's node affinity|didn't match pod (anti-)?affinity|were unschedulable/i.test(text))
    return undefined;
  const selector = evidence.deployments.find(({ spec }) => spec?.template.metadata?.labels?.["app"] === workloadOf(pod))
    ?.spec?.template.spec?.nodeSelector;
  const asked = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`);
  const about = asked.length === 0 ? "" : ` (nodeSelector ${asked.join(", ")})`;
  return cause(waiting, "NodeMismatch", {
    message: `${words(text)}${about}`,
    fix: /were unschedulable/.test(text)
      ? "Make a node schedulable again: kubectl uncordon NODE"
      : `Correct nodeSelector or affinity of the component, or label a node${asked.length === 0 ? "" : `: kubectl label node NODE ${asked.join(" ")}`}`,
  });
}

function causeFor(waiting: Waiting): Cause {
  const { text } = waiting;
  const short = [...text.matchAll(/Insufficient ([\w./-]+)/g)].map(([, name]) => (name as string).replace(/\.$/, ""));
  const device = short.find((name) => name.includes("/"));
  if (device !== undefined) return deviceCause(waiting, device);
  const volume = volumeCause(waiting);
  if (volume !== undefined) return volume;
  const [resource] = short;
  if (resource !== undefined) return resourceCause(waiting, resource);
  const place = placeCause(waiting);
  if (place !== undefined) return place;
  if (/Too many pods/.test(text)) return cause(waiting, "InsufficientResources", { message: words(text) });
  return cause(waiting, "Unschedulable", { message: words(text) });
}

/** What the scheduler says about a pod; undefined: it has a place, or was not looked at. */
export function schedulingText(pod: Pod): string | undefined {
  const condition = conditionOf(pod.status?.conditions, "PodScheduled");
  return condition?.status === "False" ? condition.message || condition.reason || "Unschedulable" : undefined;
}

export const unscheduledPods: Rule = function* (evidence) {
  for (const pod of evidence.pods) {
    const text = schedulingText(pod);
    if (text !== undefined) yield causeFor({ evidence, pod, text });
  }
};
