/**
 * Generated text of a trained model, and likelihoods of given texts.
 *
 * @module
 */
export { Decoder, type DecoderOptions, DecodingBatch, type States } from "./decoder.ts";
export {
  type Completion,
  generate,
  type GenerateOptions,
  type Prompt,
  type TextDecoding,
  TextStream,
} from "./generate.ts";
export { likelihoodHeadGraph, logitsHeadGraph, stepGraph, type StepShape } from "./graphs.ts";
export { type Continuation, logLikelihoods } from "./likelihood.ts";
export {
  chooseToken,
  drawToken,
  likeliest,
  penalizeRepeats,
  type SamplingOptions,
} from "./sampling.ts";
