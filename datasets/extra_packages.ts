/**
 * Packages that only some recipes read. They are installed on request, so that a first run downloads less.
 *
 * @module
 */
import type { PackagePlace } from "@causeway/core/readers";

/** `datasets/extra/deno.json` lists them. */
export const EXTRA_PACKAGES: PackagePlace = {
  from: new URL("extra/", import.meta.url),
  install: "deno task datasets",
};
