/**
 * The plugins that come with Causeway, by name.
 *
 * @module
 */
import type { AnyStage } from "../core/stage/mod.ts";
import { document_lengths } from "./document_lengths/mod.ts";
import { report } from "./report/mod.ts";

export { document_lengths, report };

export const PLUGINS: readonly AnyStage[] = [document_lengths, report];
