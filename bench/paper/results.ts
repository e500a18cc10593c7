/**
 * What a finished study was made of, as a record that another run can be compared with.
 *
 * @module
 */
import { join } from "node:path";
import { pastSeconds } from "../../core/runner/mod.ts";
import { readLocks } from "../../core/runs/mod.ts";
import { type Manifest, Store } from "../../core/store/mod.ts";
import { processor } from "../shared/machine.ts";

/** One step: what it is, and what it made. */
export interface StepRecord {
  readonly step: string;
  readonly stage: string;
  readonly seed: number;
  /** Digest of everything that decides the result. */
  readonly key: string;
  /** Digests of the results, by output. */
  readonly outputs: Readonly<Record<string, string>>;
  /** How long it took; undefined where no log tells. */
  readonly seconds?: number;
}

export interface StudyRecord {
  readonly recipe: string;
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly deno: string;
  /** Sum over steps; with several at a time more than the time that passed. */
  readonly seconds: number;
  readonly steps: readonly StepRecord[];
}

/**
 * Reads what the last run of a recipe left.
 *
 * @throws {Error} when there is none, or a result of it is gone.
 */
export async function readRecord(out: string, recipe: string): Promise<StudyRecord> {
  const lock = readLocks(out)[recipe];
  if (!lock) throw new Error(`${out} holds no results of the recipe "${recipe}"; run it first`);
  const store = new Store(join(out, "store"));
  const times = await pastSeconds(out, recipe, Object.keys(lock.steps));
  const steps = Object.entries(lock.steps).map(([step, key]): StepRecord => {
    const manifest: Manifest | undefined = store.readManifest(key);
    if (!manifest) throw new Error(`the result of step "${step}" is gone; run the recipe again`);
    const { stage, seed, outputs } = manifest;
    const digests = Object.entries(outputs).map(([name, { digest }]) => [name, digest]);
    const seconds = times.get(step);
    return {
      step,
      stage,
      seed,
      key,
      outputs: Object.fromEntries(digests),
      ...(seconds === undefined ? {} : { seconds: Math.round(seconds * 10) / 10 }),
    };
  });
  return {
    recipe,
    date: new Date().toISOString().slice(0, 10),
    processor: processor(),
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    seconds: Math.round(steps.reduce((sum, { seconds = 0 }) => sum + seconds, 0)),
    steps,
  };
}

/** How two runs of a study compare. */
export interface Comparison {
  /** Steps that both have, and that came out the same to the bit. */
  readonly same: number;
  /** Steps that only the first has: not run yet. */
  readonly missing: number;
  /** What differs, a line each. */
  readonly differences: readonly string[];
}

/** Compares two runs of a study by the keys and digests of their steps. */
export function compareRecords(expected: StudyRecord, actual: StudyRecord): Comparison {
  const others = new Map(actual.steps.map((step) => [step.step, step]));
  const both = expected.steps.filter(({ step }) => others.has(step));
  const differing = both.map(({ step, key, outputs }) => {
    const other = others.get(step)!;
    if (other.key !== key) return [`${step}: was asked for something else (another key)`];
    return Object.entries(outputs).filter(([name, digest]) => other.outputs[name] !== digest)
      .map(([name]) => `${step}: output "${name}" came out otherwise`);
  });
  return {
    same: differing.filter((lines) => lines.length === 0).length,
    missing: expected.steps.length - both.length,
    differences: differing.flat(),
  };
}
