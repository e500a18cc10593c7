/**
 * Recipes as they were written, before any check: what overrides change, and what `check.ts` reads. Also the error that
 * lists everything that is wrong with a recipe.
 *
 * @module
 */
import { z } from "zod";
import { type AnyStage, assertStage, type Permissions, type Port } from "../stage/mod.ts";
import { type Ref, UNKNOWN_PORT } from "./wiring.ts";

/** One thing that is wrong, as a sentence that names the step and the field. */
export interface Problem {
  readonly message: string;
  /** What was thrown, where a check failed by throwing. */
  readonly cause?: unknown;
}

/** A recipe that cannot be run. `message` is its only problem, or a heading and a line for each. */
export class RecipeError extends TypeError {
  /** @param subject what has the problems, for the heading: `recipe "tiny"`. */
  constructor(subject: string, readonly problems: readonly Problem[]) {
    const lines = problems.map(({ message }) => `  ${message.replace(/\s*\n\s*/g, " ")}`);
    super(
      problems.length === 1
        ? problems[0].message
        : [`${subject} has ${problems.length} problems:`, ...lines].join("\n"),
      { cause: problems.length === 1 ? problems[0].cause : undefined },
    );
  }
}

/** Samples of generated text to show while models train. They are not part of any step: no result or key depends on them. */
export const sample_settings_schema = z.strictObject({
  prompts: z.array(z.string().min(1)).min(1).max(16)
    .describe("Prompts that models continue while they train."),
  max_new_tokens: z.int().positive().max(1024).default(48).describe("Tokens of each sample."),
  temperature: z.number().min(0).max(10).default(0.8)
    .describe("0 always picks the most likely token."),
});

/** Everything about a recipe but its steps, in TypeScript and in JSON. */
export const header_fields = {
  name: z.string().describe("Also names the folder of published results."),
  description: z.string().describe("What the experiment is for."),
  seed: z.int().nonnegative().describe("Seed of every step that does not set its own."),
  device: z.string().optional()
    .describe("Device of every step whose config has a field `device` and does not set it."),
  samples: sample_settings_schema.optional()
    .describe("Samples to show of models while they train; they change no result."),
};

/** Name, purpose and seed of a recipe, and what applies to all its steps. */
export type RecipeHeader = Readonly<z.input<z.ZodObject<typeof header_fields>>>;

/** A field of a step's config that the command line set. */
export interface Override {
  /** Place in the config. */
  readonly path: readonly string[];
  /** As it was written: `--set sft.epochs=many`. */
  readonly flag: string;
  /** The values allowed there, in words: `number > 0`. */
  readonly allowed?: string;
}

/** A step as it was written. */
export interface StepDraft {
  readonly id: string;
  /** Undefined when it is invalid; a problem of this step or of the recipe says why. */
  readonly stage?: AnyStage;
  readonly config: unknown;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Undefined: the recipe's seed. */
  readonly seed?: number;
  readonly permissions?: Permissions;
  /** Problems found while it was read. */
  readonly problems: readonly Problem[];
  readonly overrides?: readonly Override[];
}

/** A recipe as it was written: what `defineRecipe` returns. */
export interface RecipeDraft {
  readonly kind: "recipe_draft";
  readonly header: RecipeHeader;
  /** In the order in which they were added: every step comes after those it reads. */
  readonly steps: readonly StepDraft[];
  /** Refs to files outputs, unless the recipe is wrong. */
  readonly published: readonly unknown[];
  /** Problems found while it was read. */
  readonly problems: readonly Problem[];
  /** Thrown by the code that adds the steps; perhaps only because of what is wrong with a step. */
  readonly thrown?: { readonly error: unknown };
  /** Whether a value is a ref to an output of one of these steps. */
  isRef(value: unknown): value is Ref;
}

/** What a step is given besides its id and stage. */
export interface GivenOptions {
  readonly config?: unknown;
  readonly inputs?: object;
  readonly seed?: number;
  readonly permissions?: Permissions;
}

/** A step in messages. */
export function whereOf({ id, stage }: Pick<StepDraft, "id" | "stage">): string {
  return `step "${id}"` + (stage ? ` (stage ${stage.name})` : "");
}

/** Calls a check that may throw, and returns what it threw as a problem. */
export function problemOf(check: () => void): Problem[] {
  try {
    check();
    return [];
  } catch (cause) {
    return [{ message: cause instanceof Error ? cause.message : String(cause) }];
  }
}

/** Builds a draft step by step. */
export class DraftWriter {
  readonly #steps: StepDraft[] = [];
  readonly #published: unknown[] = [];
  readonly #refs = new WeakSet<object>();
  /** Problems of the recipe as a whole, added by the code that reads it. */
  readonly problems: Problem[] = [];
  thrown?: { readonly error: unknown };

  constructor(private readonly header: RecipeHeader) {}

  /**
   * Adds a step.
   *
   * @param problems what is already known to be wrong with it.
   * @returns refs by output; any name works where the stage is invalid.
   */
  step(
    id: string,
    stage: unknown,
    { config = {}, inputs = {}, ...options }: GivenOptions = {},
    problems: readonly Problem[] = [],
  ): Readonly<Record<string, Ref>> {
    const invalid = problemOf(() => assertStage(stage, `the stage of step "${id}"`));
    if (invalid.length > 0) return this.invalidStep(id, [...problems, ...invalid]);
    const known = stage as AnyStage;
    const wired = inputs as Record<string, unknown>;
    this.#steps.push({ id, stage: known, config, inputs: wired, problems, ...options });
    const ports: [string, Port][] = Object.entries(known.outputs);
    const refs = ports.map(([name, port]) => [name, this.#ref(id, name, port)]);
    // Without a prototype, whose names would look like outputs.
    return Object.setPrototypeOf(Object.fromEntries(refs), null);
  }

  /** Adds a step whose stage is invalid. Steps that read it are not at fault, so every output name is accepted. */
  invalidStep(id: string, problems: readonly Problem[]): Readonly<Record<string, Ref>> {
    this.#steps.push({ id, config: {}, inputs: {}, problems });
    return new Proxy({}, {
      get: (_, name) => typeof name === "symbol" ? undefined : this.unknownRef(id, name),
      has: () => true,
    });
  }

  publish(ref: unknown): void {
    this.#published.push(ref);
  }

  /** A ref that fits every input, in place of one whose problem is already reported. */
  unknownRef(step: string, output: string): Ref {
    return this.#ref(step, output, UNKNOWN_PORT);
  }

  /** What was added so far. */
  draft(): RecipeDraft {
    return {
      kind: "recipe_draft",
      header: this.header,
      steps: this.#steps,
      published: this.#published,
      problems: this.problems,
      thrown: this.thrown,
      isRef: (value): value is Ref =>
        typeof value === "object" && value !== null && this.#refs.has(value),
    };
  }

  #ref(step: string, output: string, port: Port): Ref {
    const ref = Object.freeze({ step, output, port });
    this.#refs.add(ref);
    return ref;
  }
}
