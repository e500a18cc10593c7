import assert from "node:assert/strict";
import { join } from "node:path";
import { launcherConformance } from "../../../tests/shared/launchers.ts";
import { arraysOf } from "./launched_run.ts";
import { localLauncher } from "./local.ts";
import { openLauncher } from "./open.ts";
import {
  clearOutcome,
  readOrder,
  readOutcome,
  ReportTail,
  ReportWriter,
  writeOrder,
} from "./launch_folder.ts";
import { slurmScript } from "./slurm.ts";
import { withFolder } from "../../../tests/shared/commands.ts";

const BUDGET = { jobs: 2, cores: 2, memory: Infinity };
const RESOURCES = { cores: 3, exclusive: false, memory: 3 * 2 ** 30, gpu: true };

Deno.test("the local launcher does what a launcher must", async (t) => {
  await launcherConformance(t, () => localLauncher(BUDGET));
});

Deno.test("the local launcher starts no more jobs than it has room for", () =>
  withFolder(async (folder) => {
    const launcher = localLauncher({ jobs: 8, cores: 4, memory: Infinity });
    const script = `echo + >> '${folder}/log'; sleep 0.3; echo - >> '${folder}/log'`;
    const command = ["/bin/bash", "-c", script, "job"];
    const resources = { ...RESOURCES, cores: 2, memory: 0, gpu: false };
    const steps = ["a", "b", "c", "d", "e"];
    const ids = await launcher.submit({ name: "x", steps, after: [], resources, command, folder });
    for (;;) {
      const states = [...(await launcher.states(ids)).values()];
      if (states.every(({ state }) => state === "ended")) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    let [now, most] = [0, 0];
    for (const line of Deno.readTextFileSync(join(folder, "log")).trim().split("\n")) {
      now += line === "+" ? 1 : -1;
      most = Math.max(most, now);
    }
    assert.equal(most, 2);
  }));

Deno.test("a script for Slurm asks for what the steps need, and quotes what a shell would read", () => {
  const script = slurmScript({
    name: "causeway-1",
    steps: ["plain", "it's"],
    after: ["7_0", "8_1"],
    resources: RESOURCES,
    command: ["/opt/my deno", "step", "/out"],
    folder: "/out",
  });
  for (
    const line of [
      "#SBATCH --array=0-1",
      "#SBATCH --cpus-per-task=3",
      "#SBATCH --mem=3072M",
      "#SBATCH --gres=gpu:1",
      "#SBATCH --dependency=afterok:7_0:8_1",
      "#SBATCH --requeue",
      `steps=(plain 'it'\\''s')`,
    ]
  ) assert.ok(script.split("\n").includes(line), `${line} in\n${script}`);
  assert.match(script, /^'\/opt\/my deno' step \/out "\$\{steps\[\$SLURM_ARRAY_TASK_ID\]\}" &$/m);
  const whole = { ...RESOURCES, exclusive: true };
  const args = { name: "x", steps: ["a"], after: [], command: ["b"], folder: "/" };
  assert.match(slurmScript({ ...args, resources: whole }), /^#SBATCH --exclusive$/m);
});

Deno.test("more steps than an array may hold are several arrays", () => {
  const to_run = Array.from(
    { length: 2500 },
    (_, i) => ({ id: `s${i}`, task: { cores: 1, memory: 0 } }),
  );
  const steps = new Map(to_run.map(({ id }) => [id, { id, config: {}, inputs: {} }]));
  const arrays = arraysOf(to_run as never[], steps as never);
  assert.deepEqual(arrays.map(({ steps }) => steps.length), [1000, 1000, 500]);
  assert.equal(new Set(arrays.flatMap(({ steps }) => steps)).size, 2500);
});

Deno.test("reports arrive in order, even after a process was killed in the middle of a line", () =>
  withFolder(async (folder) => {
    const heard: unknown[] = [];
    const listener = {
      report: (...args: unknown[]) => heard.push(["report", ...args]),
      log: (message: string) => heard.push(message),
      sample: (done: number) => heard.push(done),
    } as unknown as ReportWriter;
    const tail = new ReportTail(folder, "a");
    await tail.read(listener);
    const writer = new ReportWriter(folder, "a");
    writer.log("first");
    writer.report([[1, 5, { loss: 2 }]], 9);
    await tail.read(listener);
    writer.close();
    Deno.writeTextFileSync(join(folder, "a.events.jsonl"), '{"type":"lo', { append: true });
    await tail.read(listener);
    const again = new ReportWriter(folder, "a");
    again.sample(3, { prompt: "p", text: "t" });
    again.close();
    await tail.read(listener);
    assert.deepEqual(heard, ["first", ["report", [[1, 5, { loss: 2 }]], 9], 3]);
  }));

Deno.test("orders are read back; other folders are errors", () =>
  withFolder((folder) => {
    assert.throws(() => readOrder(folder), /is not the folder of a launch/);
    const order = { recipe: "file:///r.ts", load: { set: ["a=1"] }, out: "/out" };
    writeOrder(folder, order);
    assert.deepEqual(readOrder(folder), order);
    Deno.writeTextFileSync(join(folder, "order.json"), '{"recipe": 1}');
    assert.throws(() => readOrder(folder), /order\.json is damaged/);
    assert.equal(readOutcome(folder, "a"), undefined);
    clearOutcome(folder, "a");
  }));

Deno.test("your own launcher is one file", () =>
  withFolder(async (folder) => {
    const own = join(folder, "own.ts");
    const options = { args: ["x"], budget: BUDGET };
    await Deno.writeTextFile(own, "export default () => ({ name: 'own' });");
    await assert.rejects(openLauncher(own, options), /is not a launcher: submit is/);
    const verbs = ["submit", "find", "states", "cancel", "stop", "logOf", "howToEnd"];
    const members = verbs.map((verb) => `${verb}() {}`).join(", ");
    const whole = join(folder, "whole.ts");
    await Deno.writeTextFile(
      whole,
      `export default ({ args }) => ({ name: "own " + args[0], outlives: true, ${members} });`,
    );
    assert.equal((await openLauncher(whole, options)).name, "own x");
    await assert.rejects(openLauncher("local", options), /local launcher has no --launcher-arg/);
  }));
