/**
 * The proximity stage: whether arms whose mixture is closer to a target than general data gain more on it.
 *
 * @module
 */
import { type Correlation, pearson } from "../../core/analysis/mod.ts";
import { loadDocumentSets } from "../../core/batches/mod.ts";
import { defineStage, many, ports, type StageContext, study_ports } from "../../core/stage/mod.ts";
import { allChoices } from "./choices.ts";
import { type Config, config } from "./config.ts";
import { type Distances, Proximities } from "./distances.ts";
import { type Pair, readPairs } from "./pairs.ts";

const inputs = {
  tokens: many(ports.tokens),
  arms: study_ports.study_arms,
  comparison: study_ports.study_comparison,
};

const outputs = {
  proximity: study_ports.proximity,
  correlation: study_ports.proximity_correlation,
  legs: study_ports.proximity_legs,
};

type Context = StageContext<Config, typeof inputs, typeof outputs>;

/** An arm and a target, with how far they are from each other and from general data. */
type Measured = Pair & Distances;

/**
 * Proximity advantage is S(mixture, target) - S(general, target), with the similarity of Appendix C. It is correlated
 * with the relative improvement over arms and targets, for the config's choices and for each other choice that the
 * paper's text leaves open.
 *
 * Arms share sources, and every target is seen by every arm: the points are not independent, so p-values and intervals
 * are nominal.
 *
 * @throws {Error} when a source of an arm, a target or general data are not among the tokens, or no arm counts.
 */
export const proximity = defineStage({
  name: "proximity",
  version: "1",
  description:
    "Correlates how much closer to a target each arm's mixture is with what the arm gained.",
  config,
  inputs,
  outputs,
  async run(ctx: Context) {
    const { config, outputs, seed, signal, report, log } = ctx;
    const sets = await loadDocumentSets(ctx.inputs.tokens);
    const pairs = await readPairs(ctx.inputs, config, log);
    const proximities = new Proximities(sets, config.general, seed);
    const choices = allChoices(config);
    const correlations: Correlation[] = [];
    let defaults: Measured[] = [];
    for (const [i, choice] of choices.entries()) {
      const measured = pairs.map((pair) => {
        signal.throwIfAborted();
        return { ...pair, ...proximities.measure(pair, choice) };
      });
      if (i === 0) defaults = measured;
      correlations.push(correlate(measured, config.confidence));
      report(i + 1, {}, choices.length);
    }
    await writeProximity(outputs.proximity, defaults);
    await outputs.correlation.write({
      choice: choices.map(({ name }) => name),
      is_default: Uint8Array.from(choices, (_, i) => i === 0 ? 1 : 0),
      n: Int32Array.from(correlations, ({ n }) => n),
      r: Float64Array.from(correlations, ({ r }) => r),
      p: Float64Array.from(correlations, ({ p }) => p),
      ci_low: Float64Array.from(correlations, ({ ci_low }) => ci_low),
      ci_high: Float64Array.from(correlations, ({ ci_high }) => ci_high),
    });
    await writeLegs(outputs.legs, defaults);
    log(describe(correlations[0]));
  },
});

/** Of the pairs that have been compared with the reference arm. */
function correlate(measured: readonly Measured[], confidence: number): Correlation {
  const compared = measured.filter(({ improvement }) => Number.isFinite(improvement));
  return pearson(
    compared.map(advantage),
    compared.map(({ improvement }) => improvement),
    confidence,
  );
}

function advantage({ mixture_to_target, general_to_target }: Distances): number {
  return mixture_to_target - general_to_target;
}

async function writeProximity(
  output: Context["outputs"]["proximity"],
  rows: readonly Measured[],
): Promise<void> {
  await output.write({
    arm: rows.map(({ arm }) => arm),
    target: rows.map(({ target }) => target),
    similarity: Float64Array.from(rows, (row) => row.mixture_to_target),
    similarity_general: Float64Array.from(rows, (row) => row.general_to_target),
    advantage: Float64Array.from(rows, advantage),
    relative_improvement: Float64Array.from(rows, ({ improvement }) => improvement),
  });
}

async function writeLegs(
  output: Context["outputs"]["legs"],
  rows: readonly Measured[],
): Promise<void> {
  await output.write({
    arm: rows.map(({ arm }) => arm),
    target: rows.map(({ target }) => target),
    general_to_mixture: Float64Array.from(rows, (row) => row.general_to_mixture),
    mixture_to_target: Float64Array.from(rows, (row) => row.mixture_to_target),
    general_to_target: Float64Array.from(rows, (row) => row.general_to_target),
  });
}

function describe({ n, r, p, ci_low, ci_high }: Correlation): string {
  if (Number.isNaN(r)) return `proximity advantage and improvement: ${n} pairs, no correlation`;
  const [low, high] = [ci_low, ci_high].map((bound) => bound.toFixed(2));
  return `proximity advantage and improvement: r = ${r.toFixed(3)} (${low} to ${high}), ` +
    `p = ${p.toPrecision(2)}, ${n} pairs`;
}
