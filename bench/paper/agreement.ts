/**
 * `deno run -R --allow-env bench/paper/agreement.ts --out DIR`: how far a study off a trunk at a constant rate (decays.ts)
 * agrees with the same study on cosines (decays_cosine.ts).
 *
 * @module
 */
import { join } from "node:path";
import { mean, pearson } from "@causeway/core/analysis";
import { command, parseFlags, UsageError } from "../shared/command.ts";

const HELP = `Compares the losses of bench/paper/decays.ts with those of decays_cosine.ts.

Usage: deno run -R --allow-env bench/paper/agreement.ts --out DIR

  --out DIR      output folder of deno task pipeline, with both recipes' results
  --help         show this help`;

/** An arm on a held-out source after fine-tuning on a target. */
export interface Compared {
  readonly arm: string;
  readonly target: string;
  readonly source: string;
  readonly loss_after: number;
  /** Arm − control; null for the control. */
  readonly difference: number | null;
}

/** How two studies of the same arms agree on one kind of source. Losses in nats per token. */
export interface Agreement {
  readonly rows: number;
  /** Mean of decays − cosines over all arms. */
  readonly loss_difference: number;
  /** Differences from the control: Pearson's r (null for fewer than three), mean absolute gap, equal signs of how many. */
  readonly r: number | null;
  readonly gap: number;
  readonly same_sign: number;
  readonly differences: number;
}

/** @throws {Error} when no row is in both. */
export function agreement(decays: readonly Compared[], cosines: readonly Compared[]): Agreement {
  const key = ({ arm, target, source }: Compared) => JSON.stringify([arm, target, source]);
  const others = new Map(cosines.map((row) => [key(row), row]));
  const pairs = decays.flatMap((row) => {
    const other = others.get(key(row));
    return other ? [[row, other] as const] : [];
  });
  if (pairs.length === 0) throw new Error("the two studies have no arm in common");
  const compared = pairs.flatMap(([a, b]) =>
    a.difference === null || b.difference === null ? [] : [[a.difference, b.difference] as const]
  );
  return {
    rows: pairs.length,
    loss_difference: mean(pairs.map(([a, b]) => a.loss_after - b.loss_after)),
    r: pearson(compared.map(([x]) => x), compared.map(([, y]) => y)).r,
    gap: mean(compared.map(([x, y]) => Math.abs(x - y))),
    same_sign: compared.filter(([x, y]) => Math.sign(x) === Math.sign(y)).length,
    differences: compared.length,
  };
}

/** Rows of a published table; its names have no commas or quotes. */
export function comparedRows(csv: string): Compared[] {
  const [header, ...lines] = csv.trim().split(/\r?\n/).map((line) => line.split(","));
  return lines.map((cells) => {
    const cell = (name: string) => cells[header.indexOf(name)];
    const difference = cell("difference");
    return {
      arm: cell("arm"),
      target: cell("target"),
      source: cell("source"),
      loss_after: Number(cell("loss_after")),
      difference: difference === "" ? null : Number(difference),
    };
  });
}

function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "agreement", { out: "" });
  if (flags === undefined) return console.log(HELP), Promise.resolve(0);
  const { out } = flags as Record<"out", string>;
  if (out === "") throw new UsageError("--out is required; see --help");
  const [decays, cosines] = ["paper_decays", "paper_decays_cosine"].map((recipe) =>
    comparedRows(Deno.readTextFileSync(join(out, recipe, "tables", "comparison.csv")))
  );
  const kinds = {
    "target": ({ target, source }: Compared) => source === target,
    "general": ({ target, source }: Compared) => source !== target,
  };
  for (const [kind, of] of Object.entries(kinds)) {
    const { rows, loss_difference, r, gap, same_sign, differences } = agreement(
      decays.filter(of),
      cosines.filter(of),
    );
    console.log(
      `${kind}: loss of decays − cosines ${
        loss_difference.toFixed(4)
      } over ${rows} arms and targets; differences from the ` +
        `control: r ${r?.toFixed(3) ?? "unknown"}, mean gap ${
          gap.toFixed(4)
        }, ${same_sign} of ${differences} of one sign`,
    );
  }
  return Promise.resolve(0);
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
