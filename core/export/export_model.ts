/**
 * Exporting a model: everything that a folder holds for the libraries that load it.
 *
 * @module
 */
import { familyOf, type ParameterArrays, parameterCount } from "../model/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { ExportedFile } from "./files.ts";
import { generationConfig, hfFiles, tokenizerFilesOf } from "./hf_folder.ts";
import { modelCard, type ModelFacts } from "./model_card.ts";
import { type OnnxDtype, onnxFiles } from "./onnx_folder.ts";
import { javascriptUsage, pythonUsage } from "./usage.ts";

/** For whom: `hf` for Python's transformers, `onnx` for transformers.js. */
export type ExportFormat = "hf" | "onnx";

export interface ExportOptions {
  readonly format: ExportFormat;
  /** Precisions of ONNX files. */
  readonly dtypes: readonly OnnxDtype[];
  /** Name of the folder, for the card. */
  readonly folder: string;
}

/** A model that is loaded. */
export interface LoadedModel {
  /** As it lies on disk. */
  readonly files: FilesInput;
  readonly parameters: ParameterArrays;
  readonly tokenizer: Pick<Tokenizer, "end_of_text">;
}

/**
 * Yields the files of an export, each made when it is asked for.
 *
 * @param facts what the model card says.
 * @throws {Error} when the model has no tokenizer, or is too large for an ONNX file.
 */
export function* exportModel(
  { files, parameters, tokenizer }: LoadedModel,
  facts: ModelFacts,
  { format, dtypes, folder }: ExportOptions,
): Generator<ExportedFile> {
  if (format === "hf") yield* hfFiles(files, facts.name);
  else {
    yield { name: "config.json", content: { path: files.path("config.json") } };
    yield* tokenizerFilesOf(files, facts.name);
    yield* onnxFiles(parameters, dtypes);
  }
  yield { name: "generation_config.json", content: generationConfig(tokenizer.end_of_text) };
  const usage = format === "hf" ? pythonUsage() : javascriptUsage(folder, dtypes[0]);
  yield { name: "README.md", content: modelCard(facts, shapeOf(parameters), usage) };
}

function shapeOf({ config }: ParameterArrays) {
  const { vocab_size, hidden_size, num_hidden_layers, num_attention_heads } = config;
  return {
    family: familyOf(config).title,
    parameters: parameterCount(config),
    sizes: { vocab_size, hidden_size, num_hidden_layers, num_attention_heads },
  };
}
