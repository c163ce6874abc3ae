// SPDX-License-Identifier: Apache-2.0
// The cluster suite on a real kube-apiserver with etcd.
import { clusterSuite } from "@serval/kube/cluster.suite.ts";
import { findAssets, startRealApiServer } from "./kube-apiserver.ts";

const assets = await findAssets();
const skip = assets.startsWith("skip:") ? { skip: assets.slice(6) } : {};

clusterSuite("a real kube-apiserver", () => startRealApiServer(assets), skip);
