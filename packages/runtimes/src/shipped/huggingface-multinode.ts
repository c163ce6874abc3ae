// SPDX-License-Identifier: Apache-2.0
// A Hugging Face model over several nodes: a Ray head that serves, and workers that join it. The image brings
// health_check.py, whose verbs are KServe's; the scripts are Serval's own.
import { type Json, kserveImage, type RuntimeDescriptor } from "../descriptor.ts";

const image = kserveImage("huggingfaceserver", "-gpu");
const health = "python ./huggingfaceserver/health_check.py";
const requests = { cpu: "2", memory: "6Gi" };
const limits = { cpu: "4", memory: "12Gi" };
const volumeMounts = [{ name: "shm", mountPath: "/dev/shm" }];
const volumes = [{ name: "shm", emptyDir: { medium: "Memory", sizeLimit: "3Gi" } }];
const fromField = (name: string, fieldPath: string): Json => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** What follows the script are its arguments `$0 $@`: the container's args. */
const headScript = `set -u
model_dir="\${MODEL_DIR:-\${MODEL_ID:-}}"
export RAY_ADDRESS="\${POD_IP}:\${RAY_PORT}"
ray start --head --disable-usage-stats --include-dashboard false
${health} registered_nodes --retries 200 --probe_name runtime_start
exec python -m huggingfaceserver \${model_dir:+--model_dir="\${model_dir}"} \\
  --tensor-parallel-size="\${TENSOR_PARALLEL_SIZE}" --pipeline-parallel-size="\${PIPELINE_PARALLEL_SIZE}" "$0" "$@"
`;

const head = "${HEAD_SVC}.${POD_NAMESPACE}.svc.cluster.local";

/** Silent for the first four minutes: a head that loads its image is no news. */
const workerScript = `head="${head}:6379"
until ray health-check --address "$head" > /tmp/ray-health 2>&1; do
  if [ "$SECONDS" -gt 240 ]; then
    echo "no Ray head at $head after $SECONDS s:"
    cat /tmp/ray-health
  fi
  sleep 5
done
echo "joining the Ray head at $head"
exec ray start --address="$head" --block
`;

const check = (script: string, timing: Json): Json => ({
  exec: { command: ["bash", "-c", script] },
  successThreshold: 1,
  ...timing,
});
const alive: Json = { failureThreshold: 2, periodSeconds: 5, timeoutSeconds: 15 };
const starting: Json = { failureThreshold: 40, initialDelaySeconds: 60, periodSeconds: 30, timeoutSeconds: 30 };
const headCheck = (verb: string, probe: string): string =>
  `${health} ${verb} --health_check_url http://localhost:8080 --probe_name ${probe}\n`;

const worker: Json = {
  name: "worker-container",
  image,
  command: ["bash", "-c", workerScript],
  env: [fromField("POD_NAME", "metadata.name"), fromField("POD_NAMESPACE", "metadata.namespace")],
  resources: { requests, limits },
  volumeMounts,
  livenessProbe: check(
    `export RAY_ADDRESS=${head}:6379\n${health} registered_nodes --probe_name worker_liveness\n`,
    alive,
  ),
  startupProbe: check(
    `export RAY_HEAD_NODE=${head}\nexport RAY_ADDRESS=\${RAY_HEAD_NODE}:6379\n${health} registered_node_and_runtime_models --runtime_url http://\${RAY_HEAD_NODE}:8080/v1/models --probe_name worker_startup\n`,
    starting,
  ),
};

export const huggingfaceMultinode: RuntimeDescriptor = {
  name: "kserve-huggingfaceserver-multinode",
  serverType: "huggingfaceserver",
  formats: [{ name: "huggingface", version: "1", autoSelect: true, priority: 2 }],
  protocols: ["v2", "v1"],
  image,
  command: ["bash", "-c", headScript],
  args: ["--model_name={{.Name}}"],
  requests,
  limits,
  securityContext: "none",
  container: {
    env: [
      { name: "RAY_PORT", value: "6379" },
      fromField("POD_NAMESPACE", "metadata.namespace"),
      fromField("POD_IP", "status.podIP"),
      { name: "VLLM_CONFIG_ROOT", value: "/tmp" },
      { name: "HF_HUB_CACHE", value: "/tmp" },
    ],
    volumeMounts,
    livenessProbe: check(headCheck("registered_node_and_runtime_health", "head_liveness"), alive),
    readinessProbe: check(headCheck("runtime_health", "head_readiness"), alive),
    startupProbe: check(headCheck("registered_node_and_runtime_health", "head_startup"), starting),
  },
  spec: { volumes, workerSpec: { pipelineParallelSize: 1, tensorParallelSize: 1, containers: [worker], volumes } },
};
