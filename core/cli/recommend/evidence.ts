/**
 * What an earlier study found about proximity and improvement, for judging a recommendation.
 *
 * @module
 */
import { join } from "node:path";
import {
  fitLine,
  type Interval,
  isAbove,
  isBelow,
  NO_INTERVAL,
  pearson,
} from "../../analysis/mod.ts";
import { readRecords } from "../../readers/mod.ts";
import { readLocks } from "../../runs/mod.ts";
import { study_ports } from "../../stage/mod.ts";
import { type Artifact, openTable, Store } from "../../store/mod.ts";
import { UsageError } from "../shared/console.ts";
import { isFolder } from "../shared/inputs.ts";

/** What a study found: pairs of an arm and a target that were trained and measured. */
export type Evidence = Awaited<ReturnType<typeof readEvidence>>;

interface Pairs {
  readonly from: string;
  readonly advantage: readonly number[];
  readonly improvement: readonly (number | null)[];
  /** Interval of the correlation by resampling arms and trunks; undefined where only the pairs are known. */
  readonly resampled?: Interval;
}

const COLUMNS = ["advantage", "relative_improvement"] as const;

/**
 * Reads the `proximity` table of an earlier study.
 *
 * @param path an output folder in which a step of the proximity stage has run, with `#STEP` where there are several;
 *   or a file of its rows, in any format that can be read.
 * @throws {UsageError} when there is no such table, or it has fewer than three pairs.
 */
export async function readEvidence(path: string) {
  const [place, step] = path.split("#");
  const { from, resampled = NO_INTERVAL, ...pairs } = isFolder(place)
    ? await ofFolder(place, step)
    : await ofFile(path);
  const compared = pairs.advantage.flatMap((advantage, i) => {
    const improvement = pairs.improvement[i];
    return improvement === null ? [] : [[advantage, improvement]];
  });
  const [advantage, improvement] = [compared.map(([x]) => x), compared.map(([, y]) => y)];
  const correlation = pearson(advantage, improvement);
  const { r, p } = correlation;
  if (r === null || p === null) {
    throw new UsageError(
      `--evidence ${path} has ${compared.length} pairs of ${COLUMNS.join(" and ")}; ` +
        "a correlation needs three or more that differ",
    );
  }
  // Fisher's interval takes pairs for independent, which they are not: the other one decides too, where it is known.
  const intervals = resampled.ci_low === null ? [correlation] : [correlation, resampled];
  const found = intervals.every((interval) => isAbove(interval, 0)) ||
    intervals.every((interval) => isBelow(interval, 0));
  return {
    from,
    correlation: { ...correlation, r, p },
    resampled,
    /** Range of advantages in the study. */
    lowest: Math.min(...advantage),
    highest: Math.max(...advantage),
    /** Relative improvement at an advantage; undefined where the correlation may be zero. */
    predict: found ? fitLine(advantage, improvement) : undefined,
  };
}

async function ofFolder(out: string, wanted: string | undefined): Promise<Pairs> {
  const store = new Store(join(out, "store"));
  const found = Object.entries(readLocks(out)).flatMap(([recipe, { steps }]) =>
    Object.entries(steps).flatMap(([step, key]) => {
      const manifest = store.readManifest(key);
      if (manifest?.stage !== "proximity") return [];
      return wanted === undefined || wanted === step ? [{ recipe, step, manifest }] : [];
    })
  );
  if (found.length === 0) {
    const which = wanted === undefined ? "a step" : `a step "${wanted}"`;
    throw new UsageError(
      `--evidence ${out} has no result of ${which} of the proximity stage; run a study with it first`,
    );
  }
  if (found.length > 1) {
    throw new UsageError(
      `--evidence ${out} has several results: ${found.map(({ step }) => step).join(", ")}; ` +
        `choose one, for example --evidence ${out}#${found[0].step}`,
    );
  }
  const [{ recipe, step, manifest }] = found;
  const { columns } = study_ports.proximity;
  const table = await openTable(store, manifest.outputs.proximity, columns, "proximity");
  const correlation = manifest.outputs.correlation;
  return {
    from: `step "${step}" of recipe "${recipe}"`,
    advantage: [...await table.column("advantage")],
    improvement: await table.column("relative_improvement"),
    ...(correlation && { resampled: await readResampled(store, correlation) }),
  };
}

/** The interval of the correlation with the options of the config. */
async function readResampled(store: Store, artifact: Artifact): Promise<Interval | undefined> {
  const { columns } = study_ports.proximity_correlation;
  const table = await openTable(store, artifact, columns, "correlation");
  for await (const batch of table.batches()) {
    const at = batch.is_default.indexOf(1);
    if (at < 0) continue;
    return { ci_low: batch.ci_resampled_low[at], ci_high: batch.ci_resampled_high[at] };
  }
}

async function ofFile(path: string): Promise<Pairs> {
  const advantage: number[] = [], improvement: (number | null)[] = [];
  for await (const { file, row, value } of readRecords(path)) {
    const [x, y] = COLUMNS.map((name) => numberIn(value[name]));
    if (typeof x !== "number" || y === undefined) {
      throw new UsageError(
        `--evidence ${file}:${row} has no numbers ${COLUMNS.join(" and ")}; ` +
          "give the proximity table of a study",
      );
    }
    advantage.push(x);
    improvement.push(y);
  }
  return { from: path, advantage, improvement };
}

/** A number, in CSV as text; null for an empty cell, as NaN is in files of earlier versions; undefined for anything else. */
function numberIn(cell: unknown): number | null | undefined {
  if (cell === null || cell === "" || cell === "NaN" || Number.isNaN(cell)) return null;
  const number = typeof cell === "string" ? Number(cell) : cell;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}
