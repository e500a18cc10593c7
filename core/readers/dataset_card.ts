/**
 * The configurations that the card (README.md) of a Hugging Face dataset lists.
 *
 * @module
 */
import { parse } from "yaml";
import { z } from "zod";
import { issueText } from "../words/mod.ts";
import { messageOf } from "./reading.ts";

/** One configuration (subset) of a dataset. */
export interface CardConfig {
  readonly config_name: string;
  readonly is_default: boolean;
  /** Folder that the patterns are relative to. */
  readonly data_dir?: string;
  /** Patterns by split; empty if the card gives none, and the names decide. */
  readonly data_files: readonly { readonly split?: string; readonly patterns: readonly string[] }[];
}

const patterns = z.union([z.string(), z.array(z.string())]);
const split_files = z.object({ split: z.string().optional(), path: patterns });
const configs_schema = z.array(z.object({
  config_name: z.union([z.string(), z.number()]).transform(String).default("default"),
  default: z.boolean().optional(),
  data_dir: z.string().optional(),
  data_files: z.union([patterns, z.array(split_files), split_files]).optional(),
}));

/**
 * Reads `configs` in the YAML header of a card.
 *
 * @param where path of the card, for messages.
 * @returns nothing for a card without configurations.
 * @throws {Error} for a header that is not YAML, or configurations of another form.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readCard } from "./dataset_card.ts";
 * const card = "---\nconfigs:\n- config_name: en\n  data_files: en/*.jsonl\n---\n# Title\n";
 * assert.deepEqual(readCard(card, "README.md"), [
 *   { config_name: "en", is_default: false, data_files: [{ patterns: ["en/*.jsonl"] }] },
 * ]);
 * ```
 */
export function readCard(text: string, where: string): CardConfig[] {
  const header = /^\ufeff?---\r?\n(.*?)\r?\n---\s*(?:\r?\n|$)/s.exec(text)?.[1];
  if (header === undefined || !/^configs\s*:/m.test(header)) return [];
  let value: unknown;
  try {
    value = parse(header)?.configs;
  } catch (error) {
    throw new Error(`${where}: the header is not valid YAML (${messageOf(error)})`);
  }
  const result = configs_schema.safeParse(value ?? []);
  if (!result.success) {
    throw new Error(`${where}: ${issueText(result.error.issues[0], "configs")}`);
  }
  return result.data.map(({ config_name, data_dir, data_files, ...rest }) => ({
    config_name,
    is_default: rest.default === true,
    ...(data_dir === undefined ? {} : { data_dir }),
    data_files: splitsOf(data_files),
  }));
}

function list<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

function splitsOf(
  data_files: z.output<typeof configs_schema>[number]["data_files"],
): CardConfig["data_files"] {
  if (data_files === undefined) return [];
  return list<string | z.output<typeof split_files>>(data_files).map((entry) =>
    typeof entry === "string"
      ? { patterns: [entry] }
      : { ...(entry.split && { split: entry.split }), patterns: list(entry.path) }
  );
}
