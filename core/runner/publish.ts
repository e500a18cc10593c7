/**
 * Copies published outputs out of the store.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { csvPieces, RowReader } from "../arrow/mod.ts";
import { openFileSync } from "../words/mod.ts";
import {
  type Artifact,
  commit,
  fileEntries,
  makeFolder,
  removeIfPresent,
  type Store,
  syncFile,
  tableObjects,
  type VerifiedFiles,
  writeAll,
} from "../store/mod.ts";

/** An output to publish, "losses.evaluation". */
export interface Published {
  readonly name: string;
  readonly artifact: Artifact;
}

/** A file to write. */
interface Copy {
  /** SHA-256 of its content, or of the table that its content is made from. */
  readonly digest: string;
  write(temporary: string): void;
  /** Its content is not that of the digest; it is written again by each run. */
  readonly is_made?: boolean;
}

/**
 * Copies outputs to `<out>/<folder>/`: the files of a files output, and a table as `tables/NAME.arrow` and `.csv`
 * (`NAME.000.arrow` and so on where it has several files). Removes files that an earlier run published there and that
 * are no longer part of it. Other files in the folder are not touched.
 *
 * @param earlier paths that the last run published, below `out`.
 * @param files knows which copies need not be read again.
 * @returns the paths of all files, below `out`, sorted.
 * @throws {Error} when two outputs have a file of the same name.
 */
export async function publishFiles(
  store: Store,
  out: string,
  folder: string,
  outputs: readonly Published[],
  earlier: readonly string[],
  files: VerifiedFiles,
): Promise<string[]> {
  const copies = new Map<string, Copy>();
  for (const output of outputs) {
    for (const [name, copy] of await copiesOf(store, output)) {
      const path = `${folder}/${name}`;
      if ((copies.get(path) ?? copy).digest !== copy.digest) {
        throw new Error(`two published outputs have a file named "${name}"; rename one`);
      }
      copies.set(path, copy);
    }
  }
  for (const [path, copy] of copies) {
    const target = join(out, path);
    if (!copy.is_made && await files.check(target, copy.digest) === "intact") continue;
    makeFolder(dirname(target));
    writeCopy(copy, target);
  }
  for (const path of earlier) {
    if (path.startsWith(`${folder}/`) && !copies.has(path)) removeIfPresent(join(out, path));
  }
  return [...copies.keys()].sort();
}

async function copiesOf(store: Store, { name, artifact }: Published): Promise<[string, Copy][]> {
  const copyOf = (digest: string): Copy => ({
    digest,
    write: (temporary) => Deno.copyFileSync(store.objectPath(digest), temporary),
  });
  if (artifact.kind === "files") {
    const entries = await fileEntries(store.objectPath(artifact.digest));
    return entries.map(({ name, digest }) => [name, copyOf(digest)]);
  }
  const objects = await tableObjects(artifact, store.objectPath(artifact.digest));
  const part = (i: number) => objects.length === 1 ? "" : `.${String(i).padStart(3, "0")}`;
  return [
    ...objects.map(({ digest }, i): [string, Copy] => {
      return [`tables/${name}${part(i)}.arrow`, copyOf(digest)];
    }),
    [`tables/${name}.csv`, {
      digest: artifact.digest,
      is_made: true,
      write: (temporary) => {
        const paths = objects.map(({ digest }) => store.objectPath(digest));
        writeCsv(new RowReader(paths, name), temporary);
      },
    }],
  ];
}

function writeCsv(table: RowReader, path: string): void {
  using file = openFileSync(path, { create: true, write: true, truncate: true });
  const encoder = new TextEncoder();
  for (const piece of csvPieces(table)) writeAll(file, encoder.encode(piece));
}

function writeCopy(copy: Copy, target: string): void {
  const temporary = `${target}.tmp`;
  try {
    removeIfPresent(temporary);
    copy.write(temporary);
    // Objects are read-only; the copy belongs to the user.
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, 0o644);
    syncFile(temporary);
    commit(temporary, target);
  } catch (error) {
    removeIfPresent(temporary);
    throw error;
  }
}
