/**
 * `deno task export`: writes a trained model for other libraries.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { basename, dirname, join, resolve } from "node:path";
import { type ExportFormat, exportModel, ONNX_DTYPES, type OnnxDtype } from "../../export/mod.ts";
import { checkFlags, type Console, processConsole, UsageError } from "../shared/console.ts";
import { explain } from "../shared/explain.ts";
import { formatBytes } from "../shared/format.ts";
import { loadModel } from "./load_model.ts";
import { modelFacts } from "./model_facts.ts";
import { findModel, MODEL_HELP } from "./model_ref.ts";

const HELP = `Writes a trained model as a folder that other libraries load.

Usage: deno task export RUN [options]

${MODEL_HELP}

  --format hf|onnx  hf: for AutoModelForCausalLM of Python's transformers (default);
                    onnx: for the text-generation pipeline of transformers.js
  --dtype A,B       precisions of ONNX files: fp32, q8 (8-bit weights), q4 (default: fp32,q8)
  --to DIR          the folder to write; it must not exist (default: exports/RECIPE-STEP-FORMAT
                    in the folder of the results)
  --force           replace it where it exists
  --out DIR         folder with the results (default: out)
  --help            print this

The folder has a README.md, the model card: data and their licences, mixture, tokens, losses.`;

interface Options {
  model: string;
  format: ExportFormat;
  dtypes: OnnxDtype[];
  to?: string;
  force: boolean;
  out: string;
}

function parseOptions(args: readonly string[]): Options | undefined {
  const string = ["format", "dtype", "to", "out"] as const, boolean = ["force", "help"] as const;
  const known = checkFlags([...string, ...boolean], "deno task export");
  const flags = parseArgs(args, {
    string,
    boolean,
    alias: { help: "h" },
    default: { format: "hf", dtype: "fp32,q8", out: "out" },
    unknown: (arg, key) => key === undefined ? undefined : known(arg, key),
  });
  if (flags.help) return undefined;
  const [model, ...more] = flags._.map(String);
  if (model === undefined) throw new UsageError("which model? See deno task export --help");
  if (more.length > 0) throw new UsageError(`one model at a time; "${more[0]}" is one too many`);
  if (flags.format !== "hf" && flags.format !== "onnx") {
    throw new UsageError(`--format ${flags.format} is unknown; take hf or onnx`);
  }
  const { format, to, force, out } = flags;
  return { model, format, dtypes: parseDtypes(flags.dtype), to, force, out };
}

function parseDtypes(text: string): OnnxDtype[] {
  return text.split(",").map((name) => {
    if (name in ONNX_DTYPES) return name as OnnxDtype;
    const known = Object.keys(ONNX_DTYPES).join(", ");
    throw new UsageError(`--dtype ${name || "needs a value; it"} is none of ${known}`);
  });
}

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const options = parseOptions(args);
    if (!options) return io.out(HELP), 0;
    const model = await findModel(options.model, options.out);
    const { format, dtypes } = options;
    const to = options.to ??
      join(options.out, "exports", `${basename(model.label.replaceAll("/", "-"))}-${format}`);
    refuseExisting(to, options.force);
    const loaded = await loadModel(model);
    const exported = exportModel(loaded, await modelFacts(model), {
      format,
      dtypes,
      folder: basename(to),
    });
    io.err(`${model.label} to ${to}`);
    await writeFolder(to, exported, io);
    return 0;
  } catch (error) {
    io.err(`Error: ${explain(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function refuseExisting(folder: string, force: boolean): void {
  try {
    Deno.lstatSync(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (force) return;
  throw new UsageError(`${folder} exists; name another folder by --to, or replace it by --force`);
}

/** Under another name first, so that the folder is whole or not there. */
async function writeFolder(
  folder: string,
  files: ReturnType<typeof exportModel>,
  io: Console,
): Promise<void> {
  Deno.mkdirSync(dirname(resolve(folder)), { recursive: true });
  const temporary = Deno.makeTempDirSync({
    dir: dirname(resolve(folder)),
    prefix: `.${basename(folder)}-`,
  });
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
    try {
      Deno.removeSync(folder, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    Deno.renameSync(temporary, folder);
  } catch (error) {
    Deno.removeSync(temporary, { recursive: true });
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
