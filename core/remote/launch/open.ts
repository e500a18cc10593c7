/**
 * Launchers by name.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Budget } from "../../runs/mod.ts";
import type { Launcher } from "./launcher.ts";
import { localLauncher } from "./local.ts";
import { slurmLauncher } from "./slurm.ts";

/** Options of launchers; each uses what it needs. */
export interface LauncherOptions {
  /** Arguments for the program that starts the jobs. */
  readonly args: readonly string[];
  /** What all steps on this machine may use together. */
  readonly budget: Budget;
}

/** Makes a launcher; the default export of your own module. */
export type LauncherFactory = (options: LauncherOptions) => Launcher;

const LAUNCHERS: Readonly<Record<string, LauncherFactory>> = {
  local: ({ args, budget }) => {
    if (args.length > 0) throw new TypeError("the local launcher has no --launcher-arg");
    return localLauncher(budget);
  },
  slurm: slurmLauncher,
};

/**
 * Makes a launcher by name, or from a module.
 *
 * @param name "local", "slurm", or a path such as "./my_launcher.ts".
 * @throws {TypeError} when there is no such launcher, or the module exports none.
 */
export async function openLauncher(name: string, options: LauncherOptions): Promise<Launcher> {
  if (Object.hasOwn(LAUNCHERS, name)) return LAUNCHERS[name](options);
  if (!/^\.{0,2}\//.test(name) && !isAbsolute(name)) {
    const names = Object.keys(LAUNCHERS).join(", ");
    throw new TypeError(
      `unknown launcher "${name}"; use ${names} or your own module (./my_launcher.ts)`,
    );
  }
  const { default: make } = await import(pathToFileURL(resolve(name)).href);
  const launcher = typeof make === "function" ? make(options) : undefined;
  const verbs = ["submit", "find", "states", "cancel", "stop", "logOf", "howToEnd"] as const;
  const missing = verbs.find((verb) => typeof launcher?.[verb] !== "function");
  if (missing || typeof launcher.name !== "string") {
    throw new TypeError(
      `the default export of ${name} is not a launcher: ${missing ?? "name"} is missing ` +
        "(see core/remote/launch/launcher.ts)",
    );
  }
  return launcher;
}
