/**
 * Results of comparing two models as rows of the stage's tables.
 *
 * @module
 */
import type { Interval } from "../../core/analysis/mod.ts";

/** Two models on one probe. */
export interface Comparison {
  readonly probe: string;
  readonly a: string;
  readonly b: string;
  /** Layers of `a` and of `b`. */
  readonly layers: readonly [number, number];
  /** [layers of a, layers of b], row-major. */
  readonly values: Float64Array;
  /** As `values`. */
  readonly intervals: readonly Interval[];
}

/** A row for each pair of layers. */
export function layerTable({ probe, a, b, layers: [, columns], values, intervals }: Comparison) {
  return {
    probe: Array.from(values, () => probe),
    model_a: Array.from(values, () => a),
    model_b: Array.from(values, () => b),
    layer_a: Int32Array.from(values, (_, i) => Math.floor(i / columns)),
    layer_b: Int32Array.from(values, (_, i) => i % columns),
    cka: values,
    ci_low: Float64Array.from(intervals, ({ ci_low }) => ci_low),
    ci_high: Float64Array.from(intervals, ({ ci_high }) => ci_high),
  };
}

/** A row for each pair of different models. */
export function shiftTable(comparisons: readonly Comparison[]) {
  const others = comparisons.filter(({ a, b }) => a !== b);
  const last = others.map(({ values }) => values[values.length - 1]);
  const intervals = others.map(({ intervals }) => intervals[intervals.length - 1]);
  return {
    probe: others.map(({ probe }) => probe),
    model_a: others.map(({ a }) => a),
    model_b: others.map(({ b }) => b),
    last: Float64Array.from(last),
    mean_same_layer: Float64Array.from(others, meanSameLayer),
    shift: Float64Array.from(last, (value) => 1 - value),
    ci_low: Float64Array.from(intervals, ({ ci_high }) => 1 - ci_high),
    ci_high: Float64Array.from(intervals, ({ ci_low }) => 1 - ci_low),
  };
}

function meanSameLayer({ layers, values }: Comparison): number {
  const shared = Math.min(...layers);
  let sum = 0;
  for (let layer = 0; layer < shared; layer++) sum += values[layer * layers[1] + layer];
  return sum / shared;
}
