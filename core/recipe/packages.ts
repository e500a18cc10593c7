/**
 * Which packages a recipe may load: those of the project's lock file, which a person put there. A recipe is often
 * somebody else's, and a package runs with all permissions of the process.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `npm:@scope/name@version/path`: kind, name, version and path. */
const SPECIFIER = /^(npm|jsr):\/?((?:@[^/@]+\/)?[^/@]+)(?:@([^/]*))?(?:\/.*)?$/;
const EXACT = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/;

/**
 * Why a package may not be loaded, with the fix; undefined if it may.
 *
 * @param specifier `npm:package@1.2.3/export`.
 * @param lock path of the lock file; undefined where there is none, and Deno decides.
 *
 * @example
 * ```ts
 * import { packageFault } from "./packages.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(packageFault("npm:zod@4.6.7"), undefined);
 * assert.match(packageFault("npm:zod@4")!, /names no exact version/);
 * ```
 */
export function packageFault(
  specifier: string,
  lock: string | undefined = lockFile(),
): string | undefined {
  const [, kind, name, version = ""] = SPECIFIER.exec(specifier) ?? [];
  if (name === undefined) return "is not a package; write npm:package@1.2.3";
  if (!EXACT.test(version)) return `names no exact version; write ${kind}:${name}@1.2.3`;
  if (lock === undefined) return undefined;
  const wanted = `${kind}:${name}@${version}`;
  return lockedSpecifiers(lock).has(wanted) ? undefined : notLocked([wanted]);
}

/** What to say of packages that the lock file does not have. */
function notLocked(packages: readonly string[]): string {
  const [what, it] = packages.length === 1
    ? ["is not a package", "it"]
    : ["are not packages", "them"];
  return `${what} of this project, and nothing of ${it} was loaded; if you trust ${it}, run ` +
    `deno add --frozen=false ${packages.join(" ")}`;
}

/** Packages as recipes name them: `npm:zod@4.6.7`. */
function lockedSpecifiers(path: string): Set<string> {
  const { specifiers = {} } = JSON.parse(readFileSync(path, "utf8"));
  return new Set(Object.keys(specifiers));
}

/** The lock file that Deno uses: the nearest above the main module. */
function lockFile(): string | undefined {
  if (!Deno.mainModule.startsWith("file:")) return undefined;
  let folder = dirname(fileURLToPath(Deno.mainModule));
  while (!existsSync(join(folder, "deno.lock"))) {
    if (folder === dirname(folder)) return undefined;
    folder = dirname(folder);
  }
  return join(folder, "deno.lock");
}

/** Deno's message about a lock file that may not change, in our words; undefined for another. */
export function explainFrozen(message: string): string | undefined {
  if (!/lockfile is out of date/.test(message)) return undefined;
  const added = message.matchAll(/"((?:npm|jsr):[^"]+)": "/g);
  const packages = [...new Set([...added].map(([, specifier]) => specifier))];
  if (packages.length === 0) return undefined;
  return `${packages.join(", ")} ${notLocked(packages)}`;
}
