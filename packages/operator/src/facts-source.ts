// SPDX-License-Identifier: Apache-2.0
// Where the facts that pods depend on come from: service accounts and storage containers are watched, and a named account
// that is not known yet is asked for; of secrets only those that a service refers to are read, and kept for half a
// minute; the server's version is asked for once. A service that refers to no secret costs no call at all.
import {
  type ClusterStorageContainer,
  clusterStorageContainers,
  type InferenceService,
  type Key,
  type KubeObject,
  keyOf,
  namespaceOf,
  resources,
  roles,
  type ServiceAccount,
  type ServingConfig,
} from "@serval/api";
import { type Change, type Cluster, createInformer, type Informer, isTransient } from "@serval/kube";
import { irsaAnnotation } from "./pod/credentials/index.ts";
import type { PodFacts } from "./pod/facts.ts";
import { referencedSecrets } from "./pod/referenced-secrets.ts";
import { createSecretReader, type Read } from "./secret-reader.ts";

export interface FactsSource {
  readonly informers: readonly Informer<KubeObject>[];
  /** @throws ApiError when the API server is briefly away; a refused secret is thrown only to the stage that needs it. */
  of(isvc: InferenceService, config: ServingConfig): Promise<PodFacts>;
  /** Services whose pods may look different after a change of what is watched here. */
  concerned(change: Change<KubeObject>, services: readonly InferenceService[]): Key[];
}

export interface FactsOptions {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
}

const s3Prefix = "serving.kserve.io/s3-";

/** Only annotations that stages read. */
function slimAccount(account: ServiceAccount): ServiceAccount {
  const { name, namespace, uid, resourceVersion, annotations = {} } = account.metadata;
  const kept = Object.entries(annotations).filter(([key]) => key === irsaAnnotation || key.startsWith(s3Prefix));
  return {
    apiVersion: account.apiVersion,
    kind: account.kind,
    metadata: { name, namespace, uid, resourceVersion, annotations: Object.fromEntries(kept) },
    ...(account.secrets === undefined ? {} : { secrets: account.secrets }),
  };
}

const slimContainer = (object: ClusterStorageContainer): ClusterStorageContainer => {
  const { managedFields: _fields, ...metadata } = object.metadata;
  return { ...object, metadata };
};

/** The version is asked for until it is known, and never again. */
function createVersion({ cluster, onError }: FactsOptions): () => Promise<number | undefined> {
  let known: Promise<number | undefined> | undefined;
  const ask = async (): Promise<number | undefined> => {
    const { body } = await cluster.transport.send({ method: "GET", path: "/version" });
    // Some providers say "34+".
    const minor = Number.parseInt(String((body as { minor?: unknown } | undefined)?.minor), 10);
    return Number.isNaN(minor) ? undefined : minor;
  };
  return () => {
    known ??= ask().catch((error: unknown) => {
      known = undefined;
      onError(error);
      return undefined;
    });
    return known;
  };
}

const componentsOf = (isvc: InferenceService) => [
  ...roles.map((role) => isvc.spec[role]),
  ...(isvc.spec.canary ?? []).map(({ predictor }) => predictor),
];

/** Those that the service itself names. */
const namedAccounts = (isvc: InferenceService): string[] => [
  ...new Set(componentsOf(isvc).flatMap((component) => component?.serviceAccountName || [])),
];

/** undefined: it does not exist, or we may only watch. @throws ApiError when the API server is briefly away. */
const askFor = (cluster: Cluster, key: Key): Promise<ServiceAccount | undefined> =>
  cluster.get(resources.serviceAccounts, key).catch((error: unknown) => {
    if (isTransient(error)) throw error;
    return undefined;
  });

const accountsOf = (isvc: InferenceService): Set<string> =>
  new Set(
    componentsOf(isvc).flatMap((component) =>
      component === undefined
        ? []
        : [component.serviceAccountName || "default", component.logger?.storage?.serviceAccountName || "logger-sa"],
    ),
  );

function concerned({ object }: Change<KubeObject>, services: readonly InferenceService[]): Key[] {
  const { name = "", namespace } = object.metadata;
  // A storage container may fit any service; an unchanged pod costs no call.
  if (namespace === undefined) return services.map(keyOf);
  return services.filter((isvc) => namespaceOf(isvc) === namespace && accountsOf(isvc).has(name)).map(keyOf);
}

export function createFactsSource(options: FactsOptions): FactsSource {
  const { cluster, signal, onError } = options;
  const accounts = createInformer(cluster, resources.serviceAccounts, { signal, onError, transform: slimAccount });
  const containers = createInformer(cluster, clusterStorageContainers, { signal, onError, transform: slimContainer });
  const secrets = createSecretReader(cluster);
  const minor = createVersion(options);
  const inOrder = (): ClusterStorageContainer[] =>
    containers.list().toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  return {
    informers: [accounts, containers] as unknown as readonly Informer<KubeObject>[],
    concerned,
    of: async (isvc, config) => {
      const namespace = namespaceOf(isvc);
      // Made just before the service, and the watch is behind: a pod without its credentials would be replaced at once.
      const late = new Map<string, ServiceAccount>();
      for (const name of namedAccounts(isvc).filter((each) => accounts.get({ namespace, name: each }) === undefined)) {
        const account = await askFor(cluster, { namespace, name });
        if (account !== undefined) late.set(name, account);
      }
      const accountOf = (name: string): ServiceAccount | undefined =>
        accounts.get({ namespace, name }) ?? late.get(name);
      const reads = new Map<string, Read>();
      await Promise.all(
        referencedSecrets(isvc, config, accountOf).map(async (name) =>
          reads.set(name, await secrets.get({ namespace, name })),
        ),
      );
      return {
        serviceAccount: accountOf,
        secret: (name) => {
          const read = reads.get(name);
          if (read !== undefined && "refusal" in read) throw read.refusal;
          return read?.secret;
        },
        storageContainers: inOrder(),
        kubernetesMinor: await minor(),
      };
    },
  };
}
