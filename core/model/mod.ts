/**
 * Models: families of them, configurations, parameters, graphs, and Hugging Face's file formats.
 *
 * @module
 */
export {
  type BatchShape,
  DeclaredParameters,
  decoder,
  type Forward,
  rotaryTables,
} from "./decoder.ts";
export { rotaryAngles } from "./rope.ts";
export {
  completeConfig,
  familyOf,
  type ModelConfig,
  parseConfig,
  type PresetName,
  PRESETS,
  sizes_schema,
  toHuggingFace,
} from "./families.ts";
export {
  type Attention,
  type AttentionShape,
  type Parameters,
  type ParameterSpec,
  storedShape,
} from "./family.ts";
export { linearProducts, type Passes, passFlops, type Product, productFlops } from "./flops.ts";
export {
  hiddenStatesGraph,
  logitsGraph,
  lossGraph,
  type TrainGraph,
  trainGraph,
} from "./graphs.ts";
export { encodeHalf, type HalfPrecision } from "./half_precision.ts";
export {
  checkVocabulary,
  decodeParameters,
  encodeParameters,
  loadModelFiles,
  type ModelFiles,
  namedTensors,
  type OpenedModel,
  openModel,
  transpose,
  writeModelFile,
} from "./model_files.ts";
export {
  type DecayScope,
  type Embeddings,
  embeddings,
  type GroupName,
  hostWeights,
  type Initialization,
  initialize,
  ParameterArrays,
  parameterCount,
  parameterSpecs,
  placeWeights,
  uploadAll,
  type Weights,
} from "./parameters.ts";
export { type NamedTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";
