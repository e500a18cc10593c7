/**
 * Which data a recommendation compares: the target, general data and candidates, as entries of the tokenize stage's
 * config. This module knows only names of datasets.
 *
 * @module
 */
import type { Recipe } from "../../recipe/mod.ts";
import { UsageError } from "../shared/console.ts";

/** A dataset as the config of the tokenize stage has it. */
export interface Entry {
  readonly dataset: string;
  readonly stand_ins?: readonly string[];
  readonly records?: Readonly<Record<string, unknown>>;
  readonly max_bytes?: number;
  readonly max_files?: number;
}

export interface Sources {
  readonly target: readonly Entry[];
  readonly general: readonly Entry[];
  /** By name. */
  readonly candidates: Readonly<Record<string, readonly Entry[]>>;
  /** Whether candidates were asked for; others are left out where they cannot be read. */
  readonly asked_for: boolean;
}

/** The paper's midtraining sets, with their replacements in a data root that lacks them. */
export const DEFAULT_CANDIDATES: Sources["candidates"] = {
  starcoder: [{ dataset: "starcoder", stand_ins: ["code"] }],
  math: [{ dataset: "mammoth", stand_ins: ["math", "math_qa", "aqua_rat"] }],
  flan: [{ dataset: "flan" }],
  knowledge_qa: [{ dataset: "knowledge_qa", stand_ins: ["trivia_qa", "factbook"] }],
  dclm: [{ dataset: "dclm", stand_ins: ["wikipedia_long"] }],
};

const DEFAULT_GENERAL: readonly Entry[] = [
  { dataset: "c4", stand_ins: ["wikipedia", "newsgroups"] },
];

/** Names of the target and of general data. */
export const TARGET = "target", GENERAL = "general";

const SNAKE_CASE = /^[a-z][a-z0-9_]*$/;

interface SourceFlags {
  readonly target: string;
  readonly text?: string;
  readonly prompt?: string;
  readonly general?: string;
  readonly candidate: readonly Candidate[];
  readonly recipe?: Recipe;
}

/**
 * Reads the flags that name data. A recipe gives what its tokenize step names; flags override it.
 *
 * @throws {UsageError} when a name is wrong, or there is no candidate.
 */
export function sourcesOf(
  { target, text, prompt, general, candidate, recipe }: SourceFlags,
): Sources {
  const named = recipe === undefined ? undefined : sourcesOfRecipe(recipe);
  if (named && general !== undefined && !Object.hasOwn(named, general)) {
    throw new UsageError(
      `--general ${general}: recipe "${recipe!.name}" has the sources ${
        Object.keys(named).join(", ")
      }`,
    );
  }
  const base = general ?? GENERAL;
  const own = Object.fromEntries(candidate.map((one) => [one.name, entriesOf(one, named)]));
  const { [base]: of_recipe, [target]: target_source, ...others } = named ?? {};
  if (named && of_recipe === undefined) {
    throw new UsageError(
      `recipe "${recipe!.name}" has no source "${base}"; name its general data with --general: ` +
        Object.keys(named).join(", "),
    );
  }
  const reading = { ...(text ? { text } : {}), ...(prompt ? { prompt } : {}) };
  const asked_for = candidate.length > 0 || named !== undefined;
  const candidates = candidate.length > 0 ? own : named ? others : DEFAULT_CANDIDATES;
  if (Object.keys(candidates).length === 0) {
    throw new UsageError("there is no candidate to compare; name some with --candidate");
  }
  return {
    target: target_source ?? [entryOf(target, "target_set", reading)],
    general: of_recipe ??
      (general === undefined
        ? DEFAULT_GENERAL
        : general.split(",").map((part, i) => entryOf(part, `general_set_${i + 1}`))),
    candidates,
    asked_for,
  };
}

/** Sources of the first tokenize step. */
function sourcesOfRecipe(recipe: Recipe): Record<string, readonly Entry[]> {
  const step = recipe.steps.find(({ stage }) => stage.name === "tokenize");
  if (step === undefined) {
    throw new UsageError(`recipe "${recipe.name}" has no tokenize step to take sources from`);
  }
  const { sources } = step.config as unknown as { sources: Record<string, readonly Pinned[]> };
  // Limits on what is read make another revision.
  const unpinned = ({ revision: _, ...entry }: Pinned): Entry => entry;
  return Object.fromEntries(
    Object.entries(sources).map(([name, entries]) => [name, entries.map(unpinned)]),
  );
}

type Pinned = Entry & { readonly revision?: string };

/** A candidate as it was named: NAME, or NAME=DATA. */
export interface Candidate {
  readonly name: string;
  /** Datasets or paths separated by commas. */
  readonly data?: string;
}

/** Reads the value of `--candidate`; undefined when it is not valid. */
export function parseCandidate(text: string): Candidate | undefined {
  const [, name, data] = /^([^=]+)(?:=(.+))?$/s.exec(text) ?? [];
  const is_valid = name !== undefined && SNAKE_CASE.test(name) && ![TARGET, GENERAL].includes(name);
  return is_valid ? { name, data } : undefined;
}

/** Without data, the name is a source of the recipe, a default candidate or a dataset. */
function entriesOf({ name, data }: Candidate, named: Sources["candidates"] = {}): readonly Entry[] {
  return data === undefined
    ? named[name] ?? DEFAULT_CANDIDATES[name] ?? [{ dataset: name }]
    : data.split(",").map((part, i) => entryOf(part, `${name}_${i + 1}`));
}

/** A dataset by name, or your own records by path. */
function entryOf(data: string, name: string, reading: Record<string, string> = {}): Entry {
  if (SNAKE_CASE.test(data)) {
    if (Object.keys(reading).length === 0) return { dataset: data };
    throw new UsageError(
      `"${data}" is a dataset, which is read as its card says; --text and --prompt are for files`,
    );
  }
  return { dataset: name, records: { path: data, ...reading } };
}
