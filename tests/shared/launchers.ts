/**
 * Tests of launchers: the pipeline command in a child process, and the conformance suite of launchers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { JobArray, JobState, Launcher } from "@causeway/core/remote/launch";
import { foldEvents, type RunEvent } from "@causeway/core/runs";
import { listFolder, readIfPresent } from "@causeway/core/store";

const PIPELINE = new URL("../../core/cli/run/pipeline.ts", import.meta.url).href;
/** Numbers, four arms that read them, and the sum of the arms. */
const RECIPE = fileURLToPath(new URL("../../core/recipe/testdata/arms_recipe.ts", import.meta.url));

/** A running pipeline command. */
export class Pipeline {
  err = "";
  readonly #process: Deno.ChildProcess;
  readonly ended: Promise<{ code: number; err: string }>;

  /**
   * @param launcher without a name, tasks run in the process of the pipeline.
   */
  constructor(
    launcher: { name?: string; env?: Readonly<Record<string, string>> } | undefined,
    out: string,
    ...args: string[]
  ) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--no-prompt", "-A", PIPELINE, "--recipe", RECIPE],
        ...[
          "--out",
          out,
          "--port=0",
          ...(launcher?.name ? ["--launcher", launcher.name] : []),
          ...args,
        ],
      ],
      env: launcher?.env,
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.ended = this.#follow();
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  async #follow() {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      this.err += text;
    }
    return { code: (await this.#process.status).code, err: this.err };
  }
}

export async function done(pipeline: Pipeline): Promise<string> {
  const { code, err } = await pipeline.ended;
  assert.equal(code, 0, err);
  return err;
}

/** Names and contents of all manifests. */
export function results(out: string): Record<string, string> {
  const folder = join(out, "store/manifests");
  return Object.fromEntries(
    listFolder(folder).map((name) => [name, Deno.readTextFileSync(join(folder, name))]),
  );
}

export function eventsOf(out: string): RunEvent[] {
  const id = listFolder(join(out, "runs")).at(-1) ?? "none";
  const text = readIfPresent(join(out, "runs", id, "events.jsonl")) ?? "";
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

export const jobsOf = (out: string) =>
  Object.fromEntries((foldEvents(eventsOf(out))?.steps ?? []).map(({ id, job }) => [id, job?.id]));

/** Makes the arms stay at half their steps, so that tests can interrupt them. */
export class Hold {
  readonly #path: string;
  /** For a pipeline. They are part of the arms' configs, held or not. */
  readonly args: readonly string[];

  constructor(folder: string) {
    this.#path = join(folder, "hold");
    const config = (step: string) => [`${step}.hold=${this.#path}`, `${step}.slice=0`];
    this.args = ["left", "right"].flatMap(config).flatMap((set) => ["--set", set]);
  }

  start(): void {
    Deno.writeTextFileSync(this.#path, "");
  }

  end(): void {
    Deno.removeSync(this.#path);
  }
}

const RESOURCES = { cores: 1, exclusive: false, memory: 0, gpu: false };
const WAIT_MS = 60_000;

/**
 * Registers what every launcher must do, as steps of a test.
 *
 * @param make makes a launcher that can run two jobs of one core at a time
 */
export async function launcherConformance(
  t: Deno.TestContext,
  make: () => Launcher,
): Promise<void> {
  const launcher = make();
  const folder = await Deno.makeTempDir();
  /** A job array of shell scripts; `$1` is the task. */
  const array = (
    name: string,
    steps: string[],
    script: string,
    after: string[] = [],
  ): JobArray => ({
    ...{
      name: `${name}-${crypto.randomUUID().slice(0, 8)}`,
      steps,
      after,
      resources: RESOURCES,
      folder,
    },
    command: ["/bin/bash", "-c", `cd '${folder}'\n${script}`, "job"],
  });
  /** Shell: waits for a file, which `go` makes. */
  const wait = (name: string) => `until [ -e ${name} ]; do sleep 0.02; done`;
  const go = (name: string) => Deno.writeTextFileSync(join(folder, name), "");
  const has = (name: string) => readIfPresent(join(folder, name)) !== undefined;
  const stateOf = async (id: string): Promise<JobState["state"]> =>
    (await launcher.states([id])).get(id)?.state ?? "ended";
  const until = async (is_so: () => boolean | Promise<boolean>, what: string) => {
    for (const end = performance.now() + WAIT_MS; !await is_so();) {
      assert.ok(performance.now() < end, `timeout waiting for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const ended = (id: string) => until(async () => await stateOf(id) === "ended", `end of ${id}`);

  try {
    await t.step("each job of an array gets its task, and its output is kept", async () => {
      const jobs = array("print", ["a", "b"], 'echo "this is $1" >&2; touch "$1"');
      const ids = await launcher.submit(jobs);
      assert.equal(new Set(ids).size, 2);
      await Promise.all(ids.map(ended));
      assert.ok(has("a") && has("b"));
      assert.match(readIfPresent(launcher.logOf(jobs, ids[1]))!, /this is b/);
    });

    await t.step("a job starts when the jobs before it have succeeded", async () => {
      const [first] = await launcher.submit(array("first", ["c"], `${wait("go")}; touch c`));
      const script = '[ -e c ] && touch "$1"';
      const [second] = await launcher.submit(array("second", ["d"], script, [first]));
      assert.equal(await stateOf(second), "waiting");
      go("go");
      await ended(second);
      assert.ok(has("d"));
    });

    await t.step("a job never starts if one before it has failed", async () => {
      const [first] = await launcher.submit(array("fails", ["e"], "exit 1"));
      const [second] = await launcher.submit(array("never", ["f"], "touch f", [first]));
      const [third] = await launcher.submit(array("nor", ["g"], "touch g", [second]));
      await Promise.all([second, third].map(ended));
      assert.ok(!has("f") && !has("g"));
    });

    await t.step("waiting jobs can be cancelled", async () => {
      const [first] = await launcher.submit(
        array("long", ["h"], `touch on; ${wait("on2")}; touch h`),
      );
      const [second] = await launcher.submit(array("back", ["i"], "touch i", [first]));
      await until(() => has("on"), "the job before");
      await launcher.cancel([second, first]);
      await ended(second);
      go("on2");
      await until(() => has("h"), "the job that ran");
      assert.ok(!has("i"));
    });

    await t.step("running jobs can be stopped with SIGTERM", async () => {
      const script =
        `trap 'touch stopped; exit 143' TERM; touch ready; while :; do sleep 0.1; done`;
      const [id] = await launcher.submit(array("stop", ["j"], script));
      await until(() => has("ready"), "the job");
      await launcher.stop([id]);
      await ended(id);
      assert.ok(has("stopped"));
    });

    await t.step("unknown jobs have ended", async () => {
      const states = await launcher.states(["999999_0"]);
      assert.equal(states.size, 0);
      assert.equal(await launcher.find({ name: "nobody", steps: ["a"] }), undefined);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
