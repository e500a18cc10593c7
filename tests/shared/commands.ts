/**
 * Runs commands in tests.
 *
 * @module
 */
import type { Console } from "../../core/cli/mod.ts";

/** The main function of a command. */
type Main = (args: readonly string[], io: Console) => Promise<number>;

/** Runs a command with what it prints kept apart. */
export async function runCommand(main: Main, args: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const write = (text: string) => err.push(text);
  const terminal = { is_terminal: false, color: false, columns: () => 80, write };
  const io: Console = { out: (text) => out.push(text), err: (text) => err.push(text), terminal };
  const code = await main(args, io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

/** Runs a test with a folder that is removed afterwards. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
