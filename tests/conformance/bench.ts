/**
 * Runs one stage on a real store, on inputs that are given as for `fakeContext`, and watches what it does.
 *
 * @module
 */
import { join } from "node:path";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { defineRecipe, type RecipeDraft, type Ref } from "../../core/recipe/mod.ts";
import { run } from "../../core/runner/mod.ts";
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
} from "../../core/stage/mod.ts";
import { type Artifact, listFolder, type Manifest, Store } from "../../core/store/mod.ts";
import type { FakeInputs } from "../shared/fake_context.ts";

/** A config and inputs that a stage can be run on: small, and of each kind that it treats in a way of its own. */
export interface ConformanceCase<
  S extends StandardSchemaV1 = StandardSchemaV1,
  I extends InputPorts = InputPorts,
> {
  /** Tells the case in the names of the tests. */
  readonly name: string;
  readonly config: StandardSchemaV1.InferInput<S>;
  /** As for `fakeContext`: blocks of rows, and contents of files by name. */
  readonly inputs: FakeInputs<I>;
  readonly seed?: number;
  /** Whether it saves checkpoints: an interrupted run must leave one, and go on from it. Takes five reports. */
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
  /** Whether it was given a checkpoint to go on from. */
  resumed: boolean;
  /** Why the run ended; undefined when it finished. */
  error?: Error;
  /** What was made; undefined when it did not finish. */
  manifest?: Manifest;
  /** Whether the step was there already. */
  skipped: boolean;
}

/** An output folder in which one case is run, once or several times. */
export class Bench {
  readonly store: Store;

  constructor(readonly stage: AnyStage, readonly given: AnyCase, readonly out: string) {
    this.store = new Store(join(out, "store"));
  }

  /** Runs in a folder of its own, which is removed. */
  static async use<T>(stage: AnyStage, given: AnyCase, use: (bench: Bench) => Promise<T>) {
    const out = await Deno.makeTempDir({ prefix: "causeway_conformance_" });
    try {
      return await use(new Bench(stage, given, out));
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  }

  /**
   * Runs the stage, after steps that write its inputs.
   *
   * @param stop told of the run so far before the stage begins and after each report, write and checkpoint;
   *   asks it to stop by returning true.
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

  /** The manifest of the stage, if it is finished. */
  manifest(): Manifest | undefined {
    const { name } = this.stage;
    return [...this.store.readManifests().values()].find(({ stage }) => stage === name);
  }

  /** Names of all stored objects, which are the digests of their bytes. */
  objects(): string[] {
    const objects = join(this.store.root, "objects");
    return listFolder(objects).flatMap((folder) => listFolder(join(objects, folder)));
  }

  /** What is wrong with what the store says it has: missing or damaged objects, and files half-written. */
  async problems(): Promise<string[]> {
    const artifacts = [...this.store.readManifests().values()].flatMap(({ outputs }) =>
      Object.values(outputs)
    );
    const found = await Promise.all(artifacts.map((one: Artifact) => this.store.verify(one)));
    const objects = found.flat().map(({ digest, state }) => `object ${digest} is ${state}`);
    const left = listFolder(join(this.store.root, "tmp")).map((name) => `tmp/${name} is left`);
    return [...objects, ...left];
  }
}

/** Id of the step under test. */
const STEP = "tested";

/** A recipe that writes the inputs, each by a step of its own, and runs the stage on them. */
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
    description: "Writes what a test gives.",
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

/** The stage, with what it does noted down. Its key is the same. */
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
        async save(step, files) {
          await checkpoints.save(step, files);
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

/** An object with some of its methods in place of its own. */
function overlaid<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get(target, name) {
      if (name in methods) return Reflect.get(methods, name);
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
