// SPDX-License-Identifier: Apache-2.0
// What the predictor's pods say about its model. Pure. Source: KServe PropagateModelStatus.
import { type ContainerStatus, containerNames, type ModelStatus, type Pod } from "@serval/api";

type State = NonNullable<ModelStatus["states"]>["targetModelState"];
type FailureInfo = NonNullable<ModelStatus["lastFailureInfo"]>;

const isReady = ({ status }: Pod): boolean =>
  status?.phase === "Running" &&
  status.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;

/** Newest first, then by name. */
export const newestFirst = (pods: readonly Pod[]): Pod[] =>
  pods.toSorted((a, b) => {
    const [x, y] = [a.metadata?.creationTimestamp ?? "", b.metadata?.creationTimestamp ?? ""];
    if (x !== y) return x < y ? 1 : -1;
    return (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1;
  });

type Terminated = NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>;

/** How the container failed: now, or before the restart that it waits for. */
function failedEnd(status: ContainerStatus | undefined): Terminated | undefined {
  const { terminated, waiting } = status?.state ?? {};
  if (terminated !== undefined) return terminated.exitCode === 0 ? undefined : terminated;
  return waiting?.reason === "CrashLoopBackOff" ? status?.lastState?.terminated : undefined;
}

const failure = ({ message, exitCode }: Terminated): FailureInfo => ({
  reason: "ModelLoadFailed",
  ...(message === undefined || message === "" ? {} : { message }),
  exitCode,
});

interface Judgement {
  readonly state: State;
  readonly failure?: FailureInfo;
}

function judge(pods: readonly Pod[], isServiceReady: boolean): Judgement {
  const [newest] = newestFirst(pods);
  if (newest === undefined) return { state: "Pending" };
  const initializer = newest.status?.initContainerStatuses?.find(
    ({ name }) => name === containerNames.storageInitializer,
  );
  const initEnd = failedEnd(initializer);
  if (initEnd !== undefined) return { state: "FailedToLoad", failure: failure(initEnd) };
  if (initializer?.state?.running !== undefined) return { state: "Loading" };
  if (isServiceReady) return { state: "Loaded" };
  const server = newest.status?.containerStatuses?.find(({ name }) => name === containerNames.model);
  const end = failedEnd(server);
  return end === undefined ? { state: "Pending" } : { state: "FailedToLoad", failure: failure(end) };
}

const transitions: Readonly<Record<string, ModelStatus["transitionStatus"]>> = {
  Pending: "InProgress",
  Loading: "InProgress",
  Loaded: "UpToDate",
  FailedToLoad: "BlockedByFailedLoad",
};

/** KServe never clears `lastFailureInfo`; a loaded model has none. */
export function modelStatusOf(
  pods: readonly Pod[],
  isServiceReady: boolean,
  previous: ModelStatus | undefined,
): ModelStatus {
  const { state = "Pending", failure: info } = judge(pods, isServiceReady);
  const totalCopies = pods.filter(isReady).length;
  const active = state === "Loaded" ? "Loaded" : (previous?.states?.activeModelState ?? "");
  const lastFailureInfo = state === "Loaded" ? undefined : (info ?? previous?.lastFailureInfo);
  return {
    transitionStatus: transitions[state] ?? "InProgress",
    states: { activeModelState: active, targetModelState: state },
    ...(lastFailureInfo === undefined ? {} : { lastFailureInfo }),
    copies: { failedCopies: 0, ...(totalCopies === 0 ? {} : { totalCopies }) },
  };
}
