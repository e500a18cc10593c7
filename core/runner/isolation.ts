/**
 * What the worker of a plugin's step may access: the store, the code, and what the recipe grants the step.
 *
 * Stages of `stages/` and `core/`, and those that the recipe file itself declares, are trusted like the recipe and keep
 * the permissions of the process.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type AnyStage,
  assertGranted,
  assertPermissions,
  formatPermissions,
  originOf,
  PERMISSION_KINDS,
  type PermissionKind,
  type Permissions,
} from "../stage/mod.ts";
import { grantedDeno } from "../config/mod.ts";
import type { Step } from "../recipe/mod.ts";

/** How the worker of a step is started. */
export interface Isolation {
  /**
   * Module that exports the step's stage, for a restricted worker: it loads that instead of the recipe, which may use
   * permissions that the plugin does not have.
   */
  readonly plugin?: string;
  readonly worker: { deno?: { permissions: Deno.PermissionOptionsObject } };
  /** Adds to an error where the plugin came from and which permission it lacked. */
  explain(error: Error): Error;
}

const ROOT = new URL("../../", import.meta.url);
const TRUSTED = ["stages/", "core/"].map((folder) => new URL(folder, ROOT).href);

/** Environment variables that Causeway itself reads while a stage is loaded or runs. */
const OWN_VARIABLES = ["CAUSEWAY_CHECKPOINT_SECONDS", "CAUSEWAY_ONEDNN", "GOMP_SPINCOUNT"];

/**
 * Decides how a step's worker is started.
 *
 * @param recipe_url URL of the recipe's module.
 * @param store folder of the store, which every stage reads and writes.
 * @throws {Error} when the step is not granted what its stage asks for, its stage is not exported by the module that
 *   declares it, or the process itself lacks what the recipe grants.
 */
export async function isolate(
  step: Step,
  recipe_url: string,
  store: string,
  { restrict, log }: { restrict: boolean; log: (message: string) => void },
): Promise<Isolation> {
  const { stage, permissions = {} } = step;
  const origin = originOf(stage);
  if (isTrusted(origin, recipe_url)) {
    return { worker: {}, explain: (error) => error };
  }
  const from = origin === undefined ? "plugin of unknown origin" : `plugin ${placeOf(origin)}`;
  assertPermissions(permissions, `step "${step.id}"`);
  assertGranted(stage.permissions ?? {}, permissions, `stage "${stage.name}" (${from})`);
  const explain = (error: Error) => explainPlugin(error, from);
  if (!restrict) {
    log(`stage "${stage.name}" (${from}) is not restricted: deno.json lacks worker-options`);
    return { worker: {}, explain };
  }
  if (origin === undefined || !exportedStage(await import(origin), stage.name, stage.version)) {
    throw new Error(
      `stage "${stage.name}" (${from}) cannot be loaded by itself: export it from the module that calls defineStage`,
    );
  }
  assertHeld(step.id, permissions);
  const worker = { deno: { permissions: workerPermissions(permissions, origin, store) } };
  return { plugin: origin, worker, explain };
}

/** The stage of a name and version among the exports of a module; undefined if it is not exported. */
export function exportedStage(
  module: object,
  name: string,
  version: string,
): AnyStage | undefined {
  return Object.values(module).find((value) =>
    typeof value === "object" && value !== null && "run" in value && value.name === name &&
    value.version === version
  );
}

/** Whether a stage keeps the permissions of the process. */
function isTrusted(origin: string | undefined, recipe_url: string): boolean {
  if (origin === undefined) return false;
  return origin === recipe_url || TRUSTED.some((folder) => origin.startsWith(folder));
}

function placeOf(origin: string): string {
  return origin.startsWith("file:") ? fileURLToPath(origin) : origin;
}

/**
 * Permissions of a restricted worker: the code, the store, what Causeway's own modules need, and what is granted.
 *
 * @param origin module that declares the stage; its folder may be read.
 */
