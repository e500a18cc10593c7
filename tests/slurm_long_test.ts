/**
 * Pipelines whose tasks are jobs of a real Slurm, which the tests start.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  done,
  eventsOf,
  Hold,
  jobsOf,
  launcherConformance,
  Pipeline,
  results,
} from "./shared/launchers.ts";
import { withFolder } from "./shared/commands.ts";
import { slurmLauncher } from "@causeway/core/remote/launch";
import { listFolder } from "@causeway/core/store";
import { no_slurm, type Slurm, until, withSlurm } from "./shared/slurm.ts";

const runsOf = (out: string) => listFolder(join(out, "runs")).length;

const queued = async (slurm: Slurm) =>
  (await slurm.call("squeue", "-h", "-r", "-o", "%i|%T|%r")).trim().split("\n").filter(Boolean);

const name = (text: string) => no_slurm ? `${text} (skipped: ${no_slurm})` : text;

/** Waits until a task is a running job. @returns the job's id. */
async function running(slurm: Slurm, out: string, step: string): Promise<string> {
  let id: string | undefined;
  await until(async () => {
    id = jobsOf(out)[step];
    return id !== undefined && (await queued(slurm)).some((line) => line.startsWith(`${id}|RUN`));
  }, `job of ${step}`);
  return id!;
}

async function statusOf(out: string): Promise<string> {
  const script = new URL("../core/cli/runs/status.ts", import.meta.url).href;
  const args = ["run", "--no-check", "-A", script, "latest", "--out", out];
  return new TextDecoder().decode(
    (await new Deno.Command(Deno.execPath(), { args }).output()).stdout,
  );
}

