/**
 * Loads stages, and other exports of plugins, from a file, an npm or a JSR package.
 *
 * @module
 */
import { cwd } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type AnyStage, assertStage, STAGE_INTERFACE } from "../stage/mod.ts";
import { packageFault } from "./packages.ts";

/** New names of stages by old name, and of config fields: `"sft.old": "new"` for a field of stage `sft`. */
export type Renamed = Readonly<Record<string, string>>;

/** Stages that a recipe may use by name, without declaring them: recipes/stages.json. */
export interface StageNames {
  /** URL of the file, which the paths in `stages` start from. */
  readonly url?: string;
  /** Specifiers by name. */
  readonly stages: Readonly<Record<string, string>>;
  /** Names that changed, for error messages. */
  readonly renamed: Renamed;
}

/** Reads the file of stage names, `{ "stages": { NAME: SPECIFIER }, "renamed": { OLD: NEW } }`. Without a URL: no names. */
export async function readStageNames(url?: string): Promise<StageNames> {
  if (url === undefined) return { stages: {}, renamed: {} };
  const { stages, renamed = {} } = JSON.parse(await Deno.readTextFile(new URL(url)));
  return { url, stages, renamed };
}

const FILE = /^(\.{0,2}\/|file:)/;
const PACKAGE = /^(npm|jsr):/;

/**
 * Imports a stage.
 *
 * @param specifier `./my_stage.ts`, `npm:package@1.2.3/stage` or `jsr:@scope/package@1.2.3`, which have the stage
 *   as their default export; or one of these with the name of another export: `./my_stages.ts#count_rows`. A package must
 *   be one of the project's: `deno add --frozen=false npm:package@1.2.3`.
 * @param from URL of the module or file that a path starts from (`import.meta.url`); by default the working
 *   directory.
 * @throws {Error} in one sentence that names the module, what is wrong and how to fix it.
 *
 * @example In a recipe
 * ```ts
 * import { loadStage } from "./stage_modules.ts";
 * import assert from "node:assert/strict";
 *
 * const numbers = await loadStage("./testdata/stages.ts#numbers", import.meta.url);
 * assert.equal(numbers.name, "numbers");
 * ```
 */
export async function loadStage(specifier: string, from?: string): Promise<AnyStage> {
  const origin = `the stage module "${specifier}"`;
  const stage = await loadExport(specifier, origin, from);
  const built_for = (stage as { interface?: unknown } | null)?.interface;
  if (typeof built_for === "number" && built_for !== STAGE_INTERFACE) {
    throw new Error(
      `${origin} is built for stage interface ${built_for}, this program has ${STAGE_INTERFACE}: ` +
        `use a version of it for interface ${STAGE_INTERFACE}`,
    );
  }
  assertStage(stage, origin);
  return stage;
}

/**
 * Imports what a specifier names, as {@linkcode loadStage} does.
 *
 * @param origin what it is, for messages.
 */
export async function loadExport(
  specifier: string,
  origin: string,
  from?: string,
): Promise<unknown> {
  const hash = specifier.lastIndexOf("#");
  const address = hash === -1 ? specifier : specifier.slice(0, hash);
  const name = hash === -1 ? "default" : specifier.slice(hash + 1);
  const module = await importModule(address, from ?? pathToFileURL(`${cwd()}/`).href, origin);
  if (Object.hasOwn(module, name)) return module[name];
  const names = Object.keys(module);
  const other = names.length === 0
    ? "it has no exports"
    : `its exports are ${names.join(", ")}; choose one as in "${address}#${names[0]}"`;
  const missing = name === "default" ? "default export" : `export "${name}"`;
  throw new Error(`${origin} has no ${missing}: ${other}`);
}

async function importModule(
  address: string,
  from: string,
  origin: string,
): Promise<Readonly<Record<string, unknown>>> {
  const is_file = FILE.test(address);
  if (!is_file && !PACKAGE.test(address)) {
    throw new Error(
      `${origin} is neither a path nor a package; write "./${address}" for a file, ` +
        `"npm:${address}@1.2.3" or "jsr:${address}@1.2.3" for a package`,
    );
  }
  const fault = is_file ? undefined : packageFault(address);
  if (fault !== undefined) throw new Error(`${origin} ${fault}`);
  const url = is_file ? new URL(address, from).href : address;
  if (is_file && !exists(url)) {
    throw new Error(`${origin} does not exist: no file ${fileURLToPath(url)}`);
  }
  try {
    return await import(url);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const fix = is_file
      ? "fix the module or what it imports"
      : "check the name, version and export, and that the registry is reachable";
    throw new Error(`${origin} cannot be imported: ${message.trim().replace(/\.$/, "")}; ${fix}`, {
      cause: error,
    });
  }
}

/** Why the package of a specifier may not be loaded; undefined for files, and for packages that may. */
export function stageFault(specifier: string): string | undefined {
  const [address] = specifier.split("#");
  return PACKAGE.test(address) ? packageFault(address) : undefined;
}

/** Whether there is a file at a file URL. */
export function exists(url: string): boolean {
  try {
    return Deno.statSync(new URL(url)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
