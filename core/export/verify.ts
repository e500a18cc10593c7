/**
 * Exported ONNX models against transformers.js: the same greedy texts, and logits within rounding.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { grantedDeno } from "../config/mod.ts";
import { Decoder, generate } from "../generate/mod.ts";
import { hostWeights, type ParameterArrays } from "../model/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { OnnxDtype } from "./onnx.ts";
import type { Job, JobResult } from "./transformers_js/job.ts";

/** What an exported model is asked to continue. */
export const VERIFY_PROMPTS = ["The", "Once upon a time there was", "def main(", "1 + 1 ="];
const NEW_TOKENS = 20;
/** Largest difference of fp32 logits, relative to the largest logit: both sides round in float32. */
const TOLERANCE = 1e-3;

/** One precision of an export, compared with the model that it was made from. */
export interface Verification {
  readonly dtype: OnnxDtype;
  /** Texts that are equal, of those compared. */
  readonly equal_texts: number;
  readonly texts: number;
  /** max |logits - ours| / max |ours|, over all prompts. */
  readonly logit_error: number;
  /** Quantized weights may differ, fp32 may not. */
  readonly is_equal: boolean;
}

/**
 * Runs models with transformers.js, in a process of its own with packages of its own; the first time they are downloaded.
 *
 * @throws {Error} with what the process printed, when it fails.
 */
export async function runTransformersJs(jobs: readonly Job[]): Promise<JobResult[]> {
  const path = (name: string) => fileURLToPath(new URL(`transformers_js/${name}`, import.meta.url));
  const permissions = ["--allow-read", "--allow-env", "--allow-sys", "--allow-ffi"];
  const config = ["--frozen", "--config", path("deno.json")];
  const command = grantedDeno();
  if (command === undefined) {
    throw new Error(
      "verifying an export starts a process: add --allow-run=deno to the flags of deno",
    );
  }
  const child = new Deno.Command(command, {
    args: ["run", "--quiet", "--no-prompt", ...config, ...permissions, path("main.ts")],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(jobs)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`transformers.js cannot run the export: ${decode(stderr).trim()}`);
  return JSON.parse(decode(stdout));
}

/**
 * Compares an ONNX export with its model.
 *
 * @param folder of the export.
 * @throws {Error} when transformers.js cannot load or run it.
 */
export async function verifyExport(
  folder: string,
  model: { readonly parameters: ParameterArrays; readonly tokenizer: Tokenizer },
  dtypes: readonly OnnxDtype[],
): Promise<Verification[]> {
  const options = { folder, prompts: VERIFY_PROMPTS, max_new_tokens: NEW_TOKENS };
  const ours = await ownResult(model);
  const theirs = await runTransformersJs(dtypes.map((dtype) => ({ ...options, dtype })));
  return theirs.map(({ texts, logits }, i) => {
    const equal_texts = texts.filter((text, p) => text === ours.texts[p]).length;
    const logit_error = Math.max(...logits.map((row, p) => largestError(row, ours.logits[p])));
    const is_equal = dtypes[i] !== "fp32" ||
      (equal_texts === texts.length && logit_error <= TOLERANCE);
    return { dtype: dtypes[i], equal_texts, texts: texts.length, logit_error, is_equal };
  });
}

async function ownResult(
  { parameters, tokenizer }: Parameters<typeof verifyExport>[1],
): Promise<JobResult> {
  const decoder = new Decoder({ batch_size: 1, threads: 1 });
  const weights = hostWeights(parameters);
  const options = { temperature: 0, top_p: 1, seed: 0, max_new_tokens: NEW_TOKENS };
  const result: JobResult = { texts: [], logits: [] };
  for (const prompt of VERIFY_PROMPTS) {
    const tokens = tokenizer.encodePrompt(prompt);
    const [states] = await decoder.begin(weights).append([tokens]);
    result.logits.push(Array.from(await decoder.logits(weights, states.at(-1)!)));
    const [{ text }] = await generate(decoder, weights, tokenizer, [{ tokens }], options);
    result.texts.push(text);
  }
  await decoder.release();
  return result;
}

/** Logits of ids beyond either vocabulary are padding. */
function largestError(theirs: readonly number[], ours: readonly number[]): number {
  let error = 0, scale = 0;
  for (let i = 0; i < Math.min(theirs.length, ours.length); i++) {
    error = Math.max(error, Math.abs(theirs[i] - ours[i]));
    scale = Math.max(scale, Math.abs(ours[i]));
  }
  return error / scale;
}
