/**
 * Whole pipelines on several processes, started by real MPI launchers.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { listFolder, readIfPresent } from "@causeway/core/store";
import { LAUNCHERS, mpirun, no_hosts, withTwoHosts } from "./shared/mpi.ts";
import { withFolder } from "./shared/commands.ts";

const PIPELINE = new URL("../core/cli/run/pipeline.ts", import.meta.url);
const RECIPE = new URL("shared/tiny_recipe.ts", import.meta.url).pathname;
const argsFor = (
  out: string,
  ...more: string[]
) => ["--recipe", RECIPE, "--out", out, "--port=0", "--json", "--quiet", ...more];

interface Summary {
  state: string;
  steps: { step: string; state: string; metrics: Record<string, number> }[];
}

const summaryOf = (out: string): Summary => JSON.parse(out.trim().split("\n").at(-1)!);

async function alone(out: string): Promise<Summary> {
  const args = ["run", "--no-prompt", "-A", PIPELINE.href, ...argsFor(out)];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return summaryOf(new TextDecoder().decode(stdout));
}

const losses = ({ steps }: Summary) =>
  steps.flatMap(({ metrics }) =>
    Object.entries(metrics).filter(([name]) => /^(loss|validation_loss|grad_norm)/.test(name))
      .map(([, value]) => value)
  );

const digests = (out: string) =>
  [...Deno.readDirSync(join(out, "store/manifests"))].map(({ name }) => {
    return Deno.readTextFileSync(join(out, "store/manifests", name));
  }).sort();

function assertNear(a: readonly number[], b: readonly number[]) {
  assert.equal(a.length, b.length);
  a.forEach((value, i) =>
    assert.ok(Math.abs(value - b[i]) < 1e-5, `${value}, with one process ${b[i]}`)
  );
}

/** The losses of one process. */
let of_one: Promise<number[]> | undefined;
const lossesOfOne = () =>
  of_one ??= withFolder(async (folder) => losses(await alone(join(folder, "one"))));

/** More ranks than cores mostly wait for each other, so one launcher with four is enough. */
const SIZES_OF: Record<string, number[]> = { "mpirun.openmpi": [2, 4], "mpirun.mpich": [2] };

for (const launcher of LAUNCHERS) {
  Deno.test(`several processes give the losses of one, and the same bits again: ${launcher}`, () =>
    withFolder(async (folder) => {
      const one = await lossesOfOne();
      for (const size of SIZES_OF[launcher]) {
        const out = join(folder, `${size}`);
        const first = await mpirun(launcher, size, PIPELINE, argsFor(out));
        assert.equal(first.code, 0, first.err);
        const summary = summaryOf(first.out);
        assert.equal(summary.state, "finished");
        assertNear(losses(summary), one);
        if (size > 2) continue;
        const again = join(folder, `${size}_sharded`);
        const sharded = await mpirun(launcher, size, PIPELINE, argsFor(again, "--shard-optimizer"));
        assert.equal(sharded.code, 0, sharded.err);
        assert.deepEqual(digests(again), digests(out));
      }
    }));
}

const [launcher] = LAUNCHERS;

Deno.test({
  name: "a killed rank ends the job, which continues with another number of ranks",
  ignore: launcher === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      const env = { CAUSEWAY_CHECKPOINT_SECONDS: "0.01" };
      // Long enough to be killed within a task.
      const slow = ["--set", "tuned.epochs=20"];
      const script = await rankScript(folder);
      const job = mpirun(launcher, 2, undefined, [script, ...argsFor(out, ...slow)], env);
      await killRank(folder, out);
      const { code, err } = await job;
      assert.notEqual(code, 0);
      assert.match(err, /rank 1|exited on signal 9|KILLED BY SIGNAL: 9|BAD TERMINATION/);
      const rest = await mpirun(launcher, 4, PIPELINE, argsFor(out, ...slow), env);
      assert.equal(rest.code, 0, rest.err);
      const { steps } = summaryOf(rest.out);
      assert.deepEqual(steps.slice(0, 3).map(({ state }) => state), [
        "skipped",
        "skipped",
        "skipped",
      ]);
      assert.equal(steps[3].state, "finished");
      assert.match(rest.out, /resuming at step \d+ of/);
    }),
});

