/**
 * What a trained model says: generated text, and likelihoods of given texts.
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
} from "./generate.ts";
export { likelihoodHeadGraph, logitsHeadGraph, stepGraph, type StepShape } from "./graphs.ts";
export { type Continuation, logLikelihoods } from "./likelihood.ts";
export { TextStream } from "./text_stream.ts";
export { chooseToken, drawToken, likeliest, type SamplingOptions } from "./sampling.ts";
