/**
 * Recipes as JSON: for experiments that need no code, and for programs that write recipes. docs/recipe.schema.json
 * is their JSON Schema.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type AnyStage, PERMISSION_KINDS } from "../stage/mod.ts";
import { type Draft, DraftWriter } from "./draft.ts";
import { listOf, orderSteps } from "./json_order.ts";
import { repeatedKeys } from "./json_text.ts";
import type { Problem } from "./problems.ts";
import { sample_settings_schema } from "./sample_settings.ts";
import { loadStage } from "./stage_modules.ts";
import type { Ref } from "./wiring.ts";

/** An output, as "step.output". */
const output = z.string().regex(/^.+\.[^.]+$/, 'is not "step.output"');

/** One step of a JSON recipe. */
export const step_schema = z.strictObject({
  stage: z.string().describe('A built-in stage, or one of "stages".'),
  config: z.record(z.string(), z.unknown()).optional().describe("Config of the stage."),
  inputs: z.record(z.string(), z.union([output, z.record(z.string(), output)])).optional()
    .describe(
      'Outputs of other steps, "step.output", by input; by label too where it takes several.',
    ),
  seed: z.int().nonnegative().optional().describe("In place of the recipe's."),
  permissions: z.partialRecord(
    z.enum(PERMISSION_KINDS),
    z.union([z.literal(true), z.array(z.string())]),
  ).optional().describe("What a plugin may reach besides its inputs and outputs."),
});

/** A JSON recipe, but for its steps, which are checked one by one. */
export const recipe_schema = z.strictObject({
  $schema: z.string().optional().describe("Where the JSON Schema of recipes is, for editors."),
  name: z.string().describe("Names the folder of published results."),
  description: z.string().describe("What the experiment is for."),
  seed: z.int().nonnegative().describe("Seed of every step that has none of its own."),
  device: z.string().optional()
    .describe("Device of every step that can be on one and does not say which."),
  samples: sample_settings_schema.optional()
    .describe("What is to be seen of models while they train; it changes no result."),
  stages: z.record(z.string(), z.string()).optional().describe(
    "Stages of your own by name: ./file.ts, npm:package@1/export or jsr:@scope/package@1, with #name for an " +
      "export that is not the default one. Paths start from the folder of the recipe.",
  ),
  steps: z.record(z.string(), z.unknown()).describe("Steps by id, in any order."),
  publish: z.array(output).optional()
    .describe('Outputs whose files are copied to the results, "step.output".'),
});

export type JsonStep = z.output<typeof step_schema>;
type JsonRecipe = z.output<typeof recipe_schema>;

/**
 * Reads a JSON recipe.
 *
 * @param url file URL.
 * @param stages URL of a JSON file with the specifiers of stages that need not be declared, by name.
 * @returns the recipe as given; what is wrong with it is among its problems.
 * @throws {Error} in one sentence when it is not JSON.
 */
export async function readJsonRecipe(url: string, stages?: string): Promise<Draft> {
  const { json, text } = await readJson(url);
  const { data, error } = recipe_schema.safeParse(json);
  const problems = [
    ...repeatedKeys(text).map((message) => ({ message })),
    ...error?.issues.map((issue) => sayIssue(issue)) ?? [],
  ];
  const built_in = stages === undefined ? {} : (await readJson(stages)).json;
  return await new Reader(url, data ?? soundPart(json), stages, built_in, problems).read();
}

async function readJson(url: string) {
  const text = await Deno.readTextFile(fileURLToPath(url));
  try {
    return { json: JSON.parse(text), text };
  } catch (error) {
    throw new Error(`it is not JSON: ${(error as Error).message}`);
  }
}

