/**
 * GPT-NeoX (Pythia) models: configuration, parameters, graphs, and Hugging Face's file formats.
 *
 * @module
 */
export { type GptNeoXConfig, parseConfig, rotaryDim, toHuggingFace } from "./config.ts";
export { linearProducts, type Passes, passFlops, type Product, productFlops } from "./flops.ts";
export type { BatchShape, Forward } from "./gpt_neox.ts";
export { hiddenStatesGraph, logitsGraph, lossGraph, trainGraph } from "./graphs.ts";
export {
  type DecayScope,
  EMBED_IN,
  EMBED_OUT,
  type GroupName,
  initialize,
  ParameterArrays,
  parameterCount,
  type ParameterSpec,
  parameterSpecs,
  storedShape,
} from "./parameters.ts";
export { type PresetName, PRESETS } from "./presets.ts";
export { type NamedTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";
export { decodeParameters, encodeParameters, namedTensors } from "./weights.ts";
