/**
 * Runs commands, and tests that need a temporary folder.
 *
 * @module
 */
import type { Console } from "@causeway/core/cli";

/** The main function of a command. */
type Main = (args: readonly string[], io: Console) => Promise<number>;

/** Runs a command. @returns its exit code, standard output and standard error. */
export async function runCommand(main: Main, args: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const write = (text: string) => err.push(text);
  const terminal = { is_terminal: false, color: false, columns: () => 80, write };
  const io: Console = { out: (text) => out.push(text), err: (text) => err.push(text), terminal };
  const code = await main(args, io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

/** Calls a function with a new folder, then removes the folder. */
export async function withFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "causeway_" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
