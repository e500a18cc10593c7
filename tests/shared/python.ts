/**
 * Python for tests that compare with its libraries.
 *
 * @module
 */
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "../..");

/**
 * The Python named by `CAUSEWAY_PYTHON`, otherwise that of `.venv`, if it has all packages.
 *
 * @param packages names to import
 * @returns undefined if there is none, so that the test is skipped.
 * @throws {Error} if `CAUSEWAY_PYTHON` is set and lacks a package, so that the test fails.
 */
export function findPython(packages: readonly string[]): string | undefined {
  const named = Deno.env.get("CAUSEWAY_PYTHON");
  const path = named ?? join(ROOT, ".venv/bin/python");
  const code = `import ${packages.join(", ")}`;
  try {
    const { success, stderr } = new Deno.Command(path, { args: ["-c", code] }).outputSync();
    if (success) return path;
    if (named === undefined) return undefined;
    throw new Error(`CAUSEWAY_PYTHON: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    if (named === undefined && error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Runs a script.
 *
 * @returns its standard output.
 * @throws {Error} with its standard error.
 */
export async function runPython(python: string, script: string, args: readonly string[] = []) {
  const command = new Deno.Command(python, { args: ["-c", script, ...args] });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
