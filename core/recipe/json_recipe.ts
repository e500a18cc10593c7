/**
 * Recipes as JSON or YAML: for experiments that need no code, and for programs that write recipes. docs/recipe.schema.json
 * is their JSON Schema.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type AnyStage, PERMISSION_KINDS } from "../stage/mod.ts";
import { didYouMean, issueText } from "../words/mod.ts";
import { DraftWriter, header_fields, type Problem, type RecipeDraft } from "./draft.ts";
import { parseJsonRecipe, parseYamlRecipe } from "./recipe_text.ts";
import { loadStage, stageFault, type StageNames } from "./stage_modules.ts";
import type { Ref } from "./wiring.ts";

/** An output, as "step.output". */
const output = z.string().regex(/^.+\.[^.]+$/, 'must be "step.output"');

/** One step of a JSON recipe. */
export const step_schema = z.strictObject({
  stage: z.string().describe('A built-in stage, or one of "stages".'),
  config: z.record(z.string(), z.unknown()).optional().describe("Config of the stage."),
  inputs: z.record(z.string(), z.union([output, z.record(z.string(), output)])).optional()
    .describe(
      'Outputs of other steps, "step.output", by input; a record by label where it accepts several.',
    ),
  seed: z.int().nonnegative().optional().describe("Replaces the recipe's seed."),
  permissions: z.partialRecord(
    z.enum(PERMISSION_KINDS),
    z.union([z.literal(true), z.array(z.string())]),
  ).optional().describe("What a plugin may access besides its inputs and outputs."),
});

/** A JSON recipe. Its steps are checked one by one, to report the problems of each. */
export const recipe_schema = z.strictObject({
  $schema: z.string().optional().describe("URL of the JSON Schema of recipes, for editors."),
  ...header_fields,
  stages: z.record(z.string(), z.string()).optional().describe(
    "Your own stages by name: ./file.ts, npm:package@1.2.3/export or jsr:@scope/package@1.2.3, with #name " +
      "for an export other than the default. A package must be one of the project's (deno add). Paths are relative to the folder of the recipe.",
  ),
  steps: z.record(z.string(), z.unknown()).describe("Steps by id, in any order."),
  publish: z.array(output).optional()
    .describe('Outputs whose files are copied to the results, "step.output".'),
});

export type JsonStep = z.output<typeof step_schema>;
type JsonRecipe = z.output<typeof recipe_schema>;

/**
 * Reads a JSON or YAML recipe.
 *
 * @param url file URL.
 * @param names stages that the recipe need not declare.
 * @returns the recipe as it is written, with its problems.
 * @throws {Error} in one sentence when it is not JSON or YAML.
 */
export async function readJsonRecipe(url: string, names: StageNames): Promise<RecipeDraft> {
  const text = await Deno.readTextFile(fileURLToPath(url));
  const parse = /\.ya?ml$/i.test(url) ? parseYamlRecipe : parseJsonRecipe;
  const { value: json, problems: found } = parse(text);
  const { data, error } = recipe_schema.safeParse(json);
  const problems = [
    ...found.map((message) => ({ message })),
    ...error?.issues.map((issue) => ({ message: describe(issue, "the recipe", "") })) ?? [],
  ];
  return await new Reader(url, data ?? validPart(json), names, problems).read();
}

/** The valid fields of an invalid recipe, so that its steps can be checked all the same. */
function validPart(json: unknown): JsonRecipe {
  const given = (typeof json === "object" ? json : undefined) as
    | Record<string, unknown>
    | undefined;
  const fields = Object.entries(recipe_schema.shape).flatMap(([name, schema]) => {
    const { success, data } = schema.safeParse(given?.[name]);
    return success ? [[name, data]] : [];
  });
  const missing = { name: "recipe", description: "", seed: 0, steps: {} };
  return { ...missing, ...Object.fromEntries(fields) };
}

/** @param whole what is wrong if not one of its fields is, and `before` what comes before the name of a field. */
function describe(issue: z.core.$ZodIssue, whole: string, before: string): string {
  return issue.path.length === 0 ? issueText(issue, whole) : before + issueText(issue);
}

class Reader {
  readonly #writer: DraftWriter;
  readonly #refs = new Map<string, Readonly<Record<string, Ref>>>();
  /** By name; undefined for those that are invalid, which is reported already. */
  readonly #stages = new Map<string, AnyStage | undefined>();

  constructor(
    private readonly url: string,
    private readonly recipe: JsonRecipe,
    private readonly names: StageNames,
    problems: readonly Problem[],
  ) {
    this.#writer = new DraftWriter(recipe);
    this.#writer.problems.push(...problems);
  }

