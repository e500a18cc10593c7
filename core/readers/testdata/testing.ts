/**
 * What tests of readers share.
 *
 * @module
 */
import v8 from "node:v8";
import vm from "node:vm";
import type { DataRecord } from "../reading.ts";
import { type ReadOptions, readRecords } from "../records.ts";

export async function all<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Reads all records, leaving out those that cannot be read, whose messages name the file as FILE. */
export async function readWhole(
  path: string,
  options: ReadOptions = {},
): Promise<{ records: DataRecord[]; skipped: string[] }> {
  const skipped: string[] = [];
  const onSkip = (message: string) => skipped.push(message.replace(path, "FILE"));
  const records = await all(readRecords(path, { ...options, on_error: "skip", onSkip }));
  return { records, skipped };
}

let collect: (() => void) | undefined;

/**
 * Bytes that are in use after a garbage collection, in V8's heap and in buffers. Resident memory
 * would also count what V8 has not yet cared to collect, which depends on the machine.
 */
export function liveBytes(): number {
  if (!collect) {
    v8.setFlagsFromString("--expose-gc");
    collect = vm.runInNewContext("gc") as () => void;
  }
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Runs a check in a folder with the given files, which is removed afterwards. */
export async function withFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  check: (folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeFile(
        `${folder}/${name}`,
        typeof content === "string" ? bytes(content) : content,
      );
    }
    await check(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
