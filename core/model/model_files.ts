/**
 * Models as Hugging Face stores them: a config, and weights in one safetensors file or several.
 *
 * @module
 */
import { z } from "zod";
import { parseJsonFile } from "../config/mod.ts";
import { sizeOf } from "../graph/mod.ts";
import { counted, formatNumber, issueText, openFile } from "../words/mod.ts";
import { familyOf, type ModelConfig, parseConfig } from "./families.ts";
import type { ParameterSpec } from "./family.ts";
import { type DecayScope, ParameterArrays, parameterSpecs } from "./parameters.ts";
import { explainMismatch } from "./tensor_mismatch.ts";
import {
  type NamedTensor,
  readSafetensors,
  SafetensorsFile,
  safetensorsHeader,
  writeSafetensors,
} from "./safetensors.ts";

/** Files by name, such as those of a folder. */
export interface ModelFiles {
  readonly names: readonly string[];
  /** Path on disk. */
  path(name: string): string;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
/** Weights as Python's pickle, which can run any code when it is read. */
const PICKLE = /\.(bin|pt|pth|ckpt|pkl)$/;
/** Names listed in a message; the others are counted. */
const MAX_LISTED = 5;

const index_schema = z.object({
  weight_map: z.record(z.string(), z.string().regex(/^[\w.-]+\.safetensors$/)),
});

/** A model whose files were checked. Tensors are read on demand. */
export interface OpenedModel {
  readonly config: ModelConfig;
  /** Types of its tensors in the files, under the format's names. */
  readonly dtypes: ReadonlySet<string>;
  /** What a person should know about its files, a line each. */
  readonly notes: readonly string[];
  /** All parameters, in the order of computation. */
  readonly specs: readonly ParameterSpec[];
  /** A parameter by its name here, in the shape of files, as float32. */
  read(name: string): Promise<Float32Array<ArrayBuffer>>;
}

/**
 * Opens a model and checks that its tensors are those of its config. No tensor is read; reading one that has NaN or
 * infinite values throws.
 *
 * @param origin where it comes from, for messages.
 * @throws {Error} for another architecture; tensors that are missing, unknown, of another shape, or in two files; a file
 *   that is not valid or missing; weights that are only in a pickle.
 */
export async function openModel(files: ModelFiles, origin: string): Promise<OpenedModel> {
  if (!files.names.includes("config.json")) throw new Error(`${origin} has no config.json`);
  const given = await readJson(files, "config.json");
  const config = parseConfig(given, `${origin}: config.json`);
  const stored = await tensorsOf(files, origin);
  const tensors = [...stored].map(([name, file]) => file.tensors.get(name)!);
  const names = matchTensors(config, tensors, origin);
  const readAs = async (name: string) => {
    const file = stored.get(name)!, data = await file.float32(name);
    checkFinite(data, name, file.origin);
    return data;
  };
  for (const copies of names.values()) {
    if (copies.length > 1) checkCopies(copies, await Promise.all(copies.map(readAs)), origin);
  }
  const dtypes = new Set(tensors.map(({ dtype }) => dtype));
  const is_quantized = (given as { quantization_config?: unknown }).quantization_config != null;
  return {
    config,
    dtypes,
    notes: [
      ...(dtypes.has("F64") ? ["64-bit weights are rounded to 32 bits"] : []),
      ...(is_quantized
        ? ["quantization_config in config.json is ignored: the weights are not quantized"]
        : []),
    ],
    specs: parameterSpecs(config),
    read: (name) => readAs(names.get(name)![0]),
  };
}

/**
 * Loads a model's weights, one tensor at a time.
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

/**
 * Writes `model.safetensors` in float32, with the bytes that {@linkcode encodeParameters} gives for the same weights.
 * One tensor at a time is in memory.
 *
 * @param path of the file, which is created or overwritten.
 * @param onTensor called after each tensor with the number done and the total.
 */
export async function writeModelFile(
  { specs, read }: OpenedModel,
  path: string,
  onTensor: (done: number, total: number) => void = () => {},
): Promise<void> {
  const sorted = specs.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const header = safetensorsHeader(sorted.map(({ name, shape }) => {
    return { name, shape, dtype: "F32", bytes: 4 * sizeOf(shape) };
  }));
  using file = await openFile(path, { write: true, create: true, truncate: true });
  await writeAll(file, header);
  for (const [i, { name }] of sorted.entries()) {
    await writeAll(file, new Uint8Array((await read(name)).buffer));
    onTensor(i + 1, sorted.length);
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/**
 * Checks that a model has an embedding for every token. It may have more, as Pythia does.
 *
 * @param tokens one more than the tokenizer's largest id.
 * @throws {Error} when the tokenizer has more tokens than the model embeddings.
 */
export function checkVocabulary(
  tokens: number,
  { vocab_size }: Pick<ModelConfig, "vocab_size">,
  origin: string,
): void {
  if (tokens <= vocab_size) return;
  throw new Error(
    `${origin}: the tokenizer has ${tokens} tokens, but the model has embeddings for only ${vocab_size}; they belong ` +
      "to different models",
  );
}

/** All tensors under their Hugging Face names and in its layout; transposed ones are copies. */
export function namedTensors(parameters: ParameterArrays): NamedTensor[] {
  return parameterSpecs(parameters.config).map(({ name, shape, transposed }) => {
    const data = parameters.get(name);
    return { name, shape, data: transposed ? transpose(data, shape[1], shape[0]) : data };
  });
}

/** Writes all parameters as safetensors. */
export function encodeParameters(parameters: ParameterArrays): Uint8Array {
  return writeSafetensors(namedTensors(parameters));
}

/**
 * Fills `parameters` from the bytes of a safetensors file in float32.
 *
 * @param origin name of the file, for messages.
 * @throws {Error} when a tensor is missing, unknown, of another shape, not finite, or there twice with different values.
 */
export function decodeParameters(
  parameters: ParameterArrays,
  file: Uint8Array,
  origin: string,
): void {
  const tensors = readSafetensors(file, origin);
  const names = matchTensors(parameters.config, tensors.values(), origin);
  for (const spec of parameterSpecs(parameters.config)) {
    const copies = names.get(spec.name)!;
    const data = copies.map((name) => tensors.get(name)!.data);
    if (!(data[0] instanceof Float32Array)) {
      throw new Error(`${origin}: "${copies[0]}" must be float32`);
    }
    checkCopies(copies, data, origin);
    checkFinite(data[0], copies[0], origin);
    setParameter(parameters, spec, data[0]);
  }
}

/** Copies a tensor in the layout of files to its place in memory. */
function setParameter(
  parameters: ParameterArrays,
  { name, shape, transposed }: ParameterSpec,
  data: Float32Array,
): void {
  parameters.get(name).set(transposed ? transpose(data, shape[0], shape[1]) : data);
}

/** Transposes a row-major matrix of `rows` and `columns`, in tiles that keep both sides in the cache. */
export function transpose(data: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  const TILE = 32;
  for (let r0 = 0; r0 < rows; r0 += TILE) {
    for (let c0 = 0; c0 < columns; c0 += TILE) {
      const [r1, c1] = [Math.min(rows, r0 + TILE), Math.min(columns, c0 + TILE)];
      for (let c = c0; c < c1; c++) {
        for (let r = r0; r < r1; r++) result[c * rows + r] = data[r * columns + c];
      }
    }
  }
  return result;
}

/** For each parameter, the names that it is stored under: tied embeddings may be in a file twice. */
function matchTensors(
  config: ModelConfig,
  tensors: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
  origin: string,
): Map<string, string[]> {
  const { aliases, ignored } = familyOf(config);
  const other_names = aliases(config), specs = parameterSpecs(config);
  const found = new Map<string, string[]>(), shapes = new Map<string, string>();
  for (const { name: stored_as, shape } of tensors) {
    const name = Object.hasOwn(other_names, stored_as) ? other_names[stored_as]! : stored_as;
    if (ignored.test(name)) continue;
    found.set(name, [...found.get(name) ?? [], stored_as]);
    shapes.set(stored_as, shape.join());
  }
  const known = new Set(specs.map(({ name }) => name));
  const missing = [...known].filter((name) => !found.has(name));
  const extra = [...found.keys()].filter((name) => !known.has(name));
  if (missing.length + extra.length > 0) {
    const what = missing.length > 0
      ? `lacks tensors of the model: ${listed(missing)}`
      : `has tensors that the model does not: ${listed(extra)}`;
    throw new Error(`${origin} ${what}; ${explainMismatch(config, { missing, extra })}`);
  }
  for (const { name, shape } of specs) {
    const other = found.get(name)!.find((stored_as) => shapes.get(stored_as) !== shape.join());
    if (other === undefined) continue;
    const is = shapes.get(other);
    throw new Error(
      `${origin}: "${other}" has shape [${is}], but config.json describes [${shape}]; use the config.json ` +
        "of the same model",
    );
  }
  return found;
}

/** @throws {Error} naming a tensor whose weights are not all finite, and their number. */
function checkFinite(data: Float32Array, name: string, origin: string): void {
  let count = 0;
  // x - x is 0 for finite numbers and NaN for all others.
  for (let i = 0; i < data.length; i++) if (data[i] - data[i] !== 0) count++;
  if (count === 0) return;
  const found = counted(count, "NaN or infinite weight");
  throw new Error(
    `${origin}: "${name}" has ${found} of ${
      formatNumber(data.length)
    }; use an earlier checkpoint, from before training diverged`,
  );
}

/** @throws {Error} when copies of a tensor differ. */
function checkCopies(
  names: readonly string[],
  [first, ...others]: readonly (Float32Array | Int32Array)[],
  origin: string,
): void {
  if (others.every((other) => first.every((value, i) => value === other[i]))) return;
  const quoted = names.map((name) => `"${name}"`).join(" and ");
  throw new Error(
    `${origin}: ${quoted} differ, but tie_word_embeddings in config.json makes them one tensor; set it to ` +
      "false there if the model was trained with two",
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
    throw new Error(`${origin}: ${INDEX}: ${issueText(error.issues[0])}`);
  }
  const all = new Map<string, SafetensorsFile>();
  for (const shard of new Set(Object.values(data.weight_map))) {
    if (!files.names.includes(shard)) {
      throw new Error(`${origin}: ${INDEX} names ${shard}, which is missing; download it too`);
    }
    const file = await open(shard);
    for (const name of file.tensors.keys()) {
      if (all.has(name)) throw new Error(`${origin} has the tensor "${name}" in two of its files`);
      if (data.weight_map[name] !== shard) {
        throw new Error(`${origin}: ${shard} contains "${name}", which ${INDEX} places elsewhere`);
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
  const variant = names.find((name) => /^model\.[\w-]+\.safetensors$/.test(name));
  if (pickle === undefined) {
    const hint = variant === undefined
      ? ""
      : `; it has the variant ${variant}: rename it to ${SINGLE}`;
    return `${origin} has neither ${SINGLE} nor ${INDEX}${hint}`;
  }
  return `${origin} has its weights in ${pickle} only, a pickle, which can run any code when it is read; convert it ` +
    "in Python: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)";
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

async function readJson(files: ModelFiles, name: string): Promise<unknown> {
  return parseJsonFile(await Deno.readTextFile(files.path(name)), files.path(name));
}
