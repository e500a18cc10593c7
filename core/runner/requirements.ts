/**
 * What has to be there before the first step runs: permissions, packages, devices and libraries, memory, disk, data. All
 * that is missing is found at once, so that nothing fails after hours.
 *
 * @module
 */
import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { canRestrict } from "../config/mod.ts";
import { type ComputeNeeds, computeProblem } from "../engine/mod.ts";
import { accessProblem } from "../hub/mod.ts";
import { packageFolder } from "../readers/mod.ts";
import type { Recipe, Step } from "../recipe/mod.ts";
import { upstream } from "../recipe/mod.ts";
import type { Requirements } from "../stage/mod.ts";
import { counted, errorText, formatBytes } from "../words/mod.ts";
import { diskNeeds, memoryOf, type StepForecast } from "./forecast.ts";
import { isolate, permissionProblem } from "./isolation.ts";

/** Something that is missing, and the steps that need it. */
export interface Unmet {
  /** A sentence with the cause and how to fix it. */
  readonly problem: string;
  /** Ids; empty for what concerns all steps together. */
  readonly steps: readonly string[];
  /** What depends on the command that runs the recipe ("start"), or on this machine and the data ("here"). */
  readonly kind: "start" | "here";
}

/** Something is missing that a step needs; nothing has been started. */
export class RequirementsError extends Error {
  override name = "RequirementsError";

  constructor(recipe: string, readonly unmet: readonly Unmet[]) {
    const head = `recipe "${recipe}" would not finish`;
    super(
      unmet.length === 1
        ? `${head}: ${describeUnmet(unmet[0])}`
        : `${head}; ${unmet.length} things are missing:\n${
          unmet.map((one) => `  ${describeUnmet(one)}`).join("\n")
        }`,
    );
  }
}

/** One line: who needs it, and what is wrong. */
export function describeUnmet({ problem, steps }: Unmet): string {
  if (steps.length === 0) return problem;
  if (steps.length === 1) return `step "${steps[0]}": ${problem}`;
  const more = steps.length > 2 ? ` and ${steps.length - 2} more` : "";
  return `${counted(steps.length, "step")} (${steps.slice(0, 2).join(", ")}${more}): ${problem}`;
}

/** Where the steps run. */
export interface RunPlace {
  /** Output folder. */
  readonly out: string;
  /** URL of the recipe's module, whose own stages are trusted; left out, plugins are not checked for isolation. */
  readonly recipe_url?: string;
  /** Bytes of memory and of free disk; those of this machine by default. */
  readonly machine?: { readonly memory: number; readonly disk: number };
  /** Bytes that steps may use together, if someone has said so: taken for the memory of this machine. */
  readonly memory?: number;
  /** Whether the steps run in processes that a launcher starts, where other things are installed and permitted. */
  readonly elsewhere?: boolean;
}

/** What is known before the first step. */
export interface Readiness extends Sizes {
  /** A line on what cannot be checked yet. */
  readonly unknown_line?: string;
}

/** Checks everything that steps of a plan need. */
export async function readiness(
  recipe: Recipe,
  forecasts: readonly StepForecast[],
  place: RunPlace,
): Promise<Readiness> {
  const sizes = sizeProblems(recipe, forecasts, place);
  const missing = place.elsewhere ? [] : await machineProblems(recipe, forecasts, place);
  const unknown_line = unknownLine(sizes, forecasts.length);
  return { ...sizes, unmet: [...missing, ...sizes.unmet], ...(unknown_line && { unknown_line }) };
}

/**
 * What is missing on this machine, of what the stages say that their steps require. Steps that are skipped need nothing.
 *
 * @param steps of the plan.
 */
async function machineProblems(
  recipe: Recipe,
  steps: readonly Pick<StepForecast, "id" | "action">[],
  { out, recipe_url }: RunPlace,
): Promise<Unmet[]> {
  const found = new Collected();
  const asked = new Map<string, Promise<string | undefined>>();
  const known = (what: string, ask: () => Promise<string | undefined>) => {
    if (!asked.has(what)) asked.set(what, ask());
    return asked.get(what)!;
  };
  for (const { id } of steps.filter(({ action }) => action === "run")) {
    const step = recipe.steps.find((step) => step.id === id)!;
    let needs: Requirements;
    try {
      needs = step.stage.requires?.(structuredClone(step.config)) ?? {};
    } catch (error) {
      found.add("here", id, errorText(error));
      continue;
    }
    const { permissions = {}, packages = [], hub = [], compute } = needs;
    found.add("start", id, permissionProblem(permissions));
    found.add("start", id, await isolationProblem(step, recipe_url, out));
    for (const pin of packages) found.add("here", id, packageProblem(pin));
    for (const url of hub) found.add("here", id, await known(url, () => accessProblem(url)));
    if (!compute) continue;
    const tried = () => computeProblem(compute as ComputeNeeds);
    found.add("here", id, await known(JSON.stringify(compute), tried));
  }
  return found.all();
}

