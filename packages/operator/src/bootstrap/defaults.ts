// SPDX-License-Identifier: Apache-2.0
// What a cluster is given besides the kinds, so that the first InferenceService works: configuration, who fetches models,
// a Gateway. Pure.
import {
  type ClusterStorageContainer,
  type ConfigMap,
  defaultConfigMap,
  type Gateway,
  type GatewayClass,
  type Images,
  kserveNamespace,
  type Namespace,
} from "@serval/api";

/** The seed's contract, and where users of KServe look for configuration. */
export const kserveNamespaceObject: Namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: kserveNamespace },
};

export const clusterConfigMap = (images: Images): ConfigMap =>
  defaultConfigMap({ home: "cluster", storageInitializerImage: images.storageInitializer });

/**
 * KServe's own, for the stores that need credentials and its libraries; `http(s)://`, which ours reads, stays with the
 * configuration's image.
 */
export const defaultStorageContainer: ClusterStorageContainer = {
  apiVersion: "serving.kserve.io/v1alpha1",
  kind: "ClusterStorageContainer",
  metadata: { name: "default" },
  spec: {
    container: {
      name: "storage-initializer",
      image: "kserve/storage-initializer:v0.20.0",
      imagePullPolicy: "IfNotPresent",
      resources: { requests: { cpu: "100m", memory: "100Mi" }, limits: { cpu: "1", memory: "1Gi" } },
    },
    supportedUriFormats: [
      ...["gs://", "s3://", "hdfs://", "webhdfs://", "hf://", "modelscope://"].map((prefix) => ({ prefix })),
      { regex: "https://(.+?).blob.core.windows.net/(.+)" },
      { regex: "https://(.+?).file.core.windows.net/(.+)" },
    ],
    supportsMultiModelDownload: true,
    workloadType: "initContainer",
  },
};

const gatewayApi = "gateway.networking.k8s.io/v1";

export const gatewayClassObject: GatewayClass = {
  apiVersion: gatewayApi,
  kind: "GatewayClass",
  metadata: { name: "serval" },
  spec: { controllerName: "serval.dev/gateway" },
};

/** The one that the configuration names. */
export const gatewayObject: Gateway = {
  apiVersion: gatewayApi,
  kind: "Gateway",
  metadata: { name: "kserve-ingress-gateway", namespace: kserveNamespace },
  spec: {
    gatewayClassName: "serval",
    listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }],
  },
};
