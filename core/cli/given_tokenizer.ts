/**
 * A tokenizer from a folder, as the output of a step.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { defineStage, ports } from "../stage/mod.ts";
import { sha256 } from "../store/mod.ts";
import { UsageError } from "./console.ts";
import { explain } from "./explain.ts";

/** Puts a tokenizer of a folder into the store. The digest makes its content part of the key. */
export const given_tokenizer = defineStage({
  name: "given_tokenizer",
  version: "1",
  description: "A tokenizer from a folder.",
  config: z.strictObject({ folder: z.string(), digests: z.array(z.string()) }),
  inputs: {},
  outputs: { tokenizer: ports.tokenizer },
  async run({ config, outputs }) {
    for (const name of TOKENIZER_FILES) {
      await outputs.tokenizer.write(name, await Deno.readTextFile(join(config.folder, name)));
    }
  },
});

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;

/**
 * The config of `given_tokenizer` for a folder.
 *
 * @throws {UsageError} when it holds no tokenizer.
 */
export async function readTokenizer(
  folder: string,
): Promise<{ folder: string; digests: string[] }> {
  try {
    const read = (name: string) => Deno.readTextFile(join(folder, name));
    const texts = await Promise.all(TOKENIZER_FILES.map(read));
    return { folder, digests: texts.map((text) => sha256(new TextEncoder().encode(text))) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(
      `--tokenizer ${folder} holds no ${TOKENIZER_FILES.join(" and ")} (${explain(error)})`,
    );
  }
}
