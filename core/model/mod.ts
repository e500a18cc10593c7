/**
 * Models: families of them, configurations, parameters, graphs, and Hugging Face's file formats.
 *
 * @module
 */
export { type Attention, type AttentionShape, type BatchShape, rotaryTables } from "./attention.ts";
export { DeclaredParameters } from "./declared.ts";
export { decoder, type Forward } from "./decoder.ts";
export {
  completeConfig,
  familyOf,
  type ModelConfig,
  parseConfig,
  sizes_schema,
  toHuggingFace,
} from "./families.ts";
export type { CommonSizes, Family, LayerContext } from "./family.ts";
export { linearProducts, type Passes, passFlops, type Product, productFlops } from "./flops.ts";
export { type GptNeoXConfig, rotaryDim } from "./gpt_neox/config.ts";
export { EMBED_IN, EMBED_OUT } from "./gpt_neox/parameters.ts";
export { hiddenStatesGraph, logitsGraph, lossGraph, trainGraph } from "./graphs.ts";
export type { LlamaConfig } from "./llama/config.ts";
export { type ParameterSpec, storedShape } from "./parameter_spec.ts";
export {
  type DecayScope,
  type Embeddings,
  embeddings,
  type GroupName,
  initialize,
  ParameterArrays,
  parameterCount,
  parameterSpecs,
} from "./parameters.ts";
export { hostWeights, placeWeights, uploadAll, type Weights } from "./placed_weights.ts";
export { type PresetName, PRESETS } from "./presets.ts";
export { loadModelFiles, type ModelFiles, type OpenedModel, openModel } from "./model_files.ts";
export { writeModelFile } from "./model_writer.ts";
export { type NamedTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";
export { decodeParameters, encodeParameters, namedTensors } from "./weights.ts";
