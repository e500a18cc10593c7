/**
 * The pipeline command with a launcher, in a process of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { foldEvents, type RunEvent } from "../core/runs/mod.ts";
import { listFolder, readIfPresent } from "../core/store/mod.ts";

const PIPELINE = new URL("../core/cli/run/pipeline.ts", import.meta.url).href;
/** Numbers, four arms that read them, and the sum of the arms. */
const RECIPE = fileURLToPath(new URL("../core/recipe/testdata/arms_recipe.ts", import.meta.url));

/** The pipeline command. */
export class Pipeline {
  err = "";
  readonly #process: Deno.ChildProcess;
  readonly ended: Promise<{ code: number; err: string }>;

  /**
   * @param launcher undefined: steps run in the process of the pipeline itself.
   * @param env of the cluster, if there is one.
   */
  constructor(
    launcher: { name: string; env?: Readonly<Record<string, string>> } | undefined,
    out: string,
    ...args: string[]
  ) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--no-prompt", "-A", PIPELINE, "--recipe", RECIPE],
        ...["--out", out, "--port=0", ...(launcher ? ["--launcher", launcher.name] : []), ...args],
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

/** All that a run leaves for good: names and content of results. */
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

/** Steps that take four seconds, so that they can be met on their way. */
export const SLOW = ["left", "right"].flatMap((step) => ["--set", `${step}.slice=15`]);

export async function withFolder(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
