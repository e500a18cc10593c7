/**
 * Slurm's commands, called.
 *
 * @module
 */

/** How often a command is tried whose controller does not answer, as while it is started anew. */
const ATTEMPTS = 5;
const PAUSE_MS = 2000;
const PASSING =
  /Unable to contact slurm controller|Socket timed out|Connection (refused|timed out)|temporarily/i;

/**
 * Calls a command of Slurm and waits for it.
 *
 * @throws {Error} with what it said; that it is not installed; or that this process may not run it.
 */
export async function callSlurm(name: string, args: readonly string[]): Promise<{ out: string }> {
  for (let attempt = 1;; attempt++) {
    const { code, stdout, stderr } = await call(name, args);
    const said = new TextDecoder().decode(stderr).trim();
    // scancel --quiet ends with 1 and no word when there is nothing to cancel.
    if (code === 0 || (name === "scancel" && said === "")) {
      return { out: new TextDecoder().decode(stdout) };
    }
    if (attempt === ATTEMPTS || !PASSING.test(said)) {
      throw new Error(`${name} failed: ${said || `exit code ${code}`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function call(name: string, args: readonly string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command(name, { args: [...args], stdin: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(`there is no ${name} here: start the pipeline where Slurm's commands are`);
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw new Error(`this process may not run ${name}: use deno task pipeline:launch`);
    }
    throw error;
  }
}
