/**
 * Launchers by name.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Budget } from "../../runs/mod.ts";
import type { Launcher } from "./launcher.ts";
import { localLauncher } from "./local.ts";
import { slurmLauncher } from "./slurm.ts";

/** What launchers are made of; each takes what concerns it. */
export interface LauncherOptions {
  /** Arguments for the one who starts the jobs. */
  readonly args: readonly string[];
  /** What all steps on this machine may take. */
  readonly budget: Budget;
}

/** Makes a launcher; what a module of one's own has as its default export. */
export type LauncherFactory = (options: LauncherOptions) => Launcher;

const LAUNCHERS: Readonly<Record<string, LauncherFactory>> = {
  local: ({ args, budget }) => {
    if (args.length > 0) throw new TypeError("the launcher local takes no --launcher-arg");
    return localLauncher(budget);
  },
  slurm: slurmLauncher,
};

/**
 * Makes the launcher of a name, or of a module of one's own.
 *
 * @param name "local", "slurm", or a path such as "./my_launcher.ts".
 * @throws {TypeError} when there is no such launcher, or the module exports none.
 */
export async function openLauncher(name: string, options: LauncherOptions): Promise<Launcher> {
  if (Object.hasOwn(LAUNCHERS, name)) return LAUNCHERS[name](options);
  if (!/^\.{0,2}\//.test(name) && !isAbsolute(name)) {
    const names = Object.keys(LAUNCHERS).join(", ");
    throw new TypeError(
      `there is no launcher "${name}"; there are ${names}, and modules of your own (./my_launcher.ts)`,
    );
  }
  const { default: make } = await import(pathToFileURL(resolve(name)).href);
  const launcher = typeof make === "function" ? make(options) : undefined;
  const verbs = ["submit", "find", "states", "cancel", "stop", "logOf", "howToEnd"] as const;
  const missing = verbs.find((verb) => typeof launcher?.[verb] !== "function");
  if (missing || typeof launcher.name !== "string") {
    throw new TypeError(
      `${name} exports no launcher by default: ${missing ?? "name"} is missing ` +
        "(core/remote/launch/launcher.ts says what one has)",
    );
  }
  return launcher;
}
