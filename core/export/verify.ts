/**
 * Exported ONNX models against transformers.js: the same greedy texts, and logits within rounding.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { grantedDeno } from "../config/mod.ts";
import { Decoder, generate } from "../generate/mod.ts";
import { hostWeights, type ParameterArrays } from "../model/mod.ts";
import type { FilesInput } from "../stage/mod.ts";
import {
  type ChatTemplate,
  type Message,
  openChatTemplate,
  type Tokenizer,
} from "../tokenizer/mod.ts";
import type { OnnxDtype } from "./onnx.ts";
import type { Job, JobResult } from "./transformers_js/job.ts";

/** What an exported model is asked to continue. */
export const VERIFY_PROMPTS = ["The", "Once upon a time there was", "def main(", "1 + 1 ="];
/** What it is asked, where it has a chat template. */
const VERIFY_CHATS: readonly (readonly Message[])[] = ["Hello", "What is 1 + 1?"].map((content) => [
  { role: "user", content },
]);
const NEW_TOKENS = 20;
/** Largest difference of fp32 logits, relative to the largest logit: both sides round in float32. */
const TOLERANCE = 1e-3;

/** One precision of an export, compared with the model that it was made from. */
export interface Verification {
  readonly dtype: OnnxDtype;
  /** Texts and answers that are equal, of those compared. */
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

/** The model that an export was made from. */
export interface VerifiedModel {
  /** Its files, which may have a chat template. */
  readonly files: FilesInput;
  readonly parameters: ParameterArrays;
  readonly tokenizer: Tokenizer;
}

/**
 * Compares an ONNX export with its model.
 *
 * @param folder of the export.
 * @param asked what a model with a chat template has to answer, and how many tokens texts have.
 * @throws {Error} when transformers.js cannot load or run it.
 */
export async function verifyExport(
  folder: string,
  model: VerifiedModel,
  dtypes: readonly OnnxDtype[],
  asked: { readonly chats?: readonly (readonly Message[])[]; readonly max_new_tokens?: number } =
    {},
): Promise<Verification[]> {
  const { chats = VERIFY_CHATS, max_new_tokens = NEW_TOKENS } = asked;
  const template = await openChatTemplate(model.files);
  const options = {
    folder,
    prompts: VERIFY_PROMPTS,
    max_new_tokens,
    chats: template ? chats : [],
  };
  const ours = await ownResult(model, template, options);
  const theirs = await runTransformersJs(dtypes.map((dtype) => ({ ...options, dtype })));
  return theirs.map(({ texts: continued, answers, logits }, i) => {
    const texts = [...continued, ...answers.map(answerText)];
    const own = [...ours.texts, ...ours.answers.map(answerText)];
    const equal_texts = texts.filter((text, p) => text === own[p]).length;
    const logit_error = Math.max(...logits.map((row, p) => largestError(row, ours.logits[p])));
    const is_equal = dtypes[i] !== "fp32" ||
      (equal_texts === texts.length && logit_error <= TOLERANCE);
    return { dtype: dtypes[i], equal_texts, texts: texts.length, logit_error, is_equal };
  });
}

/** An answer, and whether it ended. */
const answerText = ({ text, ended }: JobResult["answers"][number]) => `${text}${ended ? "" : "…"}`;

async function ownResult(
  { parameters, tokenizer }: VerifiedModel,
  template: ChatTemplate | undefined,
  { max_new_tokens, chats = [] }: Pick<Job, "max_new_tokens" | "chats">,
): Promise<JobResult> {
  const decoder = new Decoder({ batch_size: 1, threads: 1 });
  const weights = hostWeights(parameters);
  const options = { temperature: 0, top_p: 1, seed: 0, max_new_tokens };
  const result: JobResult = { texts: [], logits: [], answers: [] };
  for (const prompt of VERIFY_PROMPTS) {
    const tokens = tokenizer.encodePrompt(prompt);
    const [states] = await decoder.begin(weights).append([tokens]);
    result.logits.push(Array.from(await decoder.logits(weights, states.at(-1)!)));
    const [{ text }] = await generate(decoder, weights, tokenizer, [{ tokens }], options);
    result.texts.push(text);
  }
  for (const messages of chats as readonly (readonly Message[])[]) {
    const { tokens } = tokenizer.encodeChat({ text: template!.prompt(messages), spans: [] });
    const [{ text, finish }] = await generate(decoder, weights, tokenizer, [{ tokens }], options);
    result.answers.push({ text, ended: finish !== "length" });
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
