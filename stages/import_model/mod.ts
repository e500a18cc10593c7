/**
 * The import_model stage: an existing model, such as Pythia, from a folder or the Hugging Face Hub.
 *
 * @module
 */
import { z } from "zod";
import { parseJsonFile, positive_int } from "@causeway/core/config";
import {
  downloadFile,
  formatHubUrl,
  hubOptionsFromEnvironment,
  parseHubUrl,
  resolveSnapshot,
  snapshotFolder,
} from "@causeway/core/hub";
import {
  checkVocabulary,
  type ModelFiles,
  openModel,
  parameterCount,
  toHuggingFace,
  writeModelFile,
} from "@causeway/core/model";
import { contentDigest, textDigest } from "@causeway/core/readers";
import { defineStage, ports } from "@causeway/core/stage";
import {
  bos_schema,
  COMPANION_FILES,
  completeFiles,
  endOfTextId,
  noTokenizer,
  openTokenizer,
  readTexts,
  readTokenizerFiles,
  TOKEN_SOURCES,
  type TokenIds,
  TOKENIZER_FILES,
  type TokenizerFiles,
  tokenizerSources,
  vocabularySize,
  withChatTemplate,
  withTokenIds,
} from "@causeway/core/tokenizer";
import { importedState } from "@causeway/core/train";
import { counted, errorText } from "@causeway/core/words";
import { join } from "node:path";

/** Files of a model; all others in its folder or repository are ignored. */
const WANTED =
  /^(config\.json|generation_config\.json|model[\w.-]*\.safetensors|model\.safetensors\.index\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|chat_template\.jinja)$/;
/** Listed too, to say what a model has instead: a pickle, or a tokenizer in other files. */
const PICKLE = /^pytorch_model.*\.bin$/;

/** The names that say what a model has. */
function namesOf(all: readonly string[]): string[] {
  const names = all.filter((name) => WANTED.test(name) || PICKLE.test(name));
  return [...names, ...names.includes("tokenizer.json") ? [] : tokenizerSources(all)].sort();
}

const place = z.strictObject({
  /** Optimizer steps of its training so far. */
  steps: z.int().nonnegative().default(0),
  /** Tokens it has been trained on so far. */
  tokens: z.int().nonnegative().default(0),
  /** Input tokens per sequence when training continues. */
  sequence_length: positive_int.default(512),
  /** Sequences per optimizer step when training continues. */
  global_batch_size: positive_int.default(64),
}).prefault({});

const config = z.strictObject({
  /** Folder with the model in Hugging Face format; set either this or `hub`. */
  folder: z.string().min(1).optional(),
  /** Model on the Hugging Face Hub, `org/name` or `org/name@revision`. A branch is resolved to its current commit. */
  hub: z.string().min(1).optional(),
  /** The token that ends a text; by default the `eos_token` of the tokenizer, or the first one of the model. */
  end_of_text: z.string().min(1).optional(),
  /**
   * Whether every text begins with the tokenizer's BOS token; "auto": if its post-processor adds one, as in transformers,
   * or `add_bos_token` is true. Saved with the tokenizer, so that training, evaluation, tasks, generation and exports
   * agree.
   */
  bos: bos_schema,
  /**
   * Chat template: the name of one that the tokenizer has, "plain" ("User: …", "Assistant: …"), "chatml", or a Jinja
   * template. Not set: that which the tokenizer has, if any. Saved with the tokenizer.
   */
  chat_template: z.string().min(1).optional(),
  /** State of its training, for stages that continue it. */
  trained: place,
  /** Digest of the files, part of the artifact key. Filled in automatically; if set, the files must match it. */
  digest: z.string().optional(),
}).transform(async (given, context) => {
  const refuse = (field: string, message: string) => {
    context.addIssue({ code: "custom", message, path: [field] });
    return z.NEVER;
  };
  const { folder, hub } = given;
  if ((folder === undefined) === (hub === undefined)) {
    return refuse("folder", "set either folder or hub");
  }
  const field = folder === undefined ? "hub" : "folder";
  try {
    const { name, digest } = folder === undefined
      ? await hubContent(hub!)
      : folderContent(folder, given.end_of_text);
    if (given.digest !== undefined && given.digest !== digest) {
      return refuse(field, "the model has changed; run the recipe again");
    }
    return { ...given, ...(hub !== undefined && { hub: name }), digest };
  } catch (error) {
    const is_missing = folder !== undefined && error instanceof Deno.errors.NotFound;
    return refuse(field, is_missing ? `folder ${folder} does not exist` : errorText(error));
  }
});

function folderContent(folder: string, end_of_text: string | undefined) {
  const names = folderNames(folder);
  if (!names.includes("config.json")) throw new Error(`${folder} has no config.json`);
  if (names.includes("tokenizer.json")) {
    const sources = [...TOKENIZER_FILES, ...TOKEN_SOURCES].filter((name) => names.includes(name));
    const texts = sources.map((
      name,
    ) => [name, Deno.readTextFileSync(join(snapshotFolder(folder), name))]);
    endOfTextId(completeFiles(Object.fromEntries(texts), { end_of_text }));
  }
  const digests = names.map((name) => [name, contentDigest(join(snapshotFolder(folder), name))]);
  return { name: folder, digest: textDigest(JSON.stringify(digests)) };
}

function folderNames(folder: string): string[] {
  return namesOf([...Deno.readDirSync(snapshotFolder(folder))].map(({ name }) => name));
}

