/**
 * Arms and targets, read from the tables of a study.
 *
 * @module
 */
import type { Weights } from "../../core/analysis/mod.ts";
import type { study_ports, TableInput } from "../../core/stage/mod.ts";
import type { Config } from "./config.ts";

/** One arm looked at on one target. */
export interface Pair {
  readonly arm: string;
  readonly target: string;
  /** The arm's specialised source. */
  readonly specialised: string;
  /** The arm's mixture: shares by source. */
  readonly mixture: Weights;
  /** Relative improvement over the reference arm on the target; NaN where there is none. */
  readonly improvement: number;
}

interface Tables {
  readonly arms: TableInput<typeof study_ports.study_arms.columns>;
  readonly comparison: TableInput<typeof study_ports.study_comparison.columns>;
}

type Arm = Omit<Pair, "target" | "improvement">;

/**
 * Every arm of the config's kinds on every target, in the order of the tables.
 *
 * @throws {Error} when no arm counts, a target was not compared, or an arm's weight is no share.
 */
export async function readPairs(
  tables: Tables,
  config: Config,
  log: (message: string) => void,
): Promise<Pair[]> {
  const arms = await readArms(tables.arms, config);
  const improvements = await readImprovements(tables.comparison);
  const targets = config.targets ?? [...improvements.keys()];
  for (const target of targets) {
    if (improvements.has(target)) continue;
    const there = [...improvements.keys()].join(", ") || "none";
    throw new Error(`no arm was compared on the target "${target}"; there are ${there}`);
  }
  const pairs = arms.flatMap((arm) =>
    targets.map((target) => ({
      ...arm,
      target,
      improvement: improvements.get(target)!.get(arm.arm) ?? NaN,
    }))
  );
  const without = pairs.filter(({ improvement }) => !Number.isFinite(improvement));
  if (without.length > 0) {
    const names = without.map(({ arm, target }) => `${arm} on ${target}`).join(", ");
    log(`not compared with the reference arm, and left out of the correlation: ${names}`);
  }
  return pairs;
}

async function readArms(
  table: Tables["arms"],
  { general, kinds }: Config,
): Promise<Arm[]> {
  const arms: Arm[] = [];
  const found = new Set<string>();
  for await (const batch of table.batches(["arm", "kind", "specialised", "weight"])) {
    batch.arm.forEach((arm, i) => {
      const [specialised, weight] = [batch.specialised[i], batch.weight[i]];
      found.add(batch.kind[i]);
      if (!(kinds as string[]).includes(batch.kind[i]) || specialised === "") return;
      arms.push({ arm, specialised, mixture: mixtureOf(arm, general, specialised, weight) });
    });
  }
  if (arms.length === 0) {
    throw new Error(
      `no arm of kind ${kinds.join(" or ")} has a specialised source; the arms are of kind ` +
        `${[...found].join(", ") || "none"}`,
    );
  }
  return arms;
}

function mixtureOf(arm: string, general: string, specialised: string, weight: number): Weights {
  if (!(weight > 0 && weight <= 1)) {
    throw new Error(`arm "${arm}" has a weight of ${weight}, which is no share of its mixture`);
  }
  if (weight === 1 || specialised === general) return { [specialised]: 1 };
  return { [general]: 1 - weight, [specialised]: weight };
}

/** Relative improvement on each target's own held-out documents, by target and arm. */
async function readImprovements(
  table: Tables["comparison"],
): Promise<Map<string, Map<string, number>>> {
  const improvements = new Map<string, Map<string, number>>();
  const columns = ["arm", "target", "source", "relative_improvement"] as const;
  for await (const batch of table.batches(columns)) {
    batch.target.forEach((target, i) => {
      if (batch.source[i] !== target) return;
      const by_arm = improvements.get(target) ?? new Map<string, number>();
      improvements.set(target, by_arm.set(batch.arm[i], batch.relative_improvement[i]));
    });
  }
  return improvements;
}
