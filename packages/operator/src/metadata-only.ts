// SPDX-License-Identifier: Apache-2.0
// Objects without their content: where names, versions and annotations are enough and the objects are large.
import { type Cluster, createCluster, type Transport } from "@serval/kube";

const partial = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`;

/**
 * The same API, asked for metadata only. Lists come whole from the API server's memory, which may be a moment behind:
 * from etcd it would read and decode every object for the sake of its name.
 */
function metadataOnly(transport: Transport): Transport {
  return {
    send: ({ query = {}, ...request }) => {
      if (query["watch"] === "true")
        return transport.send({ ...request, query, accept: partial("PartialObjectMetadata") });
      const { limit: _whole, ...selection } = query;
      const cached = { ...selection, resourceVersion: "0" };
      return transport.send({ ...request, query: cached, accept: partial("PartialObjectMetadataList") });
    },
    close: async () => {},
  };
}

/** For lists and watches. What a list says is to be read again before anything is written because of it. */
export const metadataCluster = ({ transport }: Pick<Cluster, "transport">): Cluster =>
  createCluster(metadataOnly(transport), "serval-operator");