/** A script that writes its process id and becomes the pipeline. */
async function rankScript(folder: string): Promise<string> {
  const script = join(folder, "rank.sh");
  const lines = [
    "#!/bin/sh",
    "RANK=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}",
    `echo $$ > "${folder}/pid.$RANK"`,
    // With OWN_SEEDS each rank has another seed, like with a faulty job script.
    '[ -n "$OWN_SEEDS" ] && OWN_ARGUMENT="--set seed=$RANK"',
    `exec "${Deno.execPath()}" run -A "${PIPELINE.pathname}" "$@" $OWN_ARGUMENT`,
  ];
  await Deno.writeTextFile(script, lines.join("\n") + "\n");
  await Deno.chmod(script, 0o755);
  return script;
}

/** Kills rank 1 once a task has a checkpoint. */
async function killRank(folder: string, out: string) {
  const work = join(out, "store/work");
  const hasCheckpoint = () => {
    try {
      return [...Deno.readDirSync(work)].some(({ name }) =>
        [...Deno.readDirSync(join(work, name))].some(({ name }) => /^step-\d+$/.test(name))
      );
    } catch {
      return false;
    }
  };
  const ran = () => {
    const log = [...Deno.readDirSync(join(out, "runs"))].map(({ name }) =>
      Deno.readTextFileSync(join(out, "runs", name, "events.jsonl"))
    ).join();
    return log.includes('"type":"step_started","step":"tuned"');
  };
  while (!hasCheckpoint() || !ran()) await new Promise((resolve) => setTimeout(resolve, 10));
  Deno.kill(Number(Deno.readTextFileSync(join(folder, "pid.1"))), "SIGKILL");
}

Deno.test({
  name: "ranks with different recipes stop before the first task",
  ignore: launcher === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const out = join(folder, "out");
      const job = [await rankScript(folder), ...argsFor(out)];
      const { code, err } = await mpirun(launcher, 2, undefined, job, { OWN_SEEDS: "1" });
      assert.notEqual(code, 0);
      assert.match(err, /rank 1 differs from rank 0 in its recipe, data or seed/);
      assert.throws(() => Deno.statSync(join(out, "runs")), Deno.errors.NotFound);
    }),
});

const on_hosts = (text: string) => no_hosts ? `${text} (skipped: ${no_hosts})` : text;

Deno.test({
  name: on_hosts("two hosts give the losses of one, and gradients go over the network"),
  ignore: no_hosts !== undefined,
  fn: () =>
    withFolder((folder) =>
      withTwoHosts(async (hosts) => {
        const one = await lossesOfOne();
        const before = await hosts.received();
        const { code, out, err } = await hosts.mpirun(PIPELINE, argsFor(join(folder, "two")));
        assert.equal(code, 0, err);
        const summary = summaryOf(out);
        assert.equal(summary.state, "finished");
        assertNear(losses(summary), one);
        // At least 104 steps, each with sums of 14,080 numbers.
        assert.ok(await hosts.received() - before > 104 * 4 * 14_080 / 2);
      })
    ),
});

Deno.test({
  name: on_hosts("losing a host ends the job, which can continue on another"),
  ignore: no_hosts !== undefined,
  fn: () =>
    withFolder((folder) =>
      withTwoHosts(async (hosts) => {
        const out = join(folder, "out");
        // Would take minutes to finish.
        const long = argsFor(out, "--set", "tuned.epochs=500");
        const job = hosts.mpirun(PIPELINE, long);
        const started = () => {
          const [run] = listFolder(join(out, "runs"));
          const log = run && readIfPresent(join(out, "runs", run, "events.jsonl"));
          return log?.includes('"step_started","step":"tuned"');
        };
        while (!started()) await new Promise((resolve) => setTimeout(resolve, 100));
        await hosts.cut();
        const { code, err } = await job;
        assert.notEqual(code, 0);
        assert.match(err, /lost communication with a remote daemon[^]*10\.77\.0\.2/);
        const { steps } = await alone(out);
        assert.deepEqual(steps.map(({ state }) => state), [
          ...["skipped", "skipped", "skipped", "finished", "finished"],
        ]);
      })
    ),
});
