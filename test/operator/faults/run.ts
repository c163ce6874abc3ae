// SPDX-License-Identifier: Apache-2.0
// Plays stories in namespaces of their own, beside each other, and compares where they come to rest.
import { inferenceGraphs, inferenceServices, type KubeObject, resources, trainedModels } from "@serval/api";
import type { ApiRequest, Transport } from "@serval/kube";
import type { Operator } from "@serval/operator";
import { type FaultHome, namespaceOfPath } from "./home.ts";
import { difference, snapshot } from "./snapshot.ts";
import type { Story } from "./stories.ts";

/** One operator call about a namespace. */
export interface Call {
  readonly namespace: string;
  /** From 1, within the namespace. */
  readonly number: number;
  readonly request: ApiRequest;
}

export interface CallLog {
  /** Calls about this namespace, in words. */
  of(namespace: string): readonly string[];
  through(
    inner: Transport,
    onCall?: (call: Call, next: () => ReturnType<Transport["send"]>) => ReturnType<Transport["send"]>,
  ): Transport;
}

/** Counts what the operator asks and writes about single namespaces; events about objects are left out. */
export function createCallLog(): CallLog {
  const calls = new Map<string, string[]>();
  return {
    of: (namespace) => calls.get(namespace) ?? [],
    through: (inner, onCall = (_call, next) => next()) => ({
      send(request) {
        const namespace = namespaceOfPath(request.path);
        if (namespace === undefined || request.query?.["watch"] === "true" || request.path.includes("/events"))
          return inner.send(request);
        const list = calls.get(namespace) ?? [];
        calls.set(namespace, list);
        list.push(`${request.method} ${request.path.split(`/${namespace}/`)[1]}`);
        return onCall({ namespace, number: list.length, request }, () => inner.send(request));
      },
      close: () => inner.close(),
    }),
  };
}

const now = (): number => performance.now();

/** Changes come in bursts. */
const lookEveryMs = 40;

/** Resolves once `test` gives something; looks after changes of the namespace. Undefined: it never did. */
function until<T>(
  home: FaultHome,
  { namespace, ms }: { namespace: string; ms: number },
  test: () => T | undefined,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let next: NodeJS.Timeout | undefined;
    const end = (value: T | undefined): void => {
      forget();
      clearTimeout(deadline);
      clearTimeout(next);
      resolve(value);
    };
    const look = (): void => {
      next = undefined;
      const value = test();
      if (value !== undefined) end(value);
    };
    const forget = home.onChange(namespace, () => {
      next ??= setTimeout(look, lookEveryMs);
    });
    const deadline = setTimeout(() => end(undefined), ms);
    look();
  });
}

const restMs = 700;
const startMs = 30_000;

/** Resolves with the state once nothing of the namespace has changed for `ms` and nothing is about to. */
async function atRest(home: FaultHome, namespace: string, isSettled = (): boolean => true): Promise<string> {
  for (let before = snapshot(home.informers, namespace); ; ) {
    const changed = await until(home, { namespace, ms: restMs }, () => {
      const after = snapshot(home.informers, namespace);
      return after === before ? undefined : after;
    });
    if (changed === undefined && isSettled()) return before;
    before = changed ?? before;
  }
}

const readyTypes = new Set([inferenceServices.kind, inferenceGraphs.kind, trainedModels.kind]);
interface WithConditions extends KubeObject {
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] };
}
const readyIn = (home: FaultHome, namespace: string): string =>
  home.informers
    .flatMap((informer) => (readyTypes.has(informer.type.kind) ? informer.list(namespace) : []))
    .filter(({ status }: WithConditions) => status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"))
    .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    .toSorted()
    .join(" ");

async function makeNamespace(home: FaultHome, name: string): Promise<void> {
  await home.cluster.create(resources.namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
}

/** The state after each step, and how many calls the operator had made by then. */
export interface Reference {
  readonly story: Story;
  readonly states: readonly string[];
  readonly calls: readonly string[];
}

/** Undisturbed. @throws when a step does not end as it is meant to. */
export async function playReference(
  home: FaultHome,
  log: CallLog,
  { story, namespace, operator }: { story: Story; namespace: string; operator: Operator },
): Promise<Reference> {
  await makeNamespace(home, namespace);
  const states: string[] = [];
  for (const { what, act, ready } of story.steps) {
    await act(home.cluster, namespace);
    const wanted = [...ready].toSorted().join(" ");
    const isDone = await until(home, { namespace, ms: startMs }, () =>
      readyIn(home, namespace) === wanted ? true : undefined,
    );
    if (isDone === undefined)
      throw new Error(
        `${story.name}, ${what}: ready are [${readyIn(home, namespace)}]\n${snapshot(home.informers, namespace)}`,
      );
    states.push(await atRest(home, namespace, () => operator.settling() === 0));
  }
  return { story, states, calls: [...log.of(namespace)] };
}

export interface Played {
  readonly problems: readonly string[];
  readonly calls: readonly string[];
  readonly ms: number;
}

/** The same story under a fault: every step must come to rest in the same state as the undisturbed run. */
export async function playDisturbed(
  home: FaultHome,
  log: CallLog,
  { reference, namespace, deadlineMs = 25_000 }: { reference: Reference; namespace: string; deadlineMs?: number },
): Promise<Played> {
  const startedAt = now();
  const problems: string[] = [];
  await makeNamespace(home, namespace);
  for (const [index, { what, act }] of reference.story.steps.entries()) {
    await act(home.cluster, namespace);
    const wanted = reference.states[index] ?? "";
    const isLast = index === reference.story.steps.length - 1;
    const isSame = (): true | undefined => (snapshot(home.informers, namespace) === wanted ? true : undefined);
    const reached = await until(home, { namespace, ms: deadlineMs }, isSame);
    if (reached === true && isLast) await atRest(home, namespace);
    if (isSame() === undefined && (isLast || reached === undefined)) {
      problems.push(...difference(wanted, snapshot(home.informers, namespace)).map((line) => `${what}: ${line}`));
      break;
    }
  }
  return { problems, calls: log.of(namespace), ms: now() - startedAt };
}
