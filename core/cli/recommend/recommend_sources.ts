/**
 * Which data a recommendation compares: the target, general data and candidates, as entries of the tokenize stage's
 * config. This module knows names of datasets, not the datasets.
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
  /** Whether candidates were asked for; others are left out where they cannot be had. */
  readonly asked_for: boolean;
}

/** The paper's midtraining sets, with what stands in for them in a data root that lacks them. */
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

/** Names that the target and general data go by. */
export const TARGET = "target", GENERAL = "general";

const SNAKE_CASE = /^[a-z][a-z0-9_]*$/;

interface SourceFlags {
  readonly target: string;
  readonly text?: string;
  readonly prompt?: string;
  readonly general?: string;
  readonly candidate: readonly string[];
  readonly recipe?: Recipe;
}

/**
 * Reads the flags that name data. A recipe stands for what its tokenize step names; flags say otherwise.
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
  const own = Object.fromEntries(candidate.map((text) => parseCandidate(text, named)));
  const { [base]: of_recipe, [target]: target_source, ...others } = named ?? {};
  if (named && of_recipe === undefined) {
    throw new UsageError(
      `recipe "${recipe!.name}" has no source "${base}"; name its general data by --general: ` +
        Object.keys(named).join(", "),
    );
  }
  const reading = { ...(text ? { text } : {}), ...(prompt ? { prompt } : {}) };
  const asked_for = candidate.length > 0 || named !== undefined;
  const candidates = candidate.length > 0 ? own : named ? others : DEFAULT_CANDIDATES;
  if (Object.keys(candidates).length === 0) {
    throw new UsageError("there is no candidate to compare; name some by --candidate");
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
  // What is read of a set may be bounded here, and then is another revision.
  const unpinned = ({ revision: _, ...entry }: Pinned): Entry => entry;
  return Object.fromEntries(
    Object.entries(sources).map(([name, entries]) => [name, entries.map(unpinned)]),
  );
}

type Pinned = Entry & { readonly revision?: string };

/** NAME, a source of the recipe or a dataset; or NAME=DATA, datasets or paths separated by commas. */
function parseCandidate(
  text: string,
  named: Sources["candidates"] = {},
): [string, readonly Entry[]] {
  const [, name, data] = /^([^=]+)(?:=(.+))?$/s.exec(text) ?? [];
  if (name === undefined || !SNAKE_CASE.test(name) || [TARGET, GENERAL].includes(name)) {
    throw new UsageError(
      `--candidate ${
        text || "needs a value; it"
      } takes NAME or NAME=DATA, NAME in snake_case and not ` +
        `"${TARGET}" or "${GENERAL}", as in --candidate code=my_code.jsonl`,
    );
  }
  if (data === undefined) {
    return [name, named[name] ?? DEFAULT_CANDIDATES[name] ?? [{ dataset: name }]];
  }
  return [name, data.split(",").map((part, i) => entryOf(part, `${name}_${i + 1}`))];
}

/** A dataset by name, or records of one's own by path. */
function entryOf(data: string, name: string, reading: Record<string, string> = {}): Entry {
  if (SNAKE_CASE.test(data)) {
    if (Object.keys(reading).length === 0) return { dataset: data };
    throw new UsageError(
      `"${data}" is the name of a dataset, which is read as its card says; --text and --prompt are for files`,
    );
  }
  return { dataset: name, records: { path: data, ...reading } };
}
