import { join } from "node:path";
import { z } from "zod";
import { textDigest } from "../../core/readers/mod.ts";

/** What a tokenizer consists of. */
export const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;

export const config = z.strictObject({
  /** Folder that holds `tokenizer.json` and `tokenizer_config.json`, such as that of a model. */
  folder: z.string().min(1),
  /** Filled in from the files, so that their content is part of the key; given, they must be of this content. */
  digest: z.string().optional(),
}).transform((given, context) => {
  const refuse = (message: string) => {
    context.addIssue({ code: "custom", message, path: ["folder"] });
    return z.NEVER;
  };
  try {
    const digest = textDigest(JSON.stringify(readTokenizer(given.folder)));
    if (given.digest === undefined || given.digest === digest) return { ...given, digest };
    return refuse(`the tokenizer in ${given.folder} has changed; run the recipe again`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return refuse(`${given.folder} holds no ${TOKENIZER_FILES.join(" and ")}`);
  }
});

/** The texts of a folder's tokenizer. */
export function readTokenizer(folder: string): Record<(typeof TOKENIZER_FILES)[number], string> {
  const texts = TOKENIZER_FILES.map((name) => [name, Deno.readTextFileSync(join(folder, name))]);
  return Object.fromEntries(texts);
}
