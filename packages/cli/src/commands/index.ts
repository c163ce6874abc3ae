// SPDX-License-Identifier: Apache-2.0
// The table of commands. A command's own file is loaded when it runs, so that help costs nothing. To add one: its file
// here beside the others, and one entry.
import { type Command, homeFlags, type Invocation, type Io, namespaceFlag } from "../command.ts";
import { targetFlags } from "../install/target-flags.ts";
import { operatorFlags } from "./operator-flags.ts";

type Run = (invocation: Invocation, io: Io) => Promise<number>;
const lazy =
  (load: () => Promise<{ run: Run }>): Run =>
  async (invocation, io) =>
    (await load()).run(invocation, io);

const output = (values: string) =>
  ({ type: "string", short: "o", value: "FORMAT", help: `Output: ${values}` }) as const;
const role = { hidden: true, flags: {}, usage: "[FLAGS]", passThrough: true } as const;

export const commandTable: readonly Command[] = [
  {
    name: "up",
    usage: "[--detach] [--data-dir DIR] [--example NAME] [--port N]",
    summary: "Start the embedded home on this machine",
    flags: {
      ...homeFlags,
      detach: { type: "boolean", short: "d", help: "Return once it is ready; it goes on in the background" },
      example: {
        type: "string",
        value: "NAME",
        help: "Apply examples/NAME and send each model a request (quickstart, onnx, transformer)",
      },
      port: { type: "string", value: "N", help: "Port of the gateway (default: 8080, or the one of last time)" },
    },
    run: lazy(() => import("./up.ts")),
  },
  {
    name: "down",
    usage: "[--wipe]",
    summary: "Stop the embedded home and every process of it",
    flags: { ...homeFlags, wipe: { type: "boolean", help: "Also delete its data: objects, models, logs" } },
    run: lazy(() => import("./down.ts")),
  },
  {
    name: "status",
    usage: "[-o json]",
    summary: "Say whether a home runs here and where it answers",
    flags: { ...homeFlags, output: output("json") },
    details: "Exit code 0: ready; 1: running but not ready; 3: none runs.",
    run: lazy(() => import("./status.ts")),
  },
  {
    name: "apply",
    usage: "-f FILE [-f FILE …]",
    summary: "Create or change the objects of YAML or JSON files (- reads stdin)",
    flags: {
      ...homeFlags,
      ...namespaceFlag,
      filename: { type: "string", short: "f", value: "FILE", help: "A file, a folder, or - for stdin" },
    },
    run: lazy(() => import("./apply.ts")),
  },
  {
    name: "get",
    usage: "[KIND] [NAME] [-o json|yaml|wide] [-w]",
    summary: "List InferenceServices (or objects of another kind)",
    flags: {
      ...homeFlags,
      ...namespaceFlag,
      "all-namespaces": { type: "boolean", short: "A", help: "Of every namespace" },
      output: output("json, yaml, wide or name"),
      watch: { type: "boolean", short: "w", help: "Go on printing changes" },
    },
    run: lazy(() => import("./get.ts")),
  },
  {
    name: "describe",
    usage: "NAME",
    summary: "Explain an InferenceService: its objects down to the deepest cause",
    flags: { ...homeFlags, ...namespaceFlag },
    run: lazy(() => import("./describe.ts")),
  },
  {
    name: "doctor",
    usage: "[--home | --context NAME] [-n NS] [-o json]",
    summary: "Find what is wrong with every service and what they depend on",
    flags: {
      ...homeFlags,
      ...namespaceFlag,
      namespace: { ...namespaceFlag.namespace, help: "Services of this namespace only (default: every one)" },
      home: { type: "boolean", help: "Look at the embedded home (the default without --context and --kubeconfig)" },
      context: { type: "string", value: "NAME", help: "Look at the cluster of this kubeconfig context" },
      kubeconfig: { type: "string", value: "FILE", help: "Look at a cluster (default with --context: KUBECONFIG)" },
      output: output("json"),
    },
    details: "Exit code 0: healthy (there may be advice); 1: problems were found.",
    run: lazy(() => import("./doctor.ts")),
  },
  {
    name: "migrate",
    usage: "kserve [--plan | --apply | --back] [--timeout SECONDS] [-o json]",
    summary: "Take over a cluster from KServe, or give it back, without a pod replaced",
    flags: {
      plan: { type: "boolean", help: "Say what would change, object by object (the default)" },
      apply: { type: "boolean", help: "KServe stops, Serval leads" },
      back: { type: "boolean", help: "Serval stops, KServe leads again" },
      timeout: { type: "string", value: "SECONDS", help: "For each step that is waited for (default: 300)" },
      kubeconfig: { type: "string", value: "FILE", help: "The cluster (default: KUBECONFIG, else ~/.kube/config)" },
      context: { type: "string", value: "NAME", help: "The cluster of this kubeconfig context" },
      output: output("json"),
    },
    details: "Exit code 0: done, or nothing stands in the way; 1: refused or failed. Interrupted, it is run again.",
    run: lazy(() => import("./migrate.ts")),
  },
  {
    name: "logs",
    usage: "NAME [-f] [--previous]",
    summary: "Print the logs of an InferenceService's pods",
    flags: {
      ...homeFlags,
      ...namespaceFlag,
      follow: { type: "boolean", short: "f", help: "Go on printing as they are written" },
      previous: { type: "boolean", short: "p", help: "Of the start before the last" },
      container: { type: "string", short: "c", value: "NAME", help: "Container (default: every one)" },
      tail: { type: "string", value: "N", help: "Only the last N lines" },
    },
    run: lazy(() => import("./logs.ts")),
  },
  {
    name: "predict",
    usage: "NAME -d @FILE|JSON",
    summary: "Send a request to a model and print its answer",
    flags: {
      ...homeFlags,
      ...namespaceFlag,
      data: {
        type: "string",
        short: "d",
        value: "@FILE|JSON",
        help: 'The body: "instances" goes to v1, "inputs" to v2, "messages" to chat',
      },
    },
    details: "Example:\n  serval predict iris -d '{\"instances\": [[6.8, 2.8, 4.8, 1.4]]}'",
    run: lazy(() => import("./predict.ts")),
  },
  {
    name: "delete",
    usage: "[KIND] NAME | -f FILE",
    summary: "Delete an InferenceService (or another object)",
    flags: {
      ...homeFlags,
      ...namespaceFlag,
      filename: { type: "string", short: "f", value: "FILE", help: "Delete the objects of a file" },
    },
    run: lazy(() => import("./delete.ts")),
  },
  {
    name: "install",
    usage: "[--no-gateway] [--repository R] [--dry-run]",
    summary: "Install Serval on the current Kubernetes cluster",
    flags: {
      ...targetFlags,
      "no-gateway": { type: "boolean", help: "Without serval gateway: another Gateway API implementation routes" },
      repository: { type: "string", value: "R", help: "Registry and path of the images (default: serval)" },
      "dry-run": { type: "boolean", help: "Print the objects as YAML and change nothing" },
    },
    details: "The same objects as deploy/serval.yaml. Run it again to upgrade.",
    run: lazy(() => import("./install.ts")),
  },
  {
    name: "uninstall",
    usage: "[--purge [--yes]]",
    summary: "Remove Serval from the current Kubernetes cluster; services and models stay",
    flags: {
      ...targetFlags,
      purge: { type: "boolean", help: "Also delete every service, the kinds and the configuration (asks first)" },
      yes: { type: "boolean", help: "Do not ask" },
    },
    run: lazy(() => import("./uninstall.ts")),
  },
  {
    name: "schema",
    usage: "[KIND]",
    summary: "Print the JSON Schema of a kind, for editors; without KIND, the kinds",
    flags: {},
    details: "Example: serval schema isvc > isvc.json, then in the YAML: # yaml-language-server: $schema=isvc.json",
    run: lazy(() => import("./schema.ts")),
  },
  { name: "version", usage: "", summary: "Print the version", flags: {}, run: lazy(() => import("./version.ts")) },
  {
    ...role,
    name: "serve",
    summary: "Serve models (the model server)",
    hidden: false,
    run: lazy(() => import("./serve.ts")),
  },
  {
    ...role,
    name: "fetch",
    usage: "URI DIR [URI DIR …]",
    summary: "Fetch models (the storage initializer)",
    hidden: false,
    run: lazy(() => import("./fetch.ts")),
  },
  {
    ...role,
    name: "operator",
    summary: "Run the operator on a cluster",
    flags: operatorFlags,
    hidden: false,
    run: lazy(() => import("./operator.ts")),
  },
  { ...role, name: "gateway", summary: "Run the gateway", hidden: false, run: lazy(() => import("./gateway.ts")) },
  {
    ...role,
    name: "control-plane",
    summary: "Run the embedded control plane (started by up)",
    run: lazy(() => import("./control-plane.ts")),
  },
];
