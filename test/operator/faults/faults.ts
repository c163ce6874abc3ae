// SPDX-License-Identifier: Apache-2.0
// What can go wrong at one call of the operator, as data: faults of the call itself, and faults of the world at that
// moment.
import type { ApiRequest, ApiResponse, Transport } from "@serval/kube";
import type { FaultHome, RunningOperator } from "./home.ts";
import type { Call, CallLog } from "./run.ts";

type Next = () => Promise<ApiResponse>;

const networkError = (code: string): Error => Object.assign(new Error(`read ${code}`), { code });

const refusal = (code: number, reason: string, details: object = {}): ApiResponse => ({
  status: code,
  body: { apiVersion: "v1", kind: "Status", status: "Failure", code, reason, message: `injected ${reason}`, details },
});

/** Faults of one call; the operator lives on. */
export const callFaults: Readonly<Record<string, (next: Next, request: ApiRequest) => Promise<ApiResponse>>> = {
  "the connection breaks before the request": () => Promise.reject(networkError("ECONNRESET")),
  "the answer is lost": (next) => next().then(() => Promise.reject(networkError("ECONNRESET"))),
  "409 Conflict": async () => refusal(409, "Conflict"),
  "429 with Retry-After": async () => refusal(429, "TooManyRequests", { retryAfterSeconds: 1 }),
  "500 InternalError": async () => refusal(500, "InternalError"),
  "403 Forbidden": async () => refusal(403, "Forbidden"),
};

type Cut = "end" | "error" | "expired" | "stall";

/** How long a watch is silent until the connection is given up. */
const stallMs = 300;

export interface Watches {
  through(inner: Transport): Transport;
  cut(how: Cut): void;
}

/** Every watch of one operator, to be cut at once. */
export function createWatches(): Watches {
  let cutting = Promise.withResolvers<Cut>();
  let refuse = 0;
  async function* cuttable(events: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    const iterator = events[Symbol.asyncIterator]();
    const end = cutting.promise;
    for (;;) {
      const pending = iterator.next();
      pending.catch(() => {});
      const won = await Promise.race([pending, end]);
      if (typeof won === "string") {
        if (won === "error") throw networkError("ECONNRESET");
        if (won === "expired") yield { type: "ERROR", object: refusal(410, "Expired").body };
        if (won === "stall") {
          await new Promise((resolve) => setTimeout(resolve, stallMs));
          throw networkError("UND_ERR_BODY_TIMEOUT");
        }
        return;
      }
      if (won.done === true) return;
      yield won.value;
    }
  }
  return {
    through: (inner) => ({
      async send(request) {
        if (request.query?.["watch"] !== "true") return inner.send(request);
        if (refuse > 0) {
          refuse -= 1;
          return refusal(410, "Expired");
        }
        const response = await inner.send(request);
        return response.events === undefined ? response : { ...response, events: cuttable(response.events) };
      },
      close: () => inner.close(),
    }),
    cut(how) {
      // After 410 in the stream, the next ones refuse to begin, as after a compaction.
      if (how === "expired") refuse = 5;
      const { resolve } = cutting;
      cutting = Promise.withResolvers<Cut>();
      resolve(how);
    },
  };
}

/** A world in which something happens at chosen calls of the operator. */
export interface Disturber {
  /** Starts the operator (or several). `isDue`: whether the fault happens at this call. */
  start(home: FaultHome, log: CallLog, isDue: (call: Call) => boolean): Promise<void>;
}

const never = new Promise<never>(() => {});

const watchCut = (how: Cut): Disturber => ({
  async start(home, log, isDue) {
    const watches = createWatches();
    await home.start((transport) =>
      log.through(watches.through(transport), async (call, next) => {
        if (!isDue(call)) return next();
        const response = await next();
        watches.cut(how);
        return response;
      }),
    );
  },
});

/** @param before the request is sent, else after it was answered. */
const killed = (before: boolean): Disturber => ({
  async start(home, log, isDue) {
    const launch = async (): Promise<void> => {
      let isKilled = false;
      await home.start((transport, kill) =>
        log.through(transport, async (call, next) => {
          if (!isDue(call)) return next();
          if (!before) await next();
          if (!isKilled) void launch();
          isKilled = true;
          kill();
          return never;
        }),
      );
    };
    await launch();
  },
});

const clockJump = (ms: number): Disturber => ({
  async start(home, log, isDue) {
    let offset = 0;
    const through = (transport: Transport): Transport =>
      log.through(transport, (call, next) => {
        if (isDue(call)) offset += ms;
        return next();
      });
    await home.start(through, { now: () => new Date(Date.now() + offset) });
  },
});

const serverRestart: Disturber = {
  async start(home, log, isDue) {
    await home.start((transport) =>
      log.through(transport, async (call, next) => {
        if (!isDue(call)) return next();
        const response = await next();
        void home.restartServer();
        return response;
      }),
    );
  },
};

const election = { leaseMs: 600, renewDeadlineMs: 300, retryMs: 60 };

/** The leader cannot renew its lease any more, another operator takes over, a third one waits. */
const leaderLost: Disturber = {
  async start(home, log, isDue) {
    let number = 0;
    const candidate = async (): Promise<void> => {
      let isCutOff = false;
      number += 1;
      const leaderElection = { identity: `operator-${number}`, ...election };
      const self = await home.start(
        (transport) => {
          const counted = log.through(transport, (call, next) => {
            if (isDue(call)) isCutOff = true;
            return next();
          });
          const send: Transport["send"] = (request) =>
            isCutOff && request.path.includes("/leases/")
              ? Promise.reject(networkError("ECONNRESET"))
              : counted.send(request);
          return { send, close: () => counted.close() };
        },
        { leaderElection },
      );
      void self.operator.stopped.then(() => (isCutOff ? candidate() : undefined));
    };
    await candidate();
    await candidate();
  },
};

const besideMs = 400;

/** A second operator without election acts beside the first one for a moment. */
const twoOperators: Disturber = {
  async start(home, log, isDue) {
    let hasSecond = false;
    const second = async (): Promise<void> => {
      const operator = await launch();
      await new Promise((resolve) => setTimeout(resolve, besideMs));
      await operator.stop();
      hasSecond = false;
    };
    const launch = (): Promise<RunningOperator> =>
      home.start((transport) =>
        log.through(transport, (call, next) => {
          if (isDue(call) && !hasSecond) {
            hasSecond = true;
            void second();
          }
          return next();
        }),
      );
    await launch();
  },
};

const hourMs = 3_600_000;

export const disturbers: Readonly<Record<string, Disturber>> = {
  "every watch ends": watchCut("end"),
  "every watch breaks": watchCut("error"),
  "every watch is silent": watchCut("stall"),
  "every watch has expired (410)": watchCut("expired"),
  "the operator is killed before the call": killed(true),
  "the operator is killed after the call": killed(false),
  "the clock jumps an hour ahead": clockJump(hourMs),
  "the clock jumps an hour back": clockJump(-hourMs),
  "the API server restarts": serverRestart,
  "leadership is lost": leaderLost,
  "two operators act": twoOperators,
};
