/**
 * The stage contract: a name, a version, a config schema, ports, and `run`.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { InspectContext, StageContext } from "./context.ts";
import { assertPermissions, type Permissions } from "./permissions.ts";
import type { Forecast, ForecastContext } from "./forecast.ts";
import type { Requirements } from "./requirements.ts";
import type { Batch, InputPorts, OutputPorts } from "./ports.ts";
import type { batch_samples } from "./standard_ports.ts";

/** Version of this contract. A stage built for another version is rejected when it is loaded. */
export const STAGE_INTERFACE = 1;

/**
 * One kind of work in a pipeline, built in or a plugin.
 *
 * `version` is part of every artifact key: raise it when the stage's results change, so that old results are not
 * reused.
 */
export interface Stage<
  S extends StandardSchemaV1 = StandardSchemaV1,
  I extends InputPorts = InputPorts,
  O extends OutputPorts = OutputPorts,
> {
  readonly interface: typeof STAGE_INTERFACE;
  /** snake_case, unique in a recipe's set of stages. */
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Any Standard Schema validator (zod, valibot, arktype). */
  readonly config: S;
  readonly inputs: I;
  readonly outputs: O;
  /**
   * What it needs to access besides its inputs and outputs. A plugin gets what the recipe grants its step; a recipe that
   * grants less than the stage asks for is rejected.
   */
  readonly permissions?: Permissions;
  /**
   * Whether a run on several processes runs it on all of them together, with `ctx.ranks`; otherwise rank 0 runs it alone.
   * All ranks read the same inputs; output of ranks above 0 is discarded.
   */
  readonly parallel?: true;
  /** Must be deterministic in (config, inputs, seed): what is written to outputs, not when. */
  run(ctx: StageContext<StandardSchemaV1.InferOutput<S>, I, O>): Promise<void>;
  /**
   * Returns rows of the batch that `run` trains on at a step, counted from 0, for `deno task inspect`. Only stages that
   * train have it.
   */
  inspect?(
    ctx: InspectContext<StandardSchemaV1.InferOutput<S>, I>,
    at: { step: number; rows: number },
  ): Promise<Batch<typeof batch_samples.columns>>;
  /**
   * What a step with this config needs of the machine. The runner checks it for every step before the first one starts,
   * so that nothing fails after hours. It opens no connection. If it throws, a step with this config would fail.
   */
  requires?(config: StandardSchemaV1.InferOutput<S>): Requirements;
  /** Forecasts what a step will do and need: for `deno task plan`, and to check sizes before a run. */
  forecast?(
    ctx: ForecastContext<StandardSchemaV1.InferOutput<S>, I, O>,
  ): Forecast | Promise<Forecast>;
}

// deno-lint-ignore no-explicit-any -- a registry holds stages of every shape; `run` is contravariant in its context
export type AnyStage = Stage<any, any, any>;

/**
 * Declares a stage, infers its types, and checks what types cannot: names and versions.
 *
 * @throws {TypeError} when a part is missing or a name is not snake_case.
 *
 * @example A stage that counts the rows of a table
 * ```ts
 * import { defineStage, table } from "./mod.ts";
 * import { z } from "zod";
 *
 * export const count_rows = defineStage({
 *   name: "count_rows",
 *   version: "1",
 *   description: "Counts the rows of a table.",
 *   config: z.object({}),
 *   inputs: { rows: table({ text: "utf8" }, "any texts") },
 *   outputs: { count: table({ rows: "int32" }, "one row: the number of rows") },
 *   async run({ inputs, outputs }) {
 *     await outputs.count.write({ rows: Int32Array.of(inputs.rows.rows) });
 *   },
 * });
 * ```
 */
export function defineStage<
  S extends StandardSchemaV1,
  const I extends InputPorts,
  const O extends OutputPorts,
>(stage: Omit<Stage<S, I, O>, "interface">): Stage<S, I, O> {
  const complete = { interface: STAGE_INTERFACE, ...stage } as Stage<S, I, O>;
  assertStage(complete, `stage "${stage.name}"`);
  rememberOrigin(complete);
  return complete;
}

const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/**
 * Checks that a value, such as the export of a plugin, is a stage that this version can run.
 *
 * @param origin where the value comes from, for the message: a file or package name.
 * @throws {TypeError} saying what is wrong and where.
 */
export function assertStage(value: unknown, origin: string): asserts value is AnyStage {
  const name = (value as Partial<AnyStage> | null | undefined)?.name;
  const named = typeof name === "string" && !origin.includes(`"${name}"`) ? ` ("${name}")` : "";
  const fail = (what: string): never => {
    throw new TypeError(`${origin}${named} is not a valid stage: ${what}`);
  };
  if (typeof value !== "object" || value === null) {
    fail("it is not an object; export what defineStage returns");
  }
  const stage = value as Partial<AnyStage>;
  if (stage.interface !== STAGE_INTERFACE) {
    fail(
      `it is built for stage interface ${stage.interface}, this program has ${STAGE_INTERFACE}; use defineStage`,
    );
  }
  if (typeof stage.name !== "string" || !SNAKE_CASE.test(stage.name)) {
    fail(`its name ${JSON.stringify(stage.name)} is not snake_case`);
  }
  if (typeof stage.version !== "string" || stage.version === "") fail("it has no version");
  if (typeof stage.run !== "function") fail("it has no run function");
  for (const name of ["requires", "forecast"] as const) {
    if (!["undefined", "function"].includes(typeof stage[name])) {
      fail(`its ${name} is not a function`);
    }
  }
  if (
    typeof (stage.config as StandardSchemaV1 | undefined)?.["~standard"]?.validate !== "function"
  ) {
    fail("its config is not a Standard Schema (zod, valibot or arktype object)");
  }
  if (stage.permissions !== undefined) assertPermissions(stage.permissions, `${origin}${named}`);
  for (const side of ["inputs", "outputs"] as const) {
    const ports = stage[side];
    if (typeof ports !== "object" || ports === null) fail(`it declares no ${side}`);
    for (const [name, port] of Object.entries(ports as Record<string, { kind?: string }>)) {
      if (!SNAKE_CASE.test(name)) fail(`its port "${name}" is not snake_case`);
      const known = side === "inputs" ? ["table", "files", "many", "optional"] : ["table", "files"];
      if (!known.includes(port?.kind ?? "")) {
        fail(`its ${side} port "${name}" was not created by table() or files()`);
      }
    }
  }
}

// Kept beside the stages, not in them, so that a copy of a stage has no origin.
const origins = new WeakMap<object, string>();

const PLACE = /(?:^|[\s(])([a-z]+:\/?\/?[^\s()]+):\d+:\d+\)?$/;

/** Records the module that called `defineStage`. */
function rememberOrigin(stage: object): void {
  const frames = new Error().stack?.split("\n") ?? [];
  const places = frames.flatMap((frame) => PLACE.exec(frame)?.[1] ?? []);
  const caller = places.find((place) => place !== import.meta.url);
  if (caller !== undefined) origins.set(stage, caller);
}

/** URL of the module that declared a stage with `defineStage`; undefined for any other stage. */
export function originOf(stage: object): string | undefined {
  return origins.get(stage);
}
