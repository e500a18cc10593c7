/**
 * Pairs of arm and target, read from the tables of a study, and their similarities.
 *
 * @module
 */
import {
  compareFrequencies,
  type CountCache,
  mixFrequencies,
  sampling_fields,
  type Weights,
} from "@causeway/core/analysis";
import type { DocumentSet } from "@causeway/core/batches";
import { type Row, rowsOf } from "@causeway/core/report";
import type { study_ports, TableInput } from "@causeway/core/stage";
import type { Choice, Config } from "./config.ts";
import { effectKey, readEffects, type TrunkEffect } from "./trunks.ts";

/** One arm and one target. */
export interface Pair {
  readonly arm: string;
  readonly target: string;
  /** The arm's specialised source, or the shares of the sources that it is a group of. */
  readonly specialised: Weights;
  /** The arm's mixture: shares by source. */
  readonly mixture: Weights;
  /** Relative improvement over the reference arm on the target; null if they were not compared. */
  readonly improvement: number | null;
  /** What it is the mean of; none where the runs are not wired. */
  readonly effects: readonly TrunkEffect[];
}

interface Tables {
  readonly arms: TableInput<typeof study_ports.study_arms.columns>;
  readonly comparison: TableInput<typeof study_ports.study_comparison.columns>;
  readonly runs?: TableInput<typeof study_ports.study_runs.columns>;
}

type Arm = Omit<Pair, "target" | "improvement" | "effects">;

/**
 * Every arm of the config's kinds with every target, in the order of the tables.
 *
 * @throws {Error} when there is no such arm, a target was not compared, or a weight is not in (0, 1].
 */
export async function readPairs(
  tables: Tables,
  config: Config,
  log: (message: string) => void,
): Promise<Pair[]> {
  const arms = await readArms(tables.arms, config);
  const comparison = await rowsOf(tables.comparison);
  const improvements = improvementsOf(comparison);
  const references = new Map(comparison.map(({ arm, reference }) => [arm, reference]));
  const effects = tables.runs && await readEffects(tables.runs, (arm) => references.get(arm));
  const targets = config.targets ?? [...improvements.keys()];
  for (const target of targets) {
    if (improvements.has(target)) continue;
    const there = [...improvements.keys()].join(", ") || "none";
    throw new Error(`no arm was compared on the target "${target}"; targets are ${there}`);
  }
  const pairs = arms.flatMap((arm) =>
    targets.map((target) => ({
      ...arm,
      target,
      improvement: improvements.get(target)!.get(arm.arm) ?? null,
      effects: effects?.get(effectKey(arm.arm, target)) ?? [],
    }))
  );
  const without = pairs.filter(({ improvement }) => improvement === null);
  if (without.length > 0) {
    const names = without.map(({ arm, target }) => `${arm} on ${target}`).join(", ");
    log(`left out of the correlation, not compared with the reference arm: ${names}`);
  }
  return pairs;
}

async function readArms(
  table: Tables["arms"],
  { general, groups = {}, kinds }: Config,
): Promise<Arm[]> {
  const rows = await rowsOf(table);
  const arms = rows
    .filter(({ kind, specialised }) => (kinds as string[]).includes(kind) && specialised !== "")
    .map(({ arm, specialised: name, weight }) => {
      const specialised = groups[name] ?? { [name]: 1 };
      return { arm, specialised, mixture: mixtureOf(arm, general, specialised, weight) };
    });
  if (arms.length > 0) return arms;
  throw new Error(
    `no arm of kind ${kinds.join(" or ")} has a specialised source; the arms are of kind ` +
      `${[...new Set(rows.map(({ kind }) => kind))].join(", ") || "none"}`,
  );
}

function mixtureOf(arm: string, general: string, specialised: Weights, weight: number): Weights {
  if (!(weight > 0 && weight <= 1)) {
    throw new Error(`the weight of arm "${arm}" must be in (0, 1], got ${weight}`);
  }
  if (weight === 1 || general in specialised) return specialised;
  const members = Object.entries(specialised);
  const sum = members.reduce((total, [, share]) => total + share, 0);
  const own = members.map(([source, share]) => [source, weight * share / sum]);
  return { [general]: 1 - weight, ...Object.fromEntries(own) };
}

/** Relative improvement on each target's own held-out documents, by target and arm. */
function improvementsOf(
  comparison: readonly Row<typeof study_ports.study_comparison.columns>[],
): Map<string, Map<string, number | null>> {
  const own = comparison.filter(({ target, source }) => source === target);
  return new Map(
    [...Map.groupBy(own, ({ target }) => target)].map(([target, rows]) => {
      return [target, new Map(rows.map((row) => [row.arm, row.relative_improvement]))];
    }),
  );
}

/** Similarities along both legs from general data to a target, and directly; higher is closer. */
export interface Legs {
  readonly general_to_mixture: number;
  readonly mixture_to_target: number;
  readonly general_to_target: number;
}

/** Measures pairs; counts every source and mixture once for each way of sampling. */
export class ProximityMeter {
  readonly #frequencies = new Map<string, Float64Array>();
  readonly #counts: CountCache = new Map();

  constructor(
    readonly sets: ReadonlyMap<string, DocumentSet>,
    readonly general: string,
    readonly seed: number,
  ) {}

  /** @throws {Error} when a source is missing, or its documents have no text. */
  measure({ specialised, mixture, target }: Pair, choice: Choice): Legs {
    const [from, over, to] = [
      { [this.general]: 1 },
      choice.against === "mixture" ? mixture : specialised,
      { [target]: 1 },
    ].map((weights) => this.#of(weights, choice));
    const between = (p: Float64Array, q: Float64Array) =>
      choice.measure(compareFrequencies(p, q, choice));
    return {
      general_to_mixture: between(from, over),
      mixture_to_target: between(over, to),
      general_to_target: between(from, to),
    };
  }

  #of(weights: Weights, choice: Choice): Float64Array {
    const sampling = Object.keys(sampling_fields) as (keyof typeof sampling_fields)[];
    const key = JSON.stringify([weights, sampling.map((field) => choice[field])]);
    const known = this.#frequencies.get(key);
    if (known) return known;
    const frequencies = mixFrequencies(this.sets, weights, choice, this.seed, this.#counts);
    this.#frequencies.set(key, frequencies);
    return frequencies;
  }
}
