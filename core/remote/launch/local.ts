/**
 * Steps as processes on this machine, as many at once as its cores and memory allow.
 *
 * @module
 */
import { openFile } from "../../words/mod.ts";
import { basename, join } from "node:path";
import type { Budget } from "../../runs/mod.ts";
import { startable } from "../../runner/mod.ts";
import type { JobArray, JobResources, JobState, Launcher } from "./launcher.ts";

interface LocalJob {
  readonly id: string;
  readonly step: string;
  readonly array: JobArray;
  state: "waiting" | "running" | "ended";
  /** Exit code, or why it did not start. */
  detail?: string;
  process?: Deno.ChildProcess;
}

/** @param budget what all running steps may use together. */
export function localLauncher(budget: Budget): Launcher {
  const jobs = new Map<string, LocalJob>();
  const done = new Set<string>();

  const fill = () => {
    for (const job of jobs.values()) {
      const lost = job.array.after.find((id) => jobs.get(id)?.state === "ended" && !done.has(id));
      if (job.state === "waiting" && lost) end(job, `${lost} failed`);
    }
    const left = [...jobs.values()].filter(({ state }) => state !== "ended");
    const tasks = left.map(({ id, array }) => taskOf(id, array, budget));
    const running = new Set(left.filter(({ state }) => state === "running").map(({ id }) => id));
    for (const { id } of startable(tasks, done, running, budget)) follow(jobs.get(id)!);
  };

  const end = (job: LocalJob, detail: string) => {
    job.state = "ended";
    job.detail = detail;
  };

  const cancel = (ids: readonly string[]) => {
    for (const job of ids.flatMap((id) => jobs.get(id) ?? [])) {
      if (job.state === "waiting") end(job, "cancelled");
    }
  };

  const follow = async (job: LocalJob) => {
    job.state = "running";
    try {
      const code = await runJob(job);
      if (code === 0) done.add(job.id);
      end(job, `exit code ${code}`);
    } catch (error) {
      end(job, (error as Error).message);
    }
    fill();
  };

  return {
    name: "local",
    outlives: false,
    submit(array) {
      const submitted = array.steps.map((step, i): LocalJob => {
        return { id: `${array.name}_${i}`, step, array, state: "waiting" };
      });
      for (const job of submitted) jobs.set(job.id, job);
      fill();
      return Promise.resolve(submitted.map(({ id }) => id));
    },
    // The jobs of another process are unknown here.
    find: () => Promise.resolve(undefined),
    states(ids) {
      const known = ids.flatMap((id) => jobs.get(id) ?? []);
      const states = known.map(({ id, state, detail }): [string, JobState] => {
        const failed = state === "ended" && !done.has(id);
        return [id, { state, ...(detail !== undefined && { detail }), ...(failed && { failed }) }];
      });
      return Promise.resolve(new Map(states));
    },
    cancel: (ids) => Promise.resolve(cancel(ids)),
    stop(ids) {
      cancel(ids);
      for (const id of ids) jobs.get(id)?.process?.kill("SIGTERM");
      return Promise.resolve();
    },
    logOf: ({ folder }, id) => join(folder, `${id}.log`),
    howToEnd: () => "Ctrl-C",
  };
}

/** What a step uses of this machine. */
function taskOf(id: string, { after, resources }: JobArray, budget: Budget) {
  const { exclusive, memory, gpu }: JobResources = resources;
  const cores = exclusive ? budget.cores : resources.cores;
  return { id, after, cores, memory, ...(gpu && { device: "gpu" }) };
}

async function runJob(job: LocalJob): Promise<number> {
  const { id, step, array } = job;
  const [program, ...args] = array.command;
  const log = await openFile(join(array.folder, `${id}.log`), { create: true, append: true });
  try {
    job.process = spawn(program, [...args, step]);
    await job.process.stderr.pipeTo(log.writable);
    return (await job.process.status).code;
  } finally {
    job.process = undefined;
  }
}

function spawn(program: string, args: string[]): Deno.ChildProcess {
  // `deno` in --allow-run may be a link to the program; its own path is not granted then.
  const names = [program, basename(program)];
  const granted = names.find((command) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted"
  );
  try {
    const streams = { stdin: "null", stdout: "null", stderr: "piped" } as const;
    return new Deno.Command(granted ?? program, { args, ...streams }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new Error("this process may not start others: use deno task pipeline:launch");
    }
    throw error;
  }
}
