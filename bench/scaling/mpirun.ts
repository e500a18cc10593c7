/**
 * Starting several processes under a real MPI launcher.
 *
 * @module
 */

/** Launchers of this machine, by name; Debian has both, side by side. */
export const LAUNCHERS: readonly string[] = ["mpirun.openmpi", "mpirun.mpich"].filter((name) => {
  try {
    return new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
});

/** Open MPI refuses root and more processes than cores unless it is told. */
export const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  OMPI_MCA_rmaps_base_oversubscribe: "1",
  // Ranks that wait give way to those that compute.
  OMPI_MCA_mpi_yield_when_idle: "1",
  NO_COLOR: "1",
};

/**
 * Runs a module on so many ranks.
 *
 * @param module undefined: the first of the arguments is a program of its own.
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