/** Uses the digests listed by the hub, so nothing is downloaded. @returns the name with its commit. */
async function hubContent(hub: string) {
  const { snapshot, wanted } = await hubModel(hub);
  const { type, repo, commit } = snapshot;
  const name = formatHubUrl({ type, repo, revision: commit }).replace("hf://", "");
  const digests = wanted.map(({ path, digest }) => [path, digest]);
  return { name, digest: textDigest(JSON.stringify(digests)) };
}

async function hubModel(hub: string) {
  const url = hub.startsWith("hf://") ? hub : `hf://${hub}`;
  const snapshot = await resolveSnapshot(parseHubUrl(url, "model"), hubOptionsFromEnvironment());
  const names = new Set(namesOf(snapshot.files.map(({ path }) => path)));
  return { snapshot, wanted: snapshot.files.filter(({ path }) => names.has(path)) };
}

/**
 * The files of a model. Those of a model on the hub are downloaded unless they are in the cache.
 *
 * @param log called for each download.
 */
async function modelFiles(
  { folder, hub }: Pick<Config, "folder" | "hub">,
  log: (message: string) => void,
): Promise<ModelFiles> {
  if (folder !== undefined) {
    const snapshot = snapshotFolder(folder);
    return { names: folderNames(folder), path: (name) => join(snapshot, name) };
  }
  const { snapshot, wanted } = await hubModel(hub!);
  const paths = new Map<string, string>();
  for (const file of wanted) {
    // Others are refused by name, so they are not downloaded.
    if (!WANTED.test(file.path)) paths.set(file.path, "");
    else {
      log(`downloading ${file.path} (${(file.bytes / 1e6).toFixed(1)} MB)`);
      paths.set(file.path, await downloadFile(snapshot, file, hubOptionsFromEnvironment()));
    }
  }
  return { names: [...paths.keys()], path: (name) => paths.get(name)! };
}

type Config = z.output<typeof config>;

export const import_model = defineStage({
  name: "import_model",
  version: "3",
  description: "Imports a trained model in Hugging Face format.",
  config,
  inputs: {},
  outputs: { checkpoint: ports.checkpoint, tokenizer: ports.tokenizer },
  async run({ config, outputs, seed, log, report, signal }) {
    signal.throwIfAborted();
    const files = await modelFiles(config, log);
    const origin = config.folder ?? config.hub!;
    const model = await openModel(files, origin);
    log(`model with ${counted(parameterCount(model.config), "parameter")}`);
    model.notes.forEach(log);
    const { tokenizer, ids, begins } = await openTokenizerOf(files, origin, config, log);
    checkVocabulary(vocabularySize(tokenizer["tokenizer.json"]), model.config, origin);
    log(`special tokens: bos ${ids.bos_token_id ?? "none"}, eos ${ids.eos_token_ids.join(", ")}`);
    log(`texts begin ${begins ? "with a BOS token" : "without a BOS token"} (bos: ${config.bos})`);
    const text = (json: unknown) => JSON.stringify(json, null, 2) + "\n";
    const config_json = withTokenIds(toHuggingFace(model.config), ids);
    await outputs.checkpoint.write("config.json", text(config_json));
    if (files.names.includes(GENERATION)) {
      const given = parseJsonFile(
        await Deno.readTextFile(files.path(GENERATION)),
        `${origin}: ${GENERATION}`,
        z.looseObject({}),
      );
      await outputs.checkpoint.write(GENERATION, text(withTokenIds(given, ids)));
    }
    const folder = await Deno.makeTempDir({ prefix: "import_model_" });
    try {
      const path = join(folder, "model.safetensors");
      await writeModelFile(model, path, (done, total) => {
        signal.throwIfAborted();
        report(done, {}, total);
      });
      await outputs.checkpoint.write("model.safetensors", { path });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    await outputs.checkpoint.write("trainer_state.json", text(importedState(config.trained, seed)));
    for (const [name, content] of Object.entries(tokenizer)) {
      await outputs.checkpoint.write(name, content);
      await outputs.tokenizer.write(name, content);
    }
    if (config.chat_template !== undefined) return; // in the place of that in a file of its own
    for (const name of COMPANION_FILES.filter((name) => files.names.includes(name))) {
      await outputs.checkpoint.write(name, { path: files.path(name) });
      await outputs.tokenizer.write(name, { path: files.path(name) });
    }
  },
});

const GENERATION = "generation_config.json";

async function openTokenizerOf(
  files: ModelFiles,
  origin: string,
  { end_of_text, bos, chat_template }: Pick<Config, "end_of_text" | "bos" | "chat_template">,
  log: (line: string) => void,
): Promise<{ tokenizer: TokenizerFiles; ids: TokenIds; begins: boolean }> {
  if (!files.names.includes("tokenizer.json")) {
    throw new Error(noTokenizer(files.names, origin));
  }
  const source = { ...files, text: (name: string) => Deno.readTextFile(files.path(name)) };
  const given = await readTokenizerFiles(source, { end_of_text, bos, log });
  const tokenizer = chat_template === undefined
    ? given
    : withChatTemplate(given, chat_template, { ...await readTexts(source), ...given });
  const completed = (name: string) => Object.hasOwn(tokenizer, name);
  const opened = await openTokenizer({
    names: [...new Set([...files.names, ...TOKENIZER_FILES])].filter((name) => {
      return chat_template === undefined ||
        !COMPANION_FILES.some((companion) => companion === name);
    }),
    text: async (name) =>
      completed(name) ? tokenizer[name as keyof TokenizerFiles] : await source.text(name),
  });
  return { tokenizer, ids: opened, begins: opened.prefix_ids.length > 0 };
}