/** What is right with a recipe that is not of the form, so that its steps can be checked even so. */
function soundPart(json: unknown): JsonRecipe {
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

function sayIssue({ path, message }: z.core.$ZodIssue, where?: string): Problem {
  return { message: [where, path.join("."), message].filter((part) => part).join(": ") };
}

class Reader {
  readonly #writer: DraftWriter;
  readonly #refs = new Map<string, Readonly<Record<string, Ref>>>();
  /** By name; undefined for those that are not usable, which has been told. */
  readonly #stages = new Map<string, AnyStage | undefined>();

  constructor(
    private readonly url: string,
    private readonly recipe: JsonRecipe,
    private readonly built_in_url: string | undefined,
    private readonly built_in: Readonly<Record<string, string>>,
    problems: readonly Problem[],
  ) {
    this.#writer = new DraftWriter(recipe);
    this.#writer.problems.push(...problems);
  }

  async read(): Promise<Draft> {
    const { steps, stages = {}, publish = [] } = this.recipe;
    for (const name of Object.keys(stages)) {
      if (!Object.hasOwn(this.built_in, name)) continue;
      this.#tell(`stage "${name}" has the name of a built-in stage; call yours another`);
    }
    const parsed = new Map(
      Object.entries(steps).map(([id, step]) => [id, step_schema.safeParse(step)]),
    );
    const wiring = new Map([...parsed].map(([id, { data }]) => [id, data?.inputs ?? {}]));
    const { order, cycles } = orderSteps(wiring);
    cycles.forEach((cycle) =>
      this.#tell(`steps read each other in a circle: ${cycle.join(" <- ")}`)
    );
    for (const id of order) {
      const { data: step, error } = parsed.get(id)!;
      const problems = error?.issues.map((issue) => sayIssue(issue, `step "${id}"`)) ?? [];
      this.#refs.set(id, step ? await this.#step(id, step) : this.#writer.brokenStep(id, problems));
    }
    for (const text of publish) {
      const problems: Problem[] = [];
      this.#writer.publish(this.#resolve(text, "publish", problems));
      this.#writer.problems.push(...problems);
    }
    return this.#writer.draft();
  }

  async #step(id: string, { stage: name, inputs = {}, ...rest }: JsonStep) {
    const problems: Problem[] = [];
    const stage = await this.#stage(name, `step "${id}"`, problems);
    if (!stage) return this.#writer.brokenStep(id, problems);
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

  /** The output that a text names. One that is not there is told, and then fits everywhere. */
  #resolve(text: string, at: string, problems: Problem[]): Ref {
    const dot = text.lastIndexOf(".");
    const [id, output] = [text.slice(0, dot), text.slice(dot + 1)];
    const refs = this.#refs.get(id);
    if (!refs && !Object.hasOwn(this.recipe.steps, id)) {
      const known = listOf(Object.keys(this.recipe.steps));
      problems.push({ message: `${at}: there is no step "${id}"; the steps are ${known}` });
    } else if (refs && !(output in refs)) {
      const known = listOf(Object.keys(refs));
      problems.push({ message: `${at}: step "${id}" has no output "${output}"; it has ${known}` });
    }
    return refs?.[output] ?? this.#writer.unknown(id, output);
  }

  async #stage(name: string, where: string, problems: Problem[]): Promise<AnyStage | undefined> {
    if (this.#stages.has(name)) return this.#stages.get(name);
    const { stages = {} } = this.recipe;
    const own = Object.hasOwn(stages, name) ? stages[name] : undefined;
    const specifier = own ?? (Object.hasOwn(this.built_in, name) ? this.built_in[name] : undefined);
    if (specifier === undefined) {
      const known = listOf([...Object.keys(stages), ...Object.keys(this.built_in)]);
      const message =
        `there is no stage "${name}"; there are ${known}; one of your own is named in "stages"`;
      problems.push({ message: `${where}: ${message}` });
      return undefined;
    }
    let stage: AnyStage | undefined;
    try {
      stage = await loadStage(specifier, own === undefined ? this.built_in_url : this.url);
      if (stage.name !== name) {
        throw new Error(
          `the stage of "${specifier}" is named "${stage.name}"; name it so in "stages"`,
        );
      }
    } catch (error) {
      stage = undefined;
      problems.push({ message: `stage "${name}": ${(error as Error).message}`, cause: error });
    }
    this.#stages.set(name, stage);
    return stage;
  }

  #tell(message: string): void {
    this.#writer.problems.push({ message });
  }
}
