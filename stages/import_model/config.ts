import { join } from "node:path";
import { z } from "zod";
import {
  downloadFile,
  formatHubUrl,
  hubOptionsFromEnvironment,
  parseHubUrl,
  resolveSnapshot,
} from "../../core/hub/mod.ts";
import { contentDigest, textDigest } from "../../core/readers/mod.ts";
import type { ModelFiles } from "../../core/model/mod.ts";

/** What of a model is taken; all else in its folder or repository is left where it is. */
const WANTED =
  /^(config\.json|model[\w.-]*\.safetensors|model\.safetensors\.index\.json|tokenizer\.json|tokenizer_config\.json)$/;
/** Named, so that a model that has nothing else is refused for it. */
const PICKLE = /^pytorch_model.*\.bin$/;

const place = z.strictObject({
  /** Steps that it was trained for. */
  steps: z.int().nonnegative().default(0),
  /** Tokens that it was trained on. */
  tokens: z.int().nonnegative().default(0),
  /** Tokens of each sequence, where midtraining goes on. */
  sequence_length: z.int().positive().default(512),
  /** Sequences of each optimizer step, where midtraining goes on. */
  global_batch_size: z.int().positive().default(64),
}).prefault({});

export const config = z.strictObject({
  /** Folder that holds the model as Hugging Face stores it. */
  folder: z.string().min(1).optional(),
  /** Model on the hub, `org/name` or `org/name@revision`. A branch is replaced by the commit it stands at. */
  hub: z.string().min(1).optional(),
  /** Where midtraining finds itself in training. */
  trained: place,
  /** Filled in from the files, so that their content is part of the key; given, they must be of this content. */
  digest: z.string().optional(),
}).transform(async (given, context) => {
  const refuse = (field: string, message: string) => {
    context.addIssue({ code: "custom", message, path: [field] });
    return z.NEVER;
  };
  const { folder, hub } = given;
  if ((folder === undefined) === (hub === undefined)) {
    return refuse("folder", "name either a folder or a model on the hub");
  }
  try {
    const found = folder === undefined ? await hubContent(hub!) : folderContent(folder);
    const { digest } = found;
    if (given.digest !== undefined && given.digest !== digest) {
      return refuse(
        folder === undefined ? "hub" : "folder",
        `the model has changed; run the recipe again`,
      );
    }
    return { ...given, ...(hub !== undefined && { hub: found.name }), digest };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return refuse("folder", `there is no folder ${folder}`);
    }
    return refuse(folder === undefined ? "hub" : "folder", (error as Error).message);
  }
});

interface Content {
  /** With its commit, for a model on the hub. */
  readonly name: string;
  readonly digest: string;
}

function folderContent(folder: string): Content {
  const names = folderNames(folder);
  if (!names.includes("config.json")) throw new Error(`${folder} has no config.json`);
  const digests = names.map((name) => [name, contentDigest(join(folder, name))]);
  return { name: folder, digest: textDigest(JSON.stringify(digests)) };
}

function folderNames(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => WANTED.test(name) || PICKLE.test(name)).sort();
}

/** The digests that the hub lists: nothing is downloaded for them. */
async function hubContent(hub: string): Promise<Content> {
  const { snapshot, wanted } = await hubModel(hub);
  const { type, repo, commit } = snapshot;
  const name = formatHubUrl({ type, repo, revision: commit }).replace("hf://", "");
  const digests = wanted.map(({ path, digest }) => [path, digest]);
  return { name, digest: textDigest(JSON.stringify(digests)) };
}

async function hubModel(hub: string) {
  const url = hub.startsWith("hf://") ? hub : `hf://${hub}`;
  const snapshot = await resolveSnapshot(parseHubUrl(url, "model"), hubOptionsFromEnvironment());
  return {
    snapshot,
    wanted: snapshot.files.filter(({ path }) => WANTED.test(path) || PICKLE.test(path)),
  };
}

/**
 * The files of a model; of one on the hub they are downloaded, or found in the cache.
 *
 * @param log told of each file.
 */
export async function modelFiles(
  { folder, hub }: { folder?: string | undefined; hub?: string | undefined },
  log: (message: string) => void,
): Promise<ModelFiles> {
  if (folder !== undefined) {
    return {
      names: folderNames(folder),
      path: (name) => join(folder, name),
    };
  }
  const { snapshot, wanted } = await hubModel(hub!);
  const paths = new Map<string, string>();
  for (const file of wanted) {
    // A pickle is refused by its name alone.
    if (PICKLE.test(file.path)) paths.set(file.path, "");
    else {
      log(`fetching ${file.path} (${(file.bytes / 1e6).toFixed(1)} MB)`);
      paths.set(file.path, await downloadFile(snapshot, file, hubOptionsFromEnvironment()));
    }
  }
  return { names: [...paths.keys()], path: (name) => paths.get(name)! };
}

export type Config = z.output<typeof config>;
