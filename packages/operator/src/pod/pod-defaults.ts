// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own defaults of a pod, written out as KServe does: what we say is ours, so that someone else's edit of it
// is taken back. Source: KServe raw/deployment reconciler, setDefaultPodSpec.
import type { Container } from "@serval/api";
import { type PodStage, withContainers, withSpec } from "./context.ts";

const withMessageDefaults = (container: Container): Container => ({
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  ...container,
});

export const podDefaults: PodStage = (template) => {
  const { spec } = template;
  return withContainers(
    withSpec(template, {
      dnsPolicy: spec.dnsPolicy ?? "ClusterFirst",
      restartPolicy: spec.restartPolicy ?? "Always",
      terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
      securityContext: spec.securityContext ?? {},
      schedulerName: spec.schedulerName ?? "default-scheduler",
    }),
    withMessageDefaults,
  );
};