Deno.test({
  name: name("tasks run as jobs of Slurm"),
  ignore: no_slurm !== undefined,
  fn: (t) =>
    withFolder((folder) =>
      withSlurm(async (slurm) => {
        await done(new Pipeline(undefined, join(folder, "fast")));
        const hold = new Hold(folder), held = hold.args;
        await done(new Pipeline(undefined, join(folder, "slow"), ...held));
        /** Starts a pipeline whose arms are held, and waits for the job of one. */
        const start = async (out: string, step: string) => {
          hold.start();
          const pipeline = new Pipeline(slurm, out, ...held);
          return { pipeline, id: await running(slurm, out, step) };
        };
        const [fast, slow] = ["fast", "slow"].map((name) => results(join(folder, name)));

        await t.step(
          "independent tasks are one array, others wait for their inputs",
          async () => {
            const out = join(folder, "whole");
            await done(new Pipeline(slurm, out));
            assert.deepEqual(results(out), fast);
            const { raw, left, right, total } = jobsOf(out);
            assert.equal(left, right!.replace(/_1$/, "_0"));
            assert.notEqual(raw, left);
            const waited = eventsOf(out).filter((event) =>
              event.type === "step_job" && event.job.detail === "PENDING, Dependency"
            );
            assert.ok(waited.some((event) => event.type === "step_job" && event.step === "total"));
            assert.ok(total);
            const again = await done(new Pipeline(slurm, out));
            assert.doesNotMatch(again, / {2}running \(/);
          },
        );

        await t.step("jobs outlive the launcher, and the next one takes them over", async () => {
          const out = join(folder, "killed");
          const { pipeline: first, id } = await start(out, "left");
          const shown = new RegExp(
            `left +climb +(slurm ${id}: RUNNING|[\\d.:]+)[^]*total +sum +slurm .*: PENDING`,
          );
          await until(async () => shown.test(await statusOf(out)), "status");
          first.kill("SIGKILL");
          await first.ended;
          const jobs = jobsOf(out);
          const { code, err } = await new Pipeline({ env: slurm.env }, out, ...held).ended;
          assert.equal(code, 1);
          assert.match(err, /3 steps of .*killed may be running in slurm: continue with deno task/);
          assert.match(err, /or end them with scancel \d+ \d+$/m);
          const second = new Pipeline(slurm, out, ...held);
          await until(() => runsOf(out) === 2 && jobsOf(out).total !== undefined, "job of total");
          assert.equal(jobsOf(out).total, jobs.total);
          hold.end();
          await done(second);
          assert.deepEqual(results(out), slow);
          assert.ok([undefined, jobs.left].includes(jobsOf(out).left));
          await done(new Pipeline(undefined, out, ...held));
        });

        await t.step("without a launcher the submitted jobs run to the end", async () => {
          const out = join(folder, "alone");
          const first = new Pipeline(slurm, out);
          await until(() => jobsOf(out).total !== undefined, "job of total");
          first.kill("SIGKILL");
          await first.ended;
          await until(() => listFolder(join(out, "store/manifests")).length === 4);
          assert.doesNotMatch(await done(new Pipeline(slurm, out)), / {2}running \(/);
          assert.deepEqual(results(out), fast);
        });

        await t.step(
          "at the signal before its time limit a job saves and is requeued",
          async () => {
            const out = join(folder, "limited");
            const { pipeline, id } = await start(out, "right");
            await until(
              () =>
                eventsOf(out).some((event) => event.type === "report" && event.step === "right"),
              "report",
            );
            await slurm.call("scancel", "--batch", "--signal=USR2", id);
            await until(async () =>
              /Restarts=1/.test(await slurm.call("scontrol", "show", "job", id))
            );
            hold.end();
            await done(pipeline);
            assert.deepEqual(results(out), slow);
            const [launch] = listFolder(join(out, "launch"));
            const log = Deno.readTextFileSync(join(out, "launch", launch, `${id}.log`));
            assert.match(log, /Stopped by SIGUSR2/);
          },
        );

        await t.step(
          "a cancelled job fails its task, and waiting jobs are cancelled",
          async () => {
            const out = join(folder, "cancelled");
            const { pipeline, id } = await start(out, "left");
            await slurm.call("scancel", id);
            // Slurm cancels some time after it is asked to: until then the task must not end by itself.
            await until(
              async () => !(await queued(slurm)).some((line) => line.startsWith(`${id}|RUN`)),
              `the end of job ${id}`,
            );
            hold.end();
            const { code, err } = await pipeline.ended;
            assert.equal(code, 1);
            assert.match(err, new RegExp(`step "left".* job ${id} ended without a result`));
            await until(async () => (await queued(slurm)).length === 0, "an empty queue");
            await done(new Pipeline(slurm, out, ...held));
            assert.deepEqual(results(out), slow);
          },
        );

        await t.step(
          "Ctrl-C leaves jobs running; jobs of other settings are cancelled",
          async () => {
            const out = join(folder, "left");
            const { pipeline, id } = await start(out, "left");
            pipeline.kill("SIGINT");
            const { code, err } = await pipeline.ended;
            assert.equal(code, 130);
            assert.match(
              err,
              /Stopped\. The steps continue in slurm: .* end them with scancel \d+/,
            );
            const state = await slurm.call("squeue", "-h", "-r", "-t", "all", "-j", id, "-o", "%T");
            assert.match(state, /^(RUNNING|COMPLETING|COMPLETED)$/m);
            await done(new Pipeline(slurm, out));
            hold.end();
            assert.deepEqual(results(out), fast);
            assert.notEqual(jobsOf(out).left, id);
          },
        );

        await t.step("the controller may be down for a while", async () => {
          const out = join(folder, "restarted");
          const { pipeline } = await start(out, "left");
          await slurm.restartController(() => new Promise((resolve) => setTimeout(resolve, 2000)));
          hold.end();
          await done(pipeline);
          assert.deepEqual(results(out), slow);
        });

        await t.step("an error of sbatch is reported", async () => {
          const out = join(folder, "refused");
          const args = ["--launcher-arg=--partition=nowhere"];
          const { code, err } = await new Pipeline(slurm, out, ...args).ended;
          assert.equal(code, 1);
          assert.match(err, /Error: sbatch failed: .*invalid partition/);
        });
      })
    ),
});

Deno.test({
  name: name("the Slurm launcher passes the conformance suite"),
  ignore: no_slurm !== undefined,
  fn: (t) =>
    withSlurm(async (slurm) => {
      const before = Object.keys(slurm.env).map((key) => [key, Deno.env.get(key)] as const);
      Object.entries(slurm.env).forEach(([key, value]) => Deno.env.set(key, value));
      try {
        await launcherConformance(t, () => slurmLauncher());
      } finally {
        before.forEach(([key, value]) => value ? Deno.env.set(key, value) : Deno.env.delete(key));
      }
    }),
});

Deno.test("errors for missing Slurm and unknown launchers", () =>
  withFolder(async (folder) => {
    const absent = { name: "slurm", env: { PATH: "/nowhere" } };
    const { code, err } = await new Pipeline(absent, join(folder, "out")).ended;
    assert.equal(code, 1);
    assert.match(
      err,
      /Error: sbatch is not installed here: start the pipeline on a machine with Slurm/,
    );
    const other = await new Pipeline(undefined, join(folder, "out"), "--launcher", "pbs").ended;
    assert.match(
      other.err,
      /Error: unknown launcher "pbs"; use local, slurm or your own module/,
    );
  }));
