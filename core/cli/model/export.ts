/**
 * `deno task export`: writes a trained model for other libraries.
 *
 * @module
 */
import { lstatSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import {
  EXPORT_FORMATS,
  type ExportFormat,
  exportModel,
  ONNX_DTYPES,
  type OnnxDtype,
  type Verification,
  verifyExport,
  WEIGHT_DTYPES,
} from "../../export/mod.ts";
import { abandonedFolders, PartialFolder, removeIfPresent, syncFile } from "../../store/mod.ts";
import { formatBytes } from "../../words/mod.ts";
import { type Console, UsageError } from "../shared/console.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { findModel, loadModel, MODEL_ARGUMENT } from "./find_model.ts";
import { modelFacts } from "./model_facts.ts";

const ONNX_DEFAULT: readonly OnnxDtype[] = ["fp32", "q8"];

export const command = defineCommand({
  name: "export",
  summary: "Writes a trained model for transformers or transformers.js",
  args: [MODEL_ARGUMENT],
  flags: {
    format: {
      value: "NAME",
      default: "hf",
      choices: EXPORT_FORMATS,
      help:
        "hf: for AutoModelForCausalLM of Python's transformers; onnx: for the text-generation " +
        "pipeline of transformers.js",
    },
    dtype: {
      value: "NAME",
      help:
        "precision of the weights. hf: float32, bfloat16 or float16 (default: as they are); onnx: a list " +
        `of fp32, q8 (8-bit weights), q4 (default: ${ONNX_DEFAULT.join(",")})`,
    },
    to: {
      value: "DIR",
      help:
        "folder to write; it must not exist (default: exports/RECIPE-STEP-FORMAT in the folder " +
        "with the results)",
    },
    force: { help: "replace the folder if it exists" },
    verify: {
      help: "onnx: runs the exported model with transformers.js and compares texts and logits; " +
        "downloads about 200 MB of packages the first time",
    },
    ...OUT_FLAG,
  },
  examples: [
    "deno task export latest",
    "deno task export latest --format onnx --dtype q4",
    "deno task export latest --format onnx --verify",
  ],
  notes:
    "The folder has a model card, README.md: data and their licences, mixture, tokens, losses.",
});

/** @throws {UsageError} for a precision that the format does not have. */
function precisions(format: ExportFormat, text: string | undefined) {
  const names = text?.split(",") ?? [], known = Object.keys(ONNX_DTYPES);
  if (format === "onnx") {
    if (names.every((name) => known.includes(name))) {
      return { dtypes: names.length > 0 ? names as OnnxDtype[] : ONNX_DEFAULT };
    }
    throw new UsageError(`--dtype of onnx must be a list of ${known.join(", ")}, got "${text}"`);
  }
  const dtype = WEIGHT_DTYPES.find((name) => name === text);
  if (text === undefined || dtype !== undefined) return { dtype, dtypes: [] };
  throw new UsageError(`--dtype of hf must be ${WEIGHT_DTYPES.join(", ")}, got "${text}"`);
}

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags, args: [name] }, io) => {
  const { format, out } = flags;
  const dtypes = precisions(format, flags.dtype);
  if (flags.verify && format !== "onnx") {
    throw new UsageError("--verify runs transformers.js, which needs --format onnx");
  }
  const model = await findModel(name, out);
  const to = flags.to ??
    join(out, "exports", `${basename(model.label.replaceAll("/", "-"))}-${format}`);
  if (!flags.force && lstatSync(to, { throwIfNoEntry: false })) {
    throw new UsageError(`${to} exists; name another folder with --to, or replace it with --force`);
  }
  const options = { format, ...dtypes, folder: basename(to) };
  const loaded = await loadModel(model, io.err);
  const exported = exportModel(loaded, await modelFacts(model), options);
  io.err(`${model.label} to ${to}`);
  await writeFolder(to, exported, io);
  if (!flags.verify) return 0;
  const verified = await verifyExport(resolve(to), loaded, dtypes.dtypes);
  for (const one of verified) io.err(verificationLine(one));
  return verified.every(({ is_equal }) => is_equal) ? 0 : 1;
});

/** "fp32: 4 of 4 texts equal ours in transformers.js, logits within 1.2e-6: equal". */
function verificationLine(
  { dtype, equal_texts, texts, logit_error, is_equal }: Verification,
): string {
  const found =
    `${dtype}: ${equal_texts} of ${texts} texts in transformers.js equal ours, logits ` +
    `differ by up to ${(100 * logit_error).toPrecision(2)}% of the largest`;
  return dtype === "fp32"
    ? `${found}: ${is_equal ? "equal" : "NOT EQUAL"}`
    : `${found} (quantized)`;
}

/** Writes under another name first, so that the folder is complete or absent. */
async function writeFolder(
  folder: string,
  files: ReturnType<typeof exportModel>,
  io: Console,
): Promise<void> {
  const left = abandonedFolders(dirname(resolve(folder)));
  for (const path of left) removeIfPresent(path);
  if (left.length > 0) io.err(`removed what interrupted exports left: ${left.join(", ")}`);
  using partial = new PartialFolder(folder);
  for (const { name, content } of files) {
    const path = join(partial.path, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else if (content instanceof Uint8Array) await Deno.writeFile(path, content);
    else await Deno.copyFile(content.path, path);
    await Deno.chmod(path, 0o644);
    syncFile(path);
    io.err(`  ${name}  ${formatBytes(Deno.statSync(path).size)}`);
  }
  partial.commit();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
