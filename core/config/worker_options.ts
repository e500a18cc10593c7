/**
 * Whether this project's configuration lets workers have fewer permissions than the process.
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