  async read(): Promise<RecipeDraft> {
    const { steps, stages = {}, publish = [] } = this.recipe;
    for (const name of Object.keys(stages)) {
      if (!Object.hasOwn(this.names.stages, name)) continue;
      this.#report(`stage "${name}" has the name of a built-in stage; choose another name`);
    }
    this.#refusePackages(stages);
    const parsed = new Map(
      Object.entries(steps).map(([id, step]) => [id, step_schema.safeParse(step)]),
    );
    const wiring = new Map([...parsed].map(([id, { data }]) => [id, data?.inputs ?? {}]));
    const { order, cycles } = orderSteps(wiring);
    cycles.forEach((cycle) =>
      this.#report(`steps depend on each other in a cycle: ${cycle.join(" <- ")}`)
    );
    for (const id of order) {
      const { data: step, error } = parsed.get(id)!;
      const problems = error?.issues.map((issue) => ({
        message: describe(issue, `step "${id}"`, `step "${id}": `),
      })) ?? [];
      this.#refs.set(
        id,
        step ? await this.#step(id, step) : this.#writer.invalidStep(id, problems),
      );
    }
    for (const text of publish) {
      const problems: Problem[] = [];
      this.#writer.publish(this.#resolve(text, "publish", problems));
      this.#writer.problems.push(...problems);
    }
    return this.#writer.draft();
  }

  /** Tells all packages that may not be loaded, before any module of the recipe is; then none of them is. */
  #refusePackages(stages: Readonly<Record<string, string>>): void {
    const faults = Object.entries(stages).flatMap(([name, specifier]) => {
      const fault = stageFault(specifier);
      return fault === undefined
        ? []
        : [`stage "${name}": the stage module "${specifier}" ${fault}`];
    });
    faults.forEach((fault) => this.#report(fault));
    if (faults.length > 0) Object.keys(stages).forEach((name) => this.#stages.set(name, undefined));
  }

  async #step(id: string, { stage: name, inputs = {}, ...rest }: JsonStep) {
    const problems: Problem[] = [];
    const stage = await this.#stage(name, `step "${id}"`, problems);
    if (!stage) return this.#writer.invalidStep(id, problems);
    const where = `step "${id}" (stage ${name})`;
    const wired = Object.entries(inputs).map(([port, given]) => {
      const at = `${where}, input "${port}"`;
      if (typeof given === "string") return [port, this.#resolve(given, at, problems)];
      const labelled = Object.entries(given).map(([label, text]) => [
        label,
        this.#resolve(text, `${at} (${label})`, problems),
      ]);
      return [port, Object.fromEntries(labelled)];
    });
    return this.#writer.step(id, stage, { ...rest, inputs: Object.fromEntries(wired) }, problems);
  }

  /** The output that a text names. A missing one is reported; the ref returned for it fits every input. */
  #resolve(text: string, at: string, problems: Problem[]): Ref {
    const dot = text.lastIndexOf(".");
    const [id, output] = [text.slice(0, dot), text.slice(dot + 1)];
    const refs = this.#refs.get(id);
    if (!refs && !Object.hasOwn(this.recipe.steps, id)) {
      const known = listOf(Object.keys(this.recipe.steps));
      problems.push({ message: `${at}: there is no step "${id}"; the steps are ${known}` });
    } else if (refs && !(output in refs)) {
      const known = listOf(Object.keys(refs));
      problems.push({
        message: `${at}: step "${id}" has no output "${output}"; its outputs are ${known}`,
      });
    }
    return refs?.[output] ?? this.#writer.unknownRef(id, output);
  }

  async #stage(name: string, where: string, problems: Problem[]): Promise<AnyStage | undefined> {
    if (this.#stages.has(name)) return this.#stages.get(name);
    const { stages = {} } = this.recipe;
    const { stages: built_in, renamed } = this.names;
    const own = Object.hasOwn(stages, name) ? stages[name] : undefined;
    const specifier = own ?? (Object.hasOwn(built_in, name) ? built_in[name] : undefined);
    if (specifier === undefined) {
      const names = [...Object.keys(stages), ...Object.keys(built_in)];
      const meant = didYouMean(name, names) || `; the stages are ${listOf(names)}`;
      const message = Object.hasOwn(renamed, name)
        ? `stage "${name}" is now called "${renamed[name]}"`
        : `there is no stage "${name}" here or in the recipe's field "stages"${meant}`;
      problems.push({ message: `${where}: ${message}` });
      return undefined;
    }
    let stage: AnyStage | undefined;
    try {
      stage = await loadStage(specifier, own === undefined ? this.names.url : this.url);
      if (stage.name !== name) {
        throw new Error(
          `the stage of "${specifier}" is named "${stage.name}"; use that name in "stages"`,
        );
      }
    } catch (error) {
      stage = undefined;
      problems.push({ message: `stage "${name}": ${(error as Error).message}`, cause: error });
    }
    this.#stages.set(name, stage);
    return stage;
  }

  #report(message: string): void {
    this.#writer.problems.push({ message });
  }
}

/** Inputs of a step: outputs as "step.output", or records of them by label. */
export type JsonInputs = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/**
 * Orders steps so that each comes after those it reads; otherwise they keep their order.
 *
 * @param wiring inputs by step id.
 * @returns all ids, and the cycles in which steps read each other, each ending with the id that it begins with.
 *
 * @example
 * ```ts
 * import { orderSteps } from "./json_recipe.ts";
 * import assert from "node:assert/strict";
 *
 * const wiring = new Map<string, Record<string, string>>([
 *   ["total", { a: "one.data", b: "two.data" }],
 *   ["two", {}],
 *   ["one", {}],
 * ]);
 * assert.deepEqual(orderSteps(wiring).order, ["one", "two", "total"]);
 * ```
 */
export function orderSteps(wiring: ReadonlyMap<string, JsonInputs>) {
  const order: string[] = [];
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (id: string, trail: readonly string[]): void => {
    if (trail.includes(id)) return void cycles.push([...trail.slice(trail.indexOf(id)), id]);
    if (done.has(id) || !wiring.has(id)) return;
    for (const read of stepsRead(wiring.get(id)!)) visit(read, [...trail, id]);
    done.add(id);
    order.push(id);
  };
  for (const id of wiring.keys()) visit(id, []);
  return { order, cycles };
}

function stepsRead(inputs: JsonInputs): string[] {
  const texts = Object.values(inputs).flatMap((given) =>
    typeof given === "string" ? [given] : Object.values(given)
  );
  return [...new Set(texts.map((text) => text.slice(0, Math.max(0, text.lastIndexOf(".")))))];
}

/** "a, b", or "none". */
export function listOf(names: readonly string[]): string {
  return names.join(", ") || "none";
}
