/**
 * What this process may start: workers with fewer permissions, and Deno.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/**
 * Whether workers can be restricted. That is an unstable option of Deno: unless it is switched on, using it ends the
 * process, and only the configuration file tells.
 */
export function canRestrict(configuration = new URL("deno.json", ROOT)): boolean {
  try {
    const { unstable } = JSON.parse(Deno.readTextFileSync(configuration));
    return Array.isArray(unstable) && unstable.includes("worker-options");
  } catch {
    return false;
  }
}

/**
 * The command by which this process is allowed to start Deno: its executable, or `deno` on the path, which may be a link
 * to it; undefined when it is allowed neither.
 */
export function grantedDeno(): string | undefined {
  return [Deno.execPath(), "deno"].find((command) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted"
  );
}
