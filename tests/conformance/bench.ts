/**
 * Runs a stage on a real store, with inputs like those of `fakeContext`, and records what it does.
 *
 * @module
 */
import { join } from "node:path";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { defineRecipe, type RecipeDraft, type Ref } from "@causeway/core/recipe";
import { run } from "@causeway/core/runner";
import {
  type AnyStage,
  defineStage,
  type FilesOutput,
  type InputPort,
  type InputPorts,
  type OutputPorts,
  type Port,
  type Stage,
  type StageContext,
} from "@causeway/core/stage";
import {
  type Artifact,
  listFolder,
  type Manifest,
  Store,
  VerifiedFiles,
} from "@causeway/core/store";
import type { FakeInputs } from "../shared/fake_context.ts";

/** A small config and inputs for a stage. Give one case for each kind of input that the stage treats differently. */
export interface ConformanceCase<
  S extends StandardSchemaV1 = StandardSchemaV1,
  I extends InputPorts = InputPorts,
> {
  /** Part of the names of the tests. */
  readonly name: string;
  readonly config: StandardSchemaV1.InferInput<S>;
  /** Like those of `fakeContext`: columns of tables, and contents of files by name. */
  readonly inputs: FakeInputs<I>;
  readonly seed?: number;
  /** Whether it saves checkpoints: an interrupted run must leave one and continue from it. Needs five reports. */
  readonly resumes?: boolean;
}

/** A case of any stage. */
export interface AnyCase {
  readonly name: string;
  readonly config: unknown;
  readonly inputs: object;
  readonly seed?: number;
  readonly resumes?: boolean;
}

/** What a stage did in one run. */
export interface Observed {
  /** Progress as reported: [step, total]. */
  readonly reports: [step: number, total: number | undefined][];
  /** Reports, writes and checkpoints, in order. */
  readonly moments: string[];
  /** Whether it was given a checkpoint. */
  resumed: boolean;
  /** Why the run failed or stopped; undefined if it finished. */
  error?: Error;
  /** The result; undefined if the run did not finish. */
  manifest?: Manifest;
  /** Whether the result existed already. */
  skipped: boolean;
}

/** An output folder in which one case runs, once or several times. */
export class Bench {
  readonly store: Store;

  constructor(readonly stage: AnyStage, readonly given: AnyCase, readonly out: string) {
    this.store = new Store(join(out, "store"));
  }

