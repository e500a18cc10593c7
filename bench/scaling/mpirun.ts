/**
 * Starts several processes under a real MPI launcher.
 *
 * @module
 */

/** Names of the launchers that this machine has; Debian can install both. */
export const LAUNCHERS: readonly string[] = ["mpirun.openmpi", "mpirun.mpich"].filter((name) => {
  try {
    return new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
});

/** Allows Open MPI to run as root, and more processes than cores. */
export const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
  // Waiting ranks yield to computing ones.
  OMPI_MCA_mpi_yield_when_idle: "1",
  NO_COLOR: "1",
};

/**
 * Runs a module on several ranks.
 *
 * @param module undefined: the first argument is the program
 */
export async function mpirun(
  launcher: string,
  ranks: number,
  module: URL | string | undefined,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; out: string; err: string }> {
  const deno = module ? [Deno.execPath(), "run", "--no-prompt", "-A", String(module)] : [];
  const command = new Deno.Command(launcher, {
    args: ["-n", String(ranks), ...deno, ...args],
    env: { ...ENVIRONMENT, ...env },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}
