/**
 * Which records of a dataset are used.
 *
 * @module
 */
import { canonicalNumber } from "./json_text.ts";
import type { Columns } from "./template.ts";

/**
 * Which records are used: those with one of some values in a column, or those a function accepts. A number and a text
 * with the same digits are equal, so that integers beyond 2^53 and decimals, which are texts in a record, can be named.
 */
export type Where =
  | { readonly column: string; readonly in: readonly (string | number | boolean)[] }
  | ((record: Columns) => boolean);

/** @returns whether a record is used; throws `file:row: …` for one without the column. */
export function compileWhere(
  where: Where | undefined,
): (record: Columns, place: string) => boolean {
  if (where === undefined) return () => true;
  if (typeof where === "function") return where;
  const { column, in: values } = where;
  return (record, place) => {
    if (Object.hasOwn(record, column)) return values.some((value) => equal(record[column], value));
    throw new Error(
      `${place}: no column "${column}", which "where" needs; the record has ${
        Object.keys(record).join(", ") || "no columns"
      }`,
    );
  };
}

function equal(found: unknown, wanted: string | number | boolean): boolean {
  if (found === wanted) return true;
  const kinds = [typeof found, typeof wanted];
  if (!kinds.includes("number") || !kinds.includes("string")) return false;
  const number = canonicalNumber(String(found));
  return number !== undefined && number === canonicalNumber(String(wanted));
}
