/**
 * Datasets by name.
 *
 * @module
 */
export { PACKAGE_CARDS, RECORD_SETS } from "./catalogue.ts";
export type { RecordSet } from "./cards.ts";
export { resolveDataset } from "./resolve.ts";
export type { ResolveOptions } from "./resolve.ts";
