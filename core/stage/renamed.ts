/**
 * Errors for config fields that were renamed.
 *
 * @module
 */

/** The part of a zod issue that is used here. */
interface Issue {
  readonly code?: string;
  readonly keys?: readonly string[];
}

/**
 * An error map for strict objects: the old name of a field gives an error with the new name.
 *
 * @param names new names by old name.
 *
 * @example
 * ```ts ignore
 * const config = z.strictObject(
 *   { resamples: z.int().min(0).default(0) },
 *   { error: renamedFields({ bootstrap: "resamples" }) },
 * );
 * config.parse({ bootstrap: 5 }); // throws: unrecognized key "bootstrap"; it is now called "resamples"
 * ```
 */
export function renamedFields(names: Readonly<Record<string, string>>) {
  return ({ code, keys = [] }: Issue): string | undefined => {
    if (code !== "unrecognized_keys") return undefined;
    return keys.map((key) => {
      const now = Object.hasOwn(names, key) ? `; it is now called "${names[key]}"` : "";
      return `unrecognized key "${key}"${now}`;
    }).join(", ");
  };
}
