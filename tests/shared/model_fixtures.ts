/**
 * Small models with the logits, hidden states, losses and gradients of Hugging Face's implementations, as
 * tests/parity/make_*_fixtures.py write them: the parity tests run over every one.
 *
 * @module
 */
const ROOT = new URL("../fixtures/", import.meta.url);

const foldersIn = (url: URL) =>
  [...Deno.readDirSync(url)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);

/** "family/case", sorted. */
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
