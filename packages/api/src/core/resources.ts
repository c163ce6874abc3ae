// SPDX-License-Identifier: Apache-2.0
// The resource types of Kubernetes' own kinds that Serval reads or writes. One line each.
import type { Gateway, GatewayClass, HTTPRoute } from "./gateway-api.gen.ts";
import type * as k from "./kubernetes.gen.ts";
import type { AnyObject, KubeObject, ResourceType } from "./object.ts";

const core = <T extends KubeObject>(kind: string, plural: string, namespaced = true): ResourceType<T> => ({
  group: "",
  version: "v1",
  kind,
  plural,
  namespaced,
});
const named = <T extends KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  namespaced = true,
): ResourceType<T> => {
  const [group, version] = apiVersion.split("/") as [string, string];
  return { group, version, kind, plural, namespaced };
};

export const namespaces = core<k.Namespace>("Namespace", "namespaces", false);
export const configMaps = core<k.ConfigMap>("ConfigMap", "configmaps");
export const secrets = core<k.Secret>("Secret", "secrets");
export const serviceAccounts = core<k.ServiceAccount>("ServiceAccount", "serviceaccounts");
export const services = core<k.Service>("Service", "services");
export const pods = core<k.Pod>("Pod", "pods");
export const persistentVolumes = core<k.PersistentVolume>("PersistentVolume", "persistentvolumes", false);
export const persistentVolumeClaims = core<k.PersistentVolumeClaim>("PersistentVolumeClaim", "persistentvolumeclaims");
export const coreEvents = core<k.Event>("Event", "events");
export const nodes = core<k.Node>("Node", "nodes", false);
export const resourceQuotas = core<k.ResourceQuota>("ResourceQuota", "resourcequotas");
export const endpointSlices = named<k.EndpointSlice>("discovery.k8s.io/v1", "EndpointSlice", "endpointslices");
export const events = named<k.EventsEvent>("events.k8s.io/v1", "Event", "events");
export const deployments = named<k.Deployment>("apps/v1", "Deployment", "deployments");
export const replicaSets = named<k.ReplicaSet>("apps/v1", "ReplicaSet", "replicasets");
export const horizontalPodAutoscalers = named<k.HorizontalPodAutoscaler>(
  "autoscaling/v2",
  "HorizontalPodAutoscaler",
  "horizontalpodautoscalers",
);
export const leases = named<k.Lease>("coordination.k8s.io/v1", "Lease", "leases");
export const clusterRoles = named<AnyObject>("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false);
export const ingresses = named<k.Ingress>("networking.k8s.io/v1", "Ingress", "ingresses");
export const customResourceDefinitions = named<k.CustomResourceDefinition>(
  "apiextensions.k8s.io/v1",
  "CustomResourceDefinition",
  "customresourcedefinitions",
  false,
);
export const gatewayClasses = named<GatewayClass>(
  "gateway.networking.k8s.io/v1",
  "GatewayClass",
  "gatewayclasses",
  false,
);
export const gateways = named<Gateway>("gateway.networking.k8s.io/v1", "Gateway", "gateways");
export const httpRoutes = named<HTTPRoute>("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes");
/** KEDA's and OpenTelemetry's kinds: written when their CRDs are there, never read field by field. */
export const scaledObjects = named<AnyObject>("keda.sh/v1alpha1", "ScaledObject", "scaledobjects");
export const openTelemetryCollectors = named<AnyObject>(
  "opentelemetry.io/v1beta1",
  "OpenTelemetryCollector",
  "opentelemetrycollectors",
);
