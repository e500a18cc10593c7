/**
 * The record of submitted jobs, `<out>/launch/jobs.json`, and what still runs of it.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { readIfPresent, removeIfPresent, writeAtomic } from "../../store/mod.ts";
import { counted } from "../../words/mod.ts";
import { readOutcome } from "./launch_folder.ts";
import type { JobState, Launcher } from "./launcher.ts";
import { slurmLauncher } from "./slurm.ts";

const record_schema = z.strictObject({
  /** Name of the array. */
  name: z.string(),
  folder: z.string(),
  steps: z.array(z.strictObject({
    step: z.string(),
    /** Digest of what the step computes, see `fingerprints`. */
    fingerprint: z.string(),
    /** Its job; absent when the process died during the submission. */
    job: z.string().optional(),
  })),
});
const file_schema = z.strictObject({
  format: z.literal(1),
  launcher: z.string(),
  arrays: z.array(record_schema),
});

/** A submitted array. */
export type SubmittedJobs = z.infer<typeof record_schema>;

const jobsPath = (out: string) => join(out, "launch", "jobs.json");

/** @throws {Error} when the file is damaged. */
export function readSubmittedJobs(out: string): z.infer<typeof file_schema> | undefined {
  const text = readIfPresent(jobsPath(out));
  if (text === undefined) return undefined;
  try {
    return file_schema.parse(JSON.parse(text));
  } catch {
    throw new Error(
      `${jobsPath(out)} is damaged; end the jobs of this folder, then delete the file`,
    );
  }
}

/** Records the submitted jobs; without any, there is no file. */
export function writeSubmittedJobs(
  out: string,
  launcher: string,
  arrays: readonly SubmittedJobs[],
): void {
  if (arrays.length === 0) return removeIfPresent(jobsPath(out));
  Deno.mkdirSync(join(out, "launch"), { recursive: true });
  const content = { format: 1, launcher, arrays };
  writeAtomic(jobsPath(out), JSON.stringify(content, null, 2) + "\n");
}

/** The steps of arrays for which a condition holds. */
export function stepsThat(
  arrays: readonly SubmittedJobs[],
  is_so: (step: SubmittedJobs["steps"][number], array: SubmittedJobs) => boolean,
): SubmittedJobs[] {
  return arrays.map((array) => ({
    ...array,
    steps: array.steps.filter((step) => is_so(step, array)),
  })).filter(({ steps }) => steps.length > 0);
}

/**
 * The steps whose jobs may still work. A step that has written its outcome is over, even while its job is shown as
 * running: a queue notices the end of a process later.
 */
export function unfinishedSteps(
  arrays: readonly SubmittedJobs[],
  states: ReadonlyMap<string, JobState>,
): SubmittedJobs[] {
  return stepsThat(arrays, ({ step, job }, { folder }) => {
    const { state = "ended" } = states.get(job ?? "") ?? {};
    return state !== "ended" && readOutcome(folder, step) === undefined;
  });
}

/** Finds the job ids of arrays whose process died before it could record them. */
export function findJobs(
  launcher: Launcher,
  arrays: readonly SubmittedJobs[],
): Promise<SubmittedJobs[]> {
  return Promise.all(arrays.map(async (array) => {
    if (array.steps.every(({ job }) => job !== undefined)) return array;
    const names = array.steps.map(({ step }) => step);
    const ids = await launcher.find({ name: array.name, steps: names });
    return {
      ...array,
      steps: array.steps.map((step, i) => ({ ...step, job: step.job ?? ids?.[i] })),
    };
  }));
}

/** Ids of the jobs of arrays. */
export const jobIds = (arrays: readonly SubmittedJobs[]) =>
  arrays.flatMap(({ steps }) => steps.flatMap(({ job }) => job ?? []));

/**
 * Checks that no job of a launcher works in the folder. Writes nothing, since another run may have the folder.
 *
 * @param queues launchers that know the jobs of other processes.
 * @throws {Error} naming the launcher that has jobs, or that cannot be asked, and how to continue.
 */
export async function assertNoSubmittedJobs(
  out: string,
  queues: readonly Launcher[] = [slurmLauncher()],
): Promise<void> {
  const { launcher = "", arrays = [] } = readSubmittedJobs(out) ?? {};
  let open = stepsThat(arrays, ({ step }, { folder }) => readOutcome(folder, step) === undefined);
  if (open.length === 0) return;
  const queue = queues.find(({ name }) => name === launcher);
  let end = "", unknown = "";
  try {
    if (queue) {
      open = await findJobs(queue, open);
      open = unfinishedSteps(open, await queue.states(jobIds(open)));
      if (open.length === 0) return;
      end = `, or end them with ${queue.howToEnd(jobIds(open))}`;
    }
  } catch (error) {
    unknown = ` (${(error as Error).message})`;
  }
  const count = open.reduce((sum, { steps }) => sum + steps.length, 0);
  throw new Error(
    `${counted(count, "step")} of ${out} may be running in ${launcher}${unknown}: ` +
      `continue with deno task pipeline:launch --launcher ${launcher}${end}`,
  );
}
