/**
 * Code that loads an exported model, for its card.
 *
 * @module
 */

const fence = (language: string, lines: readonly string[]) =>
  `\`\`\`${language}\n${lines.join("\n")}\n\`\`\``;

/** In Python. */
export function pythonUsage(): string {
  return fence("python", [
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    'folder = "."  # this folder',
    "tokenizer = AutoTokenizer.from_pretrained(folder)",
    "model = AutoModelForCausalLM.from_pretrained(folder)",
    'inputs = tokenizer("Once upon a time", return_tensors="pt")',
    "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=40)[0]))",
  ]);
}

/**
 * In JavaScript.
 *
 * @param folder name of the exported folder.
 * @param dtype one that was exported.
 */
export function javascriptUsage(folder: string, dtype: string): string {
  return fence("js", [
    'import { env, pipeline } from "@huggingface/transformers";',
    "",
    "env.allowRemoteModels = false;",
    'env.localModelPath = "."; // what this folder lies in',
    `const generate = await pipeline("text-generation", ${
      JSON.stringify(folder)
    }, { dtype: "${dtype}" });`,
    'console.log(await generate("Once upon a time", { max_new_tokens: 40 }));',
  ]);
}
