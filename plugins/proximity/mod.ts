/**
 * The proximity stage: whether arms whose mixture is closer to a target than general data gain more on it.
 *
 * @module
 */
import { pearson } from "@causeway/core/analysis";
import { loadDocumentSets } from "@causeway/core/batches";
import {
  batchOf,
  defineStage,
  many,
  optional,
  ports,
  type StageContext,
  study_ports,
} from "@causeway/core/stage";
import { openTokenizer } from "@causeway/core/tokenizer";
import { counted } from "@causeway/core/words";
import { allChoices, type Config, config } from "./config.ts";
import { type Legs, type Pair, ProximityMeter, readPairs } from "./pairs.ts";
import { resampledCorrelation, trunksOf } from "./trunks.ts";

const inputs = {
  tokens: many(ports.tokens),
  arms: study_ports.study_arms,
  comparison: study_ports.study_comparison,
  /** The runs that were compared: with them, trunks are resampled too. */
  runs: optional(study_ports.study_runs),
  /** The tokenizer of the tokens; `max_characters` needs it. */
  tokenizer: optional(ports.tokenizer),
};

const outputs = {
  proximity: study_ports.proximity,
  correlation: study_ports.proximity_correlation,
  legs: study_ports.proximity_legs,
};

type Context = StageContext<Config, typeof inputs, typeof outputs>;

type Measured = Pair & Legs;

/**
 * Proximity advantage is S(mixture, target) - S(general, target), with the similarity S of the paper's Appendix C. It is
 * correlated with the relative improvement over arms and targets, with the options of the config and with each alternative
 * that the paper's text leaves open.
 *
 * Arms share sources, targets and trunks, so the points are not independent, and p-values and Fisher's intervals are nominal.
 * A second interval resamples arms and trunks.
 *
 * @throws {Error} when a source, target or general data is missing from the tokens, or there is no arm to measure.
 */
export const proximity = defineStage({
  name: "proximity",
  version: "4",
  description: "Correlates each arm's proximity to a target with its improvement on that target.",
  config,
  inputs,
  outputs,
  async run(ctx: Context) {
    const { config, outputs, seed, signal, report, log } = ctx;
    const sets = await loadDocumentSets(ctx.inputs.tokens, "tokens");
    const pairs = await readPairs(ctx.inputs, config, log);
    const meter = new ProximityMeter(sets, config.general, seed);
    const { tokenizer } = ctx.inputs;
    const choices = allChoices(config, tokenizer && await openTokenizer(tokenizer));
    const correlations: ReturnType<typeof correlate>[] = [];
    let defaults: Measured[] = [];
    for (const [i, choice] of choices.entries()) {
      const measured = pairs.map((pair) => {
        signal.throwIfAborted();
        return { ...pair, ...meter.measure(pair, choice) };
      });
      if (i === 0) defaults = measured;
      correlations.push(correlate(measured, { ...config, seed }));
      report(i + 1, {}, choices.length);
    }
    const { proximity, proximity_correlation, proximity_legs } = study_ports;
    await outputs.proximity.write(batchOf(proximity, defaults.map(proximityRow)));
    const rows = choices.map(({ name: choice }, i) => {
      return { choice, is_default: i === 0, ...correlations[i] };
    });
    await outputs.correlation.write(batchOf(proximity_correlation, rows));
    await outputs.legs.write(batchOf(proximity_legs, defaults));
    log(describe(correlations[0]));
  },
});

type Resampling = Parameters<typeof resampledCorrelation>[1];

/** Correlation over the pairs that were compared with the reference arm. */
function correlate(measured: readonly Measured[], options: Resampling) {
  const points = measured.flatMap(({ improvement, arm, effects, ...legs }) => {
    return improvement === null ? [] : [{ arm, effects, improvement, advantage: advantage(legs) }];
  });
  const [x, y] = (["advantage", "improvement"] as const).map((side) => points.map((p) => p[side]));
  const resampled = resampledCorrelation(points, options);
  return {
    ...pearson(x, y, options.confidence),
    trunks: Math.max(1, trunksOf(points).length),
    ci_resampled_low: resampled.ci_low,
    ci_resampled_high: resampled.ci_high,
  };
}

function advantage({ mixture_to_target, general_to_target }: Legs): number {
  return mixture_to_target - general_to_target;
}

function proximityRow(row: Measured) {
  const { arm, target, mixture_to_target, general_to_target, improvement } = row;
  return {
    arm,
    target,
    similarity: mixture_to_target,
    similarity_general: general_to_target,
    advantage: advantage(row),
    relative_improvement: improvement,
  };
}

function describe(
  { n, r, p, ci_low, ci_high, ci_resampled_low, ci_resampled_high, trunks }: ReturnType<
    typeof correlate
  >,
): string {
  if (r === null) {
    return `proximity advantage and improvement: ${counted(n, "pair")}, no correlation`;
  }
  const between = (low: number | null, high: number | null) =>
    low === null ? "none: too few arms" : `${low.toFixed(2)} to ${high!.toFixed(2)}`;
  const drawn = trunks > 1 ? "arms and trunks" : "arms, of one trunk";
  return `proximity advantage and improvement: r = ${r.toFixed(3)} (${
    between(ci_low, ci_high)
  }), ` +
    `p = ${p?.toPrecision(2)}, ${counted(n, "pair")}; resampling ${drawn}: ` +
    between(ci_resampled_low, ci_resampled_high);
}
