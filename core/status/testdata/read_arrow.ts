/**
 * Reads Arrow files and streams in tests with the dataset readers, not with the codec that wrote them.
 *
 * @module
 */
import { readRecords } from "../../readers/mod.ts";

/** Column names, and rows with their cells in that order; lists are arrays. */
export async function readArrow(
  bytes: Uint8Array,
): Promise<{ names: string[]; rows: unknown[][] }> {
  const path = await Deno.makeTempFile({ suffix: ".arrow" });
  try {
    await Deno.writeFile(path, bytes);
    let names: string[] = [];
    const rows: unknown[][] = [];
    for await (const { value } of readRecords(path)) {
      names = Object.keys(value as object);
      rows.push(Object.values(value as object));
    }
    return { names, rows };
  } finally {
    await Deno.remove(path);
  }
}
