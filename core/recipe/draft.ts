/**
 * Recipes as they were given, before any check: what overrides change, and what checks read.
 *
 * @module
 */
import { type AnyStage, assertStage, type Permissions, type Port } from "../stage/mod.ts";
import type { Override } from "./overrides.ts";
import { type Problem, problemOf } from "./problems.ts";
import type { RecipeHeader } from "./recipe.ts";
import { type Ref, UNKNOWN_PORT } from "./wiring.ts";

/** A step as it was given. */
export interface GivenStep {
  readonly id: string;
  /** Undefined when it is not usable; `problems` of this or of another step say why. */
  readonly stage?: AnyStage;
  readonly config: unknown;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Undefined: that of the recipe. */
  readonly seed?: number;
  readonly permissions?: Permissions;
  /** What was wrong before it was checked. */
  readonly problems: readonly Problem[];
  /** Fields of the config that the recipe had otherwise. */
  readonly overrides?: readonly Override[];
}

/** A recipe as it was given. */
export interface Draft {
  readonly header: RecipeHeader;
  readonly steps: readonly GivenStep[];
  /** Refs to files outputs, if all is well. */
  readonly published: readonly unknown[];
  /** What was wrong before there were steps to check. */
  readonly problems: readonly Problem[];
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
export function whereOf({ id, stage }: Pick<GivenStep, "id" | "stage">): string {
  return `step "${id}"` + (stage ? ` (stage ${stage.name})` : "");
}

/** Writes a draft. */
export class DraftWriter {
  readonly #steps: GivenStep[] = [];
  readonly #published: unknown[] = [];
  readonly #refs = new WeakSet<object>();
  /** Filled by whoever reads a recipe from somewhere. */
  readonly problems: Problem[] = [];

  constructor(private readonly header: RecipeHeader) {}

  /**
   * Adds a step.
   *
   * @param problems what is wrong with it besides what will be checked.
   * @returns refs by output; any name, where the stage is not usable.
   */
  step(
    id: string,
    stage: unknown,
    { config = {}, inputs = {}, ...options }: GivenOptions = {},
    problems: readonly Problem[] = [],
  ): Readonly<Record<string, Ref>> {
    const unusable = problemOf(() => assertStage(stage, `the stage of step "${id}"`));
    if (unusable.length > 0) return this.brokenStep(id, [...problems, ...unusable]);
    const known = stage as AnyStage;
    const wired = inputs as Record<string, unknown>;
    this.#steps.push({ id, stage: known, config, inputs: wired, problems, ...options });
    const ports: [string, Port][] = Object.entries(known.outputs);
    return Object.fromEntries(ports.map(([name, port]) => [name, this.#ref(id, name, port)]));
  }

  /** Adds a step without a usable stage. Whatever reads it is not to blame, so any output may be asked for. */
  brokenStep(id: string, problems: readonly Problem[]): Readonly<Record<string, Ref>> {
    this.#steps.push({ id, config: {}, inputs: {}, problems });
    return new Proxy({}, {
      get: (_, name) => typeof name === "symbol" ? undefined : this.unknown(id, name),
      has: () => true,
    });
  }

  publish(ref: unknown): void {
    this.#published.push(ref);
  }

  /** A ref that fits every input: what is wrong with it has been told. */
  unknown(step: string, output: string): Ref {
    return this.#ref(step, output, UNKNOWN_PORT);
  }

  /** What was written so far. */
  draft(): Draft {
    return {
      header: this.header,
      steps: this.#steps,
      published: this.#published,
      problems: this.problems,
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
