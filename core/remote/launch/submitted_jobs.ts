/**
 * `<out>/launch/jobs.json`: which steps were handed over, to whom, and as what. It outlives the process that wrote it.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { mapWired, type Recipe, type Step } from "../../recipe/mod.ts";
import {
  canonicalJson,
  readIfPresent,
  removeIfPresent,
  sha256,
  writeAtomic,
} from "../../store/mod.ts";

const record_schema = z.strictObject({
  /** Name of the array. */
  name: z.string(),
  folder: z.string(),
  steps: z.array(z.strictObject({
    step: z.string(),
    /** What it is to compute, see `fingerprints`. */
    fingerprint: z.string(),
    /** Its job; absent when the process died while it handed the array over. */
    job: z.string().optional(),
  })),
});
const file_schema = z.strictObject({
  format: z.literal(1),
  launcher: z.string(),
  arrays: z.array(record_schema),
});

/** An array that was handed over. */
export type SubmittedJobs = z.infer<typeof record_schema>;

const pathOf = (out: string) => join(out, "launch", "jobs.json");

/** @throws {Error} when the file is damaged. */
export function readSubmittedJobs(out: string): z.infer<typeof file_schema> | undefined {
  const text = readIfPresent(pathOf(out));
  if (text === undefined) return undefined;
  try {
    return file_schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${pathOf(out)} is damaged; end the jobs of this folder, then delete the file`);
  }
}

/** Notes what is under way; where nothing is, there is no file. */
export function writeSubmittedJobs(
  out: string,
  launcher: string,
  arrays: readonly SubmittedJobs[],
): void {
  if (arrays.length === 0) return removeIfPresent(pathOf(out));
  Deno.mkdirSync(join(out, "launch"), { recursive: true });
  const content = { format: 1, launcher, arrays };
  writeAtomic(pathOf(out), JSON.stringify(content, null, 2) + "\n");
}

/**
 * Makes sure that no process elsewhere works on the folder.
 *
 * @throws {Error} that says with whom its steps are.
 */
export function assertNoSubmittedJobs(out: string): void {
  const before = readSubmittedJobs(out);
  if (!before) return;
  const count = before.arrays.reduce((sum, { steps }) => sum + steps.length, 0);
  throw new Error(
    `${count} step${count === 1 ? "" : "s"} of ${out} may be under way in ${before.launcher}: ` +
      `go on by deno task pipeline:launch --launcher ${before.launcher}, or end them and delete ${
        join(out, "launch")
      }`,
  );
}

/** A digest for each step of everything that decides its result: its own settings, and those of all before it. */
export function fingerprints(recipe: Recipe): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const step of recipe.steps) found.set(step.id, fingerprint(step, found));
  return found;
}

function fingerprint({ stage, config, seed, inputs }: Step, before: ReadonlyMap<string, string>) {
  const read = mapWired(inputs, ({ step, output }) => `${before.get(step)} ${output}`);
  const { name, version } = stage;
  return sha256(canonicalJson({ stage: name, version, config, seed, inputs: read }));
}
