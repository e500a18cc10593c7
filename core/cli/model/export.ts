/**
 * `deno task export`: writes a trained model for other libraries.
 *
 * @module
 */
import { lstatSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { EXPORT_FORMATS, exportModel, ONNX_DTYPES, type OnnxDtype } from "../../export/mod.ts";
import { removeIfPresent } from "../../store/mod.ts";
import { type Console, formatBytes, UsageError } from "../shared/console.ts";
import { OUT_FLAG } from "../shared/inputs.ts";
import { defineCommand, mainOf } from "../shared/command.ts";
import { findModel, loadModel, MODEL_ARGUMENT } from "./find_model.ts";
import { modelFacts } from "./model_facts.ts";

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
      value: "A,B",
      default: "fp32,q8",
      help: "precisions of ONNX files: fp32, q8 (8-bit weights), q4",
      expects: `a list of ${Object.keys(ONNX_DTYPES).join(", ")}`,
      parse: parseDtypes,
    },
    to: {
      value: "DIR",
      help:
        "folder to write; it must not exist (default: exports/RECIPE-STEP-FORMAT in the folder " +
        "with the results)",
    },
    force: { help: "replace the folder if it exists" },
    ...OUT_FLAG,
  },
  examples: ["deno task export latest", "deno task export latest --format onnx --dtype q4"],
  notes:
    "The folder has a model card, README.md: data and their licences, mixture, tokens, losses.",
});

function parseDtypes(text: string): OnnxDtype[] | undefined {
  const names = text.split(",");
  return names.every((name) => Object.hasOwn(ONNX_DTYPES, name)) ? names as OnnxDtype[] : undefined;
}

/** Runs the command; returns the exit code. */
export const main = mainOf(command, async ({ flags, args: [name] }, io) => {
  const { format, dtype: dtypes, out } = flags;
  const model = await findModel(name, out);
  const to = flags.to ??
    join(out, "exports", `${basename(model.label.replaceAll("/", "-"))}-${format}`);
  if (!flags.force && lstatSync(to, { throwIfNoEntry: false })) {
    throw new UsageError(`${to} exists; name another folder with --to, or replace it with --force`);
  }
  const options = { format, dtypes, folder: basename(to) };
  const exported = exportModel(await loadModel(model), await modelFacts(model), options);
  io.err(`${model.label} to ${to}`);
  await writeFolder(to, exported, io);
});

/** Writes under another name first, so that the folder is complete or absent. */
async function writeFolder(
  folder: string,
  files: ReturnType<typeof exportModel>,
  io: Console,
): Promise<void> {
  const dir = dirname(resolve(folder));
  Deno.mkdirSync(dir, { recursive: true });
  const temporary = Deno.makeTempDirSync({ dir, prefix: `.${basename(folder)}-` });
  try {
    for (const { name, content } of files) {
      const path = join(temporary, name);
      Deno.mkdirSync(dirname(path), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(path, content);
      else if (content instanceof Uint8Array) await Deno.writeFile(path, content);
      else await Deno.copyFile(content.path, path);
      await Deno.chmod(path, 0o644);
      io.err(`  ${name}  ${formatBytes(Deno.statSync(path).size)}`);
    }
    await Deno.chmod(temporary, 0o755);
    removeIfPresent(folder);
    Deno.renameSync(temporary, folder);
  } catch (error) {
    Deno.removeSync(temporary, { recursive: true });
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
