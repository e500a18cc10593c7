/**
 * Models as Hugging Face stores them: a config, and weights in one safetensors file or several.
 *
 * @module
 */
import { z } from "zod";
import { familyOf, type ModelConfig, parseConfig } from "./families.ts";
import type { ParameterSpec } from "./parameter_spec.ts";
import { type DecayScope, ParameterArrays, parameterSpecs } from "./parameters.ts";
import { SafetensorsFile } from "./safetensors_file.ts";
import { setParameter } from "./weights.ts";

/** Files by name, such as those of a folder. */
export interface ModelFiles {
  readonly names: readonly string[];
  /** Path on disk. */
  path(name: string): string;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
/** Weights as Python's pickle: reading them can run any code. */
const PICKLE = /\.(bin|pt|pth|ckpt|pkl)$/;
/** Names in a message, the others are counted. */
const MAX_LISTED = 5;

const index_schema = z.object({
  weight_map: z.record(z.string(), z.string().regex(/^[\w.-]+\.safetensors$/)),
});

/** A model whose files were checked, and whose tensors are read when they are asked for. */
export interface OpenedModel {
  readonly config: ModelConfig;
  /** All parameters, in the order of computation. */
  readonly specs: readonly ParameterSpec[];
  /** A parameter by its name here, in the shape of files, widened to float32. */
  read(name: string): Promise<Float32Array<ArrayBuffer>>;
}

/**
 * Opens a model and checks that its tensors are those that its config asks for. No tensor is read.
 *
 * @param origin where it comes from, for messages.
 * @throws {Error} for another architecture; tensors that are missing, unknown, of another shape, or in two files; a file
 *   that is not sound, or not there; weights that are a pickle only.
 */
export async function openModel(files: ModelFiles, origin: string): Promise<OpenedModel> {
  if (!files.names.includes("config.json")) throw new Error(`${origin} has no config.json`);
  const config = parseConfig(await readJson(files, "config.json"), `${origin}: config.json`);
  const { aliases, ignored } = familyOf(config);
  const other_names = aliases(config);
  const found = new Map<string, Found>();
  for (const [stored_as, file] of await tensorsOf(files, origin)) {
    const name = other_names[stored_as] ?? stored_as;
    if (ignored.test(name)) continue;
    const known = found.get(name);
    // Tied embeddings may be written twice, and then have to be equal.
    if (known) await checkEqual(known, { file, stored_as }, origin);
    else found.set(name, { file, stored_as });
  }
  const specs = parameterSpecs(config);
  checkTensors(specs, found, origin);
  return {
    config,
    specs,
    read(name) {
      const { file, stored_as } = found.get(name)!;
      return file.float32(stored_as);
    },
  };
}

/**
 * Loads a model's weights, one tensor after the other.
 *
 * @param decay_scope groups of the parameters, for an optimizer.
 */
export async function loadModelFiles(
  model: OpenedModel,
  decay_scope: DecayScope = "matrices",
): Promise<ParameterArrays> {
  const parameters = new ParameterArrays(model.config, decay_scope);
  for (const spec of model.specs) setParameter(parameters, spec, await model.read(spec.name));
  return parameters;
}

interface Found {
  readonly file: SafetensorsFile;
  readonly stored_as: string;
}

async function checkEqual(a: Found, b: Found, origin: string): Promise<void> {
  const [first, second] = await Promise.all(
    [a, b].map(({ file, stored_as }) => file.float32(stored_as)),
  );
  const equal = first.length === second.length && first.every((value, i) => value === second[i]);
  if (equal) return;
  throw new Error(
    `${origin}: "${a.stored_as}" and "${b.stored_as}" differ, which are one tensor of the model`,
  );
}

/** Every tensor and the file it is in. */
async function tensorsOf(files: ModelFiles, origin: string): Promise<Map<string, SafetensorsFile>> {
  const open = (name: string) => SafetensorsFile.open(files.path(name), `${origin}: ${name}`);
  if (files.names.includes(SINGLE)) {
    const file = await open(SINGLE);
    return new Map([...file.tensors.keys()].map((name) => [name, file]));
  }
  if (!files.names.includes(INDEX)) throw new Error(noWeights(files, origin));
  const { data, error } = index_schema.safeParse(await readJson(files, INDEX));
  if (!data) {
    const [{ path, message }] = error.issues;
    throw new Error(`${origin}: ${INDEX}: ${path.join(".")}: ${message}`);
  }
  const all = new Map<string, SafetensorsFile>();
  for (const shard of new Set(Object.values(data.weight_map))) {
    if (!files.names.includes(shard)) {
      throw new Error(`${origin}: ${INDEX} names ${shard}, which is not there`);
    }
    const file = await open(shard);
    for (const name of file.tensors.keys()) {
      if (all.has(name)) throw new Error(`${origin} has the tensor "${name}" in two of its files`);
      if (data.weight_map[name] !== shard) {
        throw new Error(`${origin}: ${shard} holds "${name}", which ${INDEX} does not place there`);
      }
      all.set(name, file);
    }
  }
  const lost = Object.keys(data.weight_map).find((name) => !all.has(name));
  if (lost === undefined) return all;
  throw new Error(
    `${origin}: ${data.weight_map[lost]} lacks "${lost}", which ${INDEX} places there`,
  );
}

function noWeights({ names }: ModelFiles, origin: string): string {
  const pickle = names.find((name) => PICKLE.test(name));
  if (pickle === undefined) return `${origin} has neither ${SINGLE} nor ${INDEX}`;
  return `${origin} has its weights in ${pickle} only, a pickle, which can run any code when it is read; convert it ` +
    "in Python: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)";
}

function checkTensors(
  specs: readonly ParameterSpec[],
  found: ReadonlyMap<string, Found>,
  origin: string,
): void {
  const known = new Set(specs.map(({ name }) => name));
  const missing = specs.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  const extra = [...found.keys()].filter((name) => !known.has(name));
  if (missing.length > 0) {
    throw new Error(`${origin} lacks tensors of the model: ${listed(missing)}`);
  }
  if (extra.length > 0) {
    throw new Error(`${origin} has tensors that the model does not: ${listed(extra)}`);
  }
  for (const { name, shape } of specs) {
    const { file, stored_as } = found.get(name)!;
    const is = file.tensors.get(stored_as)!.shape;
    if (is.join() === shape.join()) continue;
    throw new Error(`${origin}: "${stored_as}" has shape [${is}], the config asks for [${shape}]`);
  }
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

async function readJson(files: ModelFiles, name: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(files.path(name)));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${files.path(name)} is no JSON`);
    throw error;
  }
}
