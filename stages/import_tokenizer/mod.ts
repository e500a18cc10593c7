/**
 * The import_tokenizer stage: an existing tokenizer, such as Pythia's, from a folder or the Hugging Face Hub, instead of
 * one trained on the data.
 *
 * @module
 */
import { errorText } from "@causeway/core/words";
import { z } from "zod";
import {
  downloadFile,
  formatHubUrl,
  hubOptionsFromEnvironment,
  parseHubUrl,
  resolveSnapshot,
  snapshotFolder,
} from "@causeway/core/hub";
import { textDigest } from "@causeway/core/readers";
import { defineStage, ports } from "@causeway/core/stage";
import {
  bos_schema,
  COMPANION_FILES,
  completeFiles,
  endOfTextId,
  loadTokenizer,
  noTokenizer,
  TOKEN_SOURCES,
  TOKENIZER_FILES,
  vocabularySize,
  withChatTemplate,
} from "@causeway/core/tokenizer";
import { join } from "node:path";

const config = z.strictObject({
  /** Folder with `tokenizer.json`, such as a model's folder; set either this or `hub`. */
  folder: z.string().min(1).optional(),
  /**
   * Repository on the Hugging Face Hub with the tokenizer, `org/name` or `org/name@revision`. A branch is resolved to its
   * current commit, and the tokenizer's files are downloaded when the config is checked.
   */
  hub: z.string().min(1).optional(),
  /** The token that ends a text; by default the `eos_token` of `tokenizer_config.json` or `special_tokens_map.json`. */
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
  /** Digest of the files, part of the artifact key. Filled in automatically; if set, the files must match it. */
  digest: z.string().optional(),
}).transform((given, context) => {
  const { folder, hub } = given;
  const refuse = (message: string) => {
    const path = [folder === undefined && hub !== undefined ? "hub" : "folder"];
    context.addIssue({ code: "custom", message, path });
    return z.NEVER;
  };
  const explain = (error: unknown) =>
    refuse(
      folder !== undefined && error instanceof Deno.errors.NotFound
        ? `folder ${folder} does not exist`
        : errorText(error),
    );
  const pin = (texts: Texts, named: { folder?: string; hub?: string }) => {
    const files = completeFiles(texts, given);
    endOfTextId(files);
    if (given.chat_template !== undefined) withChatTemplate(files, given.chat_template, texts);
    const digest = textDigest(JSON.stringify(texts));
    if (given.digest === undefined || given.digest === digest) {
      return { ...given, ...named, digest };
    }
    return refuse(`the tokenizer in ${folder ?? hub} has changed; run the recipe again`);
  };
  if ((folder === undefined) === (hub === undefined)) return refuse("set either folder or hub");
  try {
    if (folder !== undefined) return pin(folderTexts(folder), { folder });
    return hubTexts(hub!).then(({ texts, name }) => pin(texts, { hub: name })).catch(explain);
  } catch (error) {
    return explain(error);
  }
});

type Config = z.output<typeof config>;

/** Contents of the files that say something of a tokenizer, by name. */
type Texts = Readonly<Record<string, string>>;

const FILES: readonly string[] = [...TOKENIZER_FILES, ...COMPANION_FILES, ...TOKEN_SOURCES];

async function readTexts({ folder, hub }: Pick<Config, "folder" | "hub">): Promise<Texts> {
  return folder === undefined ? (await hubTexts(hub!)).texts : folderTexts(folder);
}

function folderTexts(given: string): Texts {
  const folder = snapshotFolder(given);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  if (!names.includes("tokenizer.json")) {
    throw new Error(noTokenizer(names, folder));
  }
  return Object.fromEntries(
    FILES.filter((name) => names.includes(name))
      .map((name) => [name, Deno.readTextFileSync(join(folder, name))]),
  );
}

/** The same of a repository on the hub, from the cache where they are there, and the repository's name with its commit. */
async function hubTexts(hub: string): Promise<{ name: string; texts: Texts }> {
  const options = hubOptionsFromEnvironment();
  const url = hub.startsWith("hf://") ? hub : `hf://${hub}`;
  const snapshot = await resolveSnapshot(parseHubUrl(url, "model"), options);
  const files = new Map(snapshot.files.map((file) => [file.path, file]));
  if (!files.has("tokenizer.json")) throw new Error(noTokenizer([...files.keys()], hub));
  const texts: Record<string, string> = {};
  for (const name of FILES.filter((name) => files.has(name))) {
    texts[name] = await Deno.readTextFile(await downloadFile(snapshot, files.get(name)!, options));
  }
  const { type, repo, commit } = snapshot;
  return { name: formatHubUrl({ type, repo, revision: commit }).replace("hf://", ""), texts };
}

export const import_tokenizer = defineStage({
  name: "import_tokenizer",
  version: "2",
  description: "Imports a Hugging Face tokenizer from a folder or the hub.",
  config,
  inputs: {},
  outputs: { tokenizer: ports.tokenizer },
  async run({ config, outputs, log }) {
    const { end_of_text, bos, chat_template } = config;
    const texts = await readTexts(config);
    const completed = completeFiles(texts, { end_of_text, bos, log });
    const files = chat_template === undefined
      ? completed
      : withChatTemplate(completed, chat_template, texts);
    // Refuses parts that are not supported.
    const { "tokenizer.json": json, "tokenizer_config.json": settings } = files;
    const { prefix_ids, decode } = await loadTokenizer(json, settings);
    const begin = prefix_ids.length === 0 ? "without a BOS token" : `with ${decode(prefix_ids)}`;
    log(`texts begin ${begin} (bos: ${bos})`);
    for (const [name, text] of Object.entries(files)) await outputs.tokenizer.write(name, text);
    if (chat_template !== undefined) return; // in the place of that in a file of its own
    for (const name of COMPANION_FILES.filter((name) => texts[name] !== undefined)) {
      await outputs.tokenizer.write(name, texts[name]);
    }
  },
  async forecast({ config }) {
    const texts = await readTexts(config);
    const vocab_size = vocabularySize(completeFiles(texts)["tokenizer.json"]);
    return { outputs: { tokenizer: { vocab_size } } };
  },
});