export function workerPermissions(
  granted: Permissions,
  origin: string,
  store: string,
): Deno.PermissionOptionsObject {
  const withOwn = (kind: PermissionKind, own: string[]): true | string[] => {
    const names = granted[kind] ?? [];
    return names === true ? true : [...own, ...names.map((name) => nameOf(kind, name))];
  };
  const folder = origin.startsWith("file:") ? [dirname(fileURLToPath(origin))] : [];
  const own: Partial<Record<PermissionKind, string[]>> = {
    read: [fileURLToPath(ROOT), resolve(store), ...folder],
    write: [resolve(store)],
    env: OWN_VARIABLES,
  };
  const kinds = PERMISSION_KINDS.map((kind) => [kind, withOwn(kind, own[kind] ?? [])]);
  // Modules that are not files were loaded with the recipe already.
  return { import: "inherit", ...Object.fromEntries(kinds) };
}

/** Paths are relative to the working directory, as elsewhere in a recipe. */
function nameOf(kind: PermissionKind, name: string): string {
  return kind === "read" || kind === "write" ? resolve(name) : name;
}

/** A worker cannot have permissions that the process lacks. */
function assertHeld(step: string, granted: Permissions): void {
  const problem = permissionProblem(granted);
  if (problem !== undefined) {
    throw new Error(`step "${step}" is granted what it cannot have: ${problem}`);
  }
}

/** What this process may not do of what is wanted, and how to start it so that it may; undefined if it may do all. */
export function permissionProblem(wanted: Permissions): string | undefined {
  const lacking = PERMISSION_KINDS.flatMap((kind) => {
    const names = wanted[kind] ?? [];
    if (names === true) return isHeld(kind) ? [] : [{ kind, names: [] as string[] }];
    const missing = names.filter((name) => !isHeld(kind, name));
    return missing.length > 0 ? [{ kind, names: missing }] : [];
  });
  if (lacking.length === 0) return undefined;
  const what = lacking.map(({ kind, names }) => {
    return `${kind} access${names.length > 0 ? ` to ${names.join(", ")}` : ""}`;
  }).join(" and ");
  const flags = lacking.map(({ kind, names }) => {
    return `--allow-${kind}${names.length > 0 ? `=${names.join(",")}` : ""}`;
  }).join(" ");
  const task = flags === "--allow-run=deno" ? "start it with deno task pipeline:programs, or " : "";
  return `this process lacks ${what}: ${task}run core/cli/run/pipeline.ts with deno run, adding ${flags} ` +
    "to the flags of the pipeline task";
}

/** Whether this process has a permission; Deno may be started by its path or by its name. */
function isHeld(kind: PermissionKind, name?: string): boolean {
  if (kind === "run" && name === "deno") return grantedDeno() !== undefined;
  return Deno.permissions.querySync(descriptorOf(kind, name)).state === "granted";
}

const NAME_FIELD = {
  env: "variable",
  ffi: "path",
  net: "host",
  read: "path",
  run: "command",
  sys: "kind",
  write: "path",
} as const;

function descriptorOf(kind: PermissionKind, name?: string): Deno.PermissionDescriptor {
  const rest = name === undefined ? {} : { [NAME_FIELD[kind]]: nameOf(kind, name) };
  return { name: kind, ...rest } as Deno.PermissionDescriptor;
}

/** Deno's message: `Requires env access to "HOME", run again with the --allow-env flag`. */
const DENIED =
  /Requires (?<kind>\w+) access(?: to (?:"(?<name>[^"]*)"|[^,]*))?, run again[^.]*flag/;

function explainPlugin(error: Error, from: string): Error {
  const denied = DENIED.exec(error.message)?.groups;
  const kind = PERMISSION_KINDS.find((kind) => kind === denied?.kind);
  if (denied && kind) {
    const { name } = denied;
    const missing = { [kind]: name === undefined ? true : [name] };
    error.message =
      `the stage has no ${kind} permission${name === undefined ? "" : ` for "${name}"`}; ` +
      `to grant it, add to the step in the recipe: permissions: ${formatPermissions(missing)}`;
  }
  error.message += ` (${from})`;
  return error;
}
