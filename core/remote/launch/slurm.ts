/**
 * Steps as jobs of Slurm (https://slurm.schedmd.com): job arrays with `sbatch`, order with `--dependency`.
 *
 * @module
 */
import { join } from "node:path";
import { retrying, TransientError } from "../../net/mod.ts";
import { writeAtomic } from "../../store/mod.ts";
import type { JobArray, JobState, Launcher } from "./launcher.ts";

/** Warning before the time limit of a job, for its checkpoint. */
const NOTICE_SECONDS = 120;
/** States in squeue of jobs that have not started, or will start again. */
const WAITING = new Set(["PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"]);
const RUNNING = new Set(["RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING"]);

export interface SlurmOptions {
  /** Further arguments of sbatch, such as "--partition=long". */
  readonly args?: readonly string[];
}

/**
 * A launcher for Slurm, whose jobs outlive this process. sbatch also reads its own variables:
 * SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT.
 */
export function slurmLauncher({ args = [] }: SlurmOptions = {}): Launcher {
  return {
    name: "slurm",
    outlives: true,
    async submit(array) {
      const script = join(array.folder, `${array.name}.sh`);
      writeAtomic(script, slurmScript(array));
      const out = await callSlurm("sbatch", ["--parsable", ...args, script]);
      // "12" or "12;cluster"
      const id = /^\d+/.exec(out)?.[0];
      if (id === undefined) throw new Error(`sbatch printed no job id: "${out.trim()}"`);
      return array.steps.map((_, i) => `${id}_${i}`);
    },
    async find({ name, steps }) {
      const job = (await queue()).find((job) => job.name === name);
      const id = job?.id.split("_")[0];
      return id === undefined ? undefined : steps.map((_, i) => `${id}_${i}`);
    },
    async states(ids) {
      const wanted = new Set(ids);
      if (wanted.size === 0) return new Map();
      const jobs = (await queue()).filter(({ id }) => wanted.has(id));
      return new Map(jobs.map((job) => [job.id, stateOf(job)]));
    },
    async cancel(ids) {
      await callSlurm("scancel", ["--quiet", "--state=PENDING", ...ids]);
    },
    async stop(ids) {
      await callSlurm("scancel", ["--quiet", "--state=PENDING", ...ids]);
      // To the script, which passes it on: a SIGTERM to all processes would end the script before the step.
      await callSlurm("scancel", ["--quiet", "--batch", "--signal=TERM", ...ids]);
    },
    logOf: ({ folder }, id) => join(folder, `${id}.log`),
    howToEnd: (ids) => `scancel ${arrayIds(ids).join(" ")}`,
  };
}

/** All jobs of this user, one for each array element, recently ended ones too. */
async function queue() {
  const format = "--format=%i|%T|%r|%j|%N";
  const args = ["--noheader", "--array", "--states=all", "--me", format];
  return (await callSlurm("squeue", args)).split("\n").filter(Boolean).map((line) => {
    const [id, state, reason, name, node] = line.split("|");
    return { id, state, reason, name, node };
  });
}

type QueuedJob = Awaited<ReturnType<typeof queue>>[number];

function stateOf({ state, reason, node }: QueuedJob): JobState {
  const detail = reason === "None" || reason === "" ? state : `${state}, ${reason}`;
  const where = node === "" ? {} : { node };
  if (WAITING.has(state)) return { state: "waiting", detail, ...where };
  if (RUNNING.has(state)) return { state: "running", detail, ...where };
  return { state: "ended", detail, ...where, failed: state !== "COMPLETED" };
}

const arrayIds = (ids: readonly string[]) => [...new Set(ids.map((id) => id.split("_")[0]))];

/**
 * The script of an array. It asks for a signal before the time limit, passes it on, and requeues the job when the step
 * stopped in time. Slurm itself requeues it when a node fails.
 */
export function slurmScript({ name, steps, after, resources, command, folder }: JobArray): string {
  const options = [
    `--job-name=${name}`,
    `--array=0-${steps.length - 1}`,
    `--output=${join(folder, "%A_%a.log")}`,
    ...["--requeue", "--open-mode=append", `--signal=B:USR2@${NOTICE_SECONDS}`],
    ...(resources.exclusive ? ["--exclusive"] : [`--cpus-per-task=${resources.cores}`]),
    ...(resources.memory > 0 ? [`--mem=${Math.ceil(resources.memory / 2 ** 20)}M`] : []),
    ...(resources.gpu ? ["--gres=gpu:1"] : []),
    ...(after.length > 0
      ? [`--dependency=afterok:${after.join(":")}`, "--kill-on-invalid-dep=yes"]
      : []),
  ];
  return `#!/bin/bash
# Written by deno task pipeline:launch --launcher slurm.
${options.map((option) => `#SBATCH ${option}`).join("\n")}

# A signal interrupts the wait for the step; then wait again.
caught=1
trap 'caught=1; kill -USR2 $pid' USR2
trap 'caught=1; kill -TERM $pid' TERM

steps=(${steps.map(quote).join(" ")})
${command.map(quote).join(" ")} "\${steps[$SLURM_ARRAY_TASK_ID]}" &
pid=$!
while [ $caught = 1 ]; do
  caught=0
  wait $pid
  code=$?
done

# 75: stopped in time with a checkpoint; 140: before its signal handler was set. Requeue either by index in the array:
# Slurm gives one job of an array the number of the whole array.
[ $code = 75 ] || [ $code = 140 ] && scontrol requeue "\${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
exit $code
`;
}

function quote(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Tries after one that did not reach the controller, as while it restarts. */
const RETRY = { retries: 4, pause_ms: 2000 };
const TRANSIENT =
  /Unable to contact slurm controller|Socket timed out|Connection (refused|timed out)|temporarily/i;

/**
 * Runs a command of Slurm.
 *
 * @returns its standard output.
 * @throws {Error} with what it printed, or that it is not installed or not permitted.
 */
function callSlurm(name: string, args: readonly string[]): Promise<string> {
  return retrying(name, RETRY, async () => {
    const { code, stdout, stderr } = await call(name, args);
    const said = new TextDecoder().decode(stderr).trim();
    // scancel --quiet exits with 1 and prints nothing when there is nothing to cancel.
    if (code === 0 || (name === "scancel" && said === "")) return new TextDecoder().decode(stdout);
    if (TRANSIENT.test(said)) throw new TransientError(said);
    throw new Error(`${name} failed: ${said || `exit code ${code}`}`);
  });
}

async function call(name: string, args: readonly string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command(name, { args: [...args], stdin: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(
        `${name} is not installed here: start the pipeline on a machine with Slurm's commands`,
      );
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw new Error(`this process may not run ${name}: use deno task pipeline:launch`);
    }
    throw error;
  }
}
