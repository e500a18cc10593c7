/**
 * Small models with the logits, hidden states, losses and gradients of Hugging Face's implementations, written by
 * tests/parity/make_*_fixtures.py. The parity tests run over all of them.
 *
 * @module
 */
const ROOT = new URL("../fixtures/", import.meta.url);

const foldersIn = (url: URL) =>
  [...Deno.readDirSync(url)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);

/** Names "family/case", sorted. */
export const MODEL_FIXTURES: readonly string[] = foldersIn(ROOT)
  .flatMap((family) => foldersIn(new URL(`${family}/`, ROOT)).map((name) => `${family}/${name}`))
  .filter((name) => filesOf(name).includes("gradients.safetensors"))
  .sort();

/** The folder of a fixture. */
export function fixtureFolder(name: string): URL {
  return new URL(`${name}/`, ROOT);
}

/** Names of a fixture's files. */
export function filesOf(name: string): string[] {
  return [...Deno.readDirSync(fixtureFolder(name))].map((entry) => entry.name);
}
