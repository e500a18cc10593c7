/**
 * What a stage may access besides its inputs and outputs, in terms of Deno's permissions.
 *
 * @module
 */

/** The kinds of permission that a step can be granted. */
export const PERMISSION_KINDS = ["env", "ffi", "net", "read", "run", "sys", "write"] as const;

export type PermissionKind = typeof PERMISSION_KINDS[number];

/**
 * Permissions by kind: names (of hosts, folders, variables, programs), or `true` for all of a kind. Missing kinds are
 * not granted. `ffi` calls native code, which no permission restricts: granting it is granting everything.
 */
export type Permissions = { readonly [K in PermissionKind]?: true | readonly string[] };

/**
 * Checks what a stage asks for or a recipe grants.
 *
 * @param origin where the value comes from, for the message.
 * @throws {TypeError} naming the kind that is unknown or has a wrong value.
 */
export function assertPermissions(value: unknown, origin: string): asserts value is Permissions {
  const kinds: readonly string[] = PERMISSION_KINDS;
  if (typeof value !== "object" || value === null) {
    throw new TypeError(
      `${origin}: permissions must be an object such as { net: ["example.org"] }`,
    );
  }
  for (const [kind, names] of Object.entries(value)) {
    if (!kinds.includes(kind)) {
      throw new TypeError(
        `${origin}: there is no permission "${kind}"; the permissions are ${kinds.join(", ")}`,
      );
    }
    const is_list = Array.isArray(names) && names.every((name) => typeof name === "string");
    if (names === true || names === undefined || is_list) continue;
    throw new TypeError(`${origin}: permissions.${kind} must be true or a list of names`);
  }
}

/**
 * The permissions that are asked for and not granted.
 *
 * @example
 * ```ts
 * import { missingPermissions } from "./mod.ts";
 * import assert from "node:assert/strict";
 *
 * const asked = { net: ["example.org", "example.net"], env: ["HOME"] } as const;
 * const missing = missingPermissions(asked, { net: ["example.org"], env: true });
 * assert.deepEqual(missing, { net: ["example.net"] });
 * ```
 */
export function missingPermissions(asked: Permissions, granted: Permissions): Permissions {
  const missing: { [K in PermissionKind]?: true | readonly string[] } = {};
  for (const kind of PERMISSION_KINDS) {
    const [wanted, given = []] = [asked[kind], granted[kind]];
    if (wanted === undefined || given === true) continue;
    if (wanted === true) missing[kind] = true;
    else {
      const names = wanted.filter((name) => !given.includes(name));
      if (names.length > 0) missing[kind] = names;
    }
  }
  return missing;
}

/**
 * Checks that a step is granted what its stage asks for.
 *
 * @param who the step or stage, for the message.
 * @throws {Error} saying what to add to the step.
 */
export function assertGranted(asked: Permissions, granted: Permissions, who: string): void {
  const missing = missingPermissions(asked, granted);
  if (Object.keys(missing).length === 0) return;
  throw new Error(
    `${who} needs permissions that the recipe does not grant; to grant them, add to the step: ` +
      `permissions: ${formatPermissions(missing)}`,
  );
}

/** Permissions as they are written in a recipe: `{ net: ["example.org"] }`. */
export function formatPermissions(permissions: Permissions): string {
  const parts = Object.entries(permissions).map(([kind, names]) => {
    const list = names === true ? "" : names.map((name) => JSON.stringify(name)).join(", ");
    return `${kind}: ${names === true ? "true" : `[${list}]`}`;
  });
  return `{ ${parts.join(", ")} }`;
}
