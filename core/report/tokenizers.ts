/**
 * Says where losses of different tokenizers meet: per token they cannot be compared.
 *
 * @module
 */
import type { TableInput } from "../stage/mod.ts";

/**
 * A sentence for a report whose tables were measured on tokens of different tokenizers, as far as that is known; else
 * undefined.
 *
 * @param tables of measurements, by label.
 */
export function tokenizersNote(
  tables: Readonly<Record<string, Pick<TableInput, "tokenizer">>>,
): string | undefined {
  const groups = Map.groupBy(
    Object.entries(tables).filter(([, { tokenizer }]) => tokenizer !== undefined),
    ([, { tokenizer }]) => tokenizer,
  );
  if (groups.size < 2) return undefined;
  const names = [...groups.values()].map((group) => group.map(([label]) => label).join(", "));
  return `These models have ${groups.size} different tokenizers (${
    names.join(" | ")
  }): their losses ` +
    "in nats per token, and differences of them, are not comparable; compare bits per byte.";
}
