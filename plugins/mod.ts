/**
 * The plugins that come with Causeway, by name.
 *
 * @module
 */
import type { AnyStage } from "@causeway/core/stage";
import { checkpoint_soup } from "./checkpoint_soup/mod.ts";
import { document_lengths } from "./document_lengths/mod.ts";
import { export_model } from "./export_model/mod.ts";
import { forgetting_report } from "./forgetting_report/mod.ts";
import { lr_sweep } from "./lr_sweep/mod.ts";
import { proximity } from "./proximity/mod.ts";
import { report } from "./report/mod.ts";
import { study } from "./study/mod.ts";
import { study_report } from "./study_report/mod.ts";

export {
  checkpoint_soup,
  document_lengths,
  export_model,
  forgetting_report,
  lr_sweep,
  proximity,
  report,
  study,
  study_report,
};

export const PLUGINS: readonly AnyStage[] = [
  checkpoint_soup,
  document_lengths,
  export_model,
  forgetting_report,
  lr_sweep,
  proximity,
  report,
  study,
  study_report,
];