/** Why the worker of a plugin's step could not start; undefined if it could. */
async function isolationProblem(
  step: Step,
  recipe_url: string | undefined,
  out: string,
): Promise<string | undefined> {
  if (recipe_url === undefined) return undefined;
  try {
    await isolate(step, recipe_url, out, { restrict: canRestrict(), log: () => {} });
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function packageProblem(pin: string): string | undefined {
  try {
    packageFolder(pin);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

/** What is too large for this machine or too small in the data, and how many steps cannot be told yet. */
export interface Sizes {
  readonly unmet: readonly Unmet[];
  /** Ids of steps whose sizes depend on data that do not exist yet. */
  readonly unknown: readonly string[];
  /** Ids of the steps that make these data: after each of them there is more to check. */
  readonly awaited: readonly string[];
}

/**
 * Checks the forecasts of all steps that run: what their stages foresee to fail, memory of each step, disk of all.
 */
export function sizeProblems(
  recipe: Recipe,
  forecasts: readonly StepForecast[],
  { out, machine = thisMachine(out), memory: available = machine.memory, elsewhere }: RunPlace,
): Sizes {
  const found = new Collected();
  const to_run = forecasts.filter(({ action }) => action === "run");
  for (const { id, forecast } of to_run) {
    for (const problem of forecast?.problems ?? []) found.add("here", id, problem);
    const memory = memoryOf(forecast) ?? 0;
    // A GPU has memory of its own, which forecasts do not know.
    const on_cpu = (forecast?.compute?.device ?? "cpu") === "cpu";
    if (on_cpu && !elsewhere && memory > available) {
      found.add(
        "here",
        id,
        `needs ${formatBytes(memory)} of memory, and this machine has ${
          formatBytes(available)
        }; lower micro_batch_size or workers, run it on a larger machine, or give the pipeline --memory SIZE`,
      );
    }
  }
  const { results, scratch, tokens } = diskNeeds(to_run);
  const disk = results + scratch + tokens;
  if (disk > machine.disk) {
    found.add(
      "here",
      undefined,
      `results need ${formatBytes(disk)} of disk, and ${out} has ${
        formatBytes(machine.disk)
      } free; free some, or choose another folder with --out`,
    );
  }
  const unknown = to_run.filter(isUnknown).map(({ id }) => id);
  return { unmet: found.all(), unknown, awaited: awaitedBy(recipe, to_run, unknown) };
}

/** Whether the size of a step depends on something that does not exist yet. */
function isUnknown({ forecast }: StepForecast): boolean {
  const { training, memory, notes = [] } = forecast ?? {};
  return training?.sources.some(({ available }) => available === undefined) ??
    (memory === undefined && notes.length > 0);
}

/** The steps that unknown ones read, directly or through others, and that do not train. */
function awaitedBy(
  recipe: Recipe,
  to_run: readonly StepForecast[],
  unknown: readonly string[],
): string[] {
  const by_id = new Map(recipe.steps.map((step) => [step.id, step]));
  const read = new Set(unknown);
  for (const id of read) upstream(by_id.get(id)!).forEach((before) => read.add(before));
  const without = new Set(unknown);
  return to_run.filter(({ id, forecast }) => {
    return read.has(id) && !without.has(id) && forecast?.training === undefined;
  }).map(({ id }) => id);
}

/** A line on what could not be checked; undefined if all was. */
function unknownLine({ unknown, awaited }: Sizes, steps: number): string | undefined {
  if (unknown.length === 0) return undefined;
  const after = awaited.length === 0
    ? "when they start"
    : `after ${awaited.slice(0, 2).map((id) => `"${id}"`).join(", ")}${
      awaited.length > 2 ? ` and ${awaited.length - 2} more` : ""
    }`;
  return `Not known yet for ${unknown.length} of ${
    counted(steps, "step")
  }: whether the data have ` +
    `enough tokens, and what depends on their number; checked ${after}.`;
}

/** Bytes of memory, and free bytes where results go; infinite where the system does not tell. */
function thisMachine(out: string): { memory: number; disk: number } {
  return { memory: Deno.systemMemoryInfo().total || Infinity, disk: freeBytes(resolve(out)) };
}

/** Free bytes of the file system of a folder, or of the nearest one above it that exists. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch (error) {
    const above = dirname(folder);
    if ((error as { code?: string }).code !== "ENOENT" || above === folder) return Infinity;
    return freeBytes(above);
  }
}

/** Problems, each once, with the steps that have it. */
class Collected {
  readonly #steps = new Map<string, { kind: Unmet["kind"]; steps: string[] }>();

  add(kind: Unmet["kind"], step: string | undefined, problem: string | undefined): void {
    if (problem === undefined) return;
    const entry = this.#steps.get(problem) ?? { kind, steps: [] };
    if (step !== undefined && !entry.steps.includes(step)) entry.steps.push(step);
    this.#steps.set(problem, entry);
  }

  all(): Unmet[] {
    return [...this.#steps].map(([problem, entry]) => ({ problem, ...entry }));
  }
}
