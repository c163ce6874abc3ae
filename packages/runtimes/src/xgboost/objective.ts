// SPDX-License-Identifier: Apache-2.0
// From margins to predictions, per XGBoost objective, in float32 as XGBoost computes (xgboost: src/objective/*).

export interface Objective {
  /** Where the saved base_score (in the space of predictions) lies in the space of margins. */
  readonly baseMargin: (score: number) => number;
  /** Turns one row of margins into predictions, in place where the width stays; returns the width of the output. */
  readonly transform: (margins: Float32Array, at: number, groups: number) => void;
  /** One class number per row instead of one value per group. */
  readonly labels?: boolean;
}

const fround = Math.fround;
const same = (score: number): number => score;
const each =
  (of: (margin: number) => number) =>
  (margins: Float32Array, at: number, groups: number): void => {
    for (let i = at; i < at + groups; i++) margins[i] = of(margins[i]!);
  };
const nothing = (): void => {};

/** xgboost: src/common/math.h Sigmoid: the tiny constant keeps the denominator away from infinity. */
const sigmoid = (margin: number): number =>
  fround(1 / fround(fround(Math.exp(Math.min(-margin, fround(88.7)))) + 1 + fround(1e-16)));

function softmax(margins: Float32Array, at: number, groups: number): void {
  let max = margins[at]!;
  for (let i = at + 1; i < at + groups; i++) max = Math.max(max, margins[i]!);
  let sum = 0;
  for (let i = at; i < at + groups; i++) {
    margins[i] = Math.exp(fround(margins[i]! - max));
    sum += margins[i]!;
  }
  for (let i = at; i < at + groups; i++) margins[i] = margins[i]! / fround(sum);
}

function argmax(margins: Float32Array, at: number, groups: number): void {
  let best = at;
  for (let i = at + 1; i < at + groups; i++) if (margins[i]! > margins[best]!) best = i;
  margins[at] = best - at;
}

const identity: Objective = { baseMargin: same, transform: nothing };
const logistic: Objective = { baseMargin: (p) => -Math.log(1 / p - 1), transform: each(sigmoid) };
const exponential: Objective = { baseMargin: Math.log, transform: each((margin) => fround(Math.exp(margin))) };

/** Objectives by name; a name that is not here is refused, since a wrong link function gives wrong answers silently. */
export const objectives: Readonly<Record<string, Objective>> = {
  "reg:squarederror": identity,
  "reg:linear": identity,
  "reg:squaredlogerror": identity,
  "reg:absoluteerror": identity,
  "reg:pseudohubererror": identity,
  "reg:quantileerror": identity,
  "rank:pairwise": identity,
  "rank:ndcg": identity,
  "rank:map": identity,
  "binary:logitraw": identity,
  "binary:logistic": logistic,
  "reg:logistic": logistic,
  "binary:hinge": { baseMargin: same, transform: each((margin) => (margin > 0 ? 1 : 0)) },
  "count:poisson": exponential,
  "reg:gamma": exponential,
  "reg:tweedie": exponential,
  "survival:cox": exponential,
  "survival:aft": exponential,
  "multi:softprob": { baseMargin: same, transform: softmax },
  "multi:softmax": { baseMargin: same, transform: argmax, labels: true },
};
