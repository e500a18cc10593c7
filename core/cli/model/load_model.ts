/**
 * Loading a model that was named on the command line.
 *
 * @module
 */
import { loadModelFiles, openModel, type ParameterArrays } from "../../model/mod.ts";
import { loadTokenizer, type Tokenizer } from "../../tokenizer/mod.ts";
import type { NamedModel } from "./model_ref.ts";

/** A model in memory, on the CPU. */
export interface LoadedModel extends NamedModel {
  readonly parameters: ParameterArrays;
  readonly tokenizer: Tokenizer;
}

/** @throws {Error} naming the file that is missing or wrong. */
export async function loadModel(model: NamedModel): Promise<LoadedModel> {
  const { files } = model;
  const tokenizer = await loadTokenizer(
    await files.text("tokenizer.json"),
    await files.text("tokenizer_config.json"),
  );
  return {
    ...model,
    tokenizer,
    parameters: await loadModelFiles(await openModel(files, model.label)),
  };
}