  /** Calls a function with a new folder, which is then removed. */
  static async use<T>(stage: AnyStage, given: AnyCase, use: (bench: Bench) => Promise<T>) {
    const out = await Deno.makeTempDir({ prefix: "causeway_conformance_" });
    try {
      return await use(new Bench(stage, given, out));
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  }

  /**
   * Runs the stage after tasks that write its inputs.
   *
   * @param stop called with the run so far before the stage starts and after each report, write and checkpoint;
   *   returns true to ask the stage to stop
   */
  async run(stop: (observed: Observed) => boolean = () => false): Promise<Observed> {
    const observed: Observed = { reports: [], moments: [], resumed: false, skipped: false };
    const controller = new AbortController();
    const look = () => {
      if (!controller.signal.aborted && stop(observed)) controller.abort(new Error("stop"));
    };
    const recipe = recipeOf(watched(this.stage, observed, look), this.given);
    const onEvent = (event: { type: string; step?: string }) => {
      if (event.step !== STEP) return;
      if (event.type === "step_started") look();
      if (event.type === "step_skipped") observed.skipped = true;
    };
    try {
      await run(recipe, { out: this.out, signal: controller.signal, onEvent });
    } catch (error) {
      observed.error = error as Error;
    }
    observed.manifest = this.manifest();
    return observed;
  }

  /** The manifest of the stage, if it has finished. */
  manifest(): Manifest | undefined {
    const { name } = this.stage;
    return [...this.store.readManifests().values()].find(({ stage }) => stage === name);
  }

  /** Names of all stored objects, which are the digests of their bytes. */
  objects(): string[] {
    const objects = join(this.store.root, "objects");
    return listFolder(objects).flatMap((folder) => listFolder(join(objects, folder)));
  }

  /**
   * Problems of the store: missing or damaged objects, and temporary files.
   *
   * @param options.complete whether the run has finished: then every object has to be part of a result, too.
   */
  async problems({ complete = false } = {}): Promise<string[]> {
    const artifacts = [...this.store.readManifests().values()].flatMap(({ outputs }) =>
      Object.values(outputs)
    );
    const files = new VerifiedFiles();
    const found = await Promise.all(
      artifacts.map((one: Artifact) => this.store.verify(one, files)),
    );
    const objects = found.flat().map(({ digest, state }) => `object ${digest} is ${state}`);
    const left = listFolder(join(this.store.root, "tmp")).map((name) =>
      `tmp/${name} was left behind`
    );
    const of_none = this.objects().filter((digest) =>
      complete && !files.isKnown(this.store.objectPath(digest), digest)
    );
    return [...objects, ...left, ...of_none.map((digest) => `object ${digest} is of no result`)];
  }
}

/** Id of the task under test. */
const STEP = "tested";

/** A recipe that writes each input in a separate task and runs the stage on them. */
export function recipeOf(stage: AnyStage, { config, inputs, seed }: AnyCase): RecipeDraft {
  const header = { name: "conformance", description: "One stage.", seed: seed ?? 0 };
  return defineRecipe(header, (recipe) => {
    let steps = 0;
    const write = (port: Port, content: unknown): Ref => {
      const id = `given_${steps++}`;
      return recipe.step(id, giving(id, port, content), {}).content;
    };
    const wire = (port: InputPort, content: unknown): unknown => {
      if (content === undefined) return undefined;
      if (port.kind === "optional") return write(port.port, content);
      if (port.kind !== "many") return write(port, content);
      const entries = Object.entries(content as object);
      return Object.fromEntries(entries.map(([label, one]) => [label, write(port.port, one)]));
    };
    const ports = Object.entries(stage.inputs as InputPorts);
    const wiring = ports.map(([name, port]) => [name, wire(port, inputs[name as never])]);
    const wired = wiring.filter(([, refs]) => refs !== undefined);
    const { permissions } = stage;
    recipe.step(STEP, stage, { config, inputs: Object.fromEntries(wired) as never, permissions });
  });
}

/** A stage that writes one artifact. */
function giving(name: string, port: Port, content: unknown) {
  return defineStage({
    name,
    version: "1",
    description: "Writes the data of a test.",
    config: z.strictObject({}),
    inputs: {},
    outputs: { content: port } as { content: Port },
    async run({ outputs }) {
      const output = outputs.content as { write(batch: unknown): Promise<void> } & FilesOutput;
      if (port.kind === "table") return await output.write(content);
      for (const [file, bytes] of Object.entries(content as Record<string, string>)) {
        await output.write(file, bytes);
      }
    },
  });
}

type AnyContext = StageContext<unknown, InputPorts, OutputPorts>;

/** The stage with the same key, recording what it does. */
function watched(stage: AnyStage, observed: Observed, look: () => void): AnyStage {
  const note = (moment: string) => {
    observed.moments.push(moment);
    look();
  };
  const run = async (ctx: AnyContext) => {
    const { report, checkpoints } = ctx;
    await stage.run({
      ...ctx,
      report(step, metrics, total) {
        report(step, metrics, total);
        observed.reports.push([step, total]);
        note("report");
      },
      checkpoints: overlaid(checkpoints, {
        async latest() {
          const saved = await checkpoints.latest();
          observed.resumed ||= saved !== undefined;
          return saved;
        },
        async save(step, files, rows) {
          await checkpoints.save(step, files, rows);
          note("save");
        },
      }),
      outputs: new Proxy(ctx.outputs, {
        get(outputs, name) {
          const output = Reflect.get(outputs, name) as { write(...content: unknown[]): unknown };
          if (typeof name === "symbol" || output === undefined) return output;
          return {
            async write(...content: unknown[]) {
              await output.write(...content);
              note("write");
            },
          };
        },
      }),
    } as AnyContext);
  };
  return { ...stage, run } as Stage;
}

/** An object with some methods replaced. */
function overlaid<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get(target, name) {
      if (name in methods) return Reflect.get(methods, name);
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
