/**
 * The pipeline command in a process of its own, to be killed, stopped and starved.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

export const RECIPE = fileURLToPath(new URL("./recipe.ts", import.meta.url));

export interface ChildOptions {
  recipe?: string;
  /** Further arguments of the command. */
  args?: readonly string[];
  /** Further options of `deno run`. */
  deno?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What the process is started by, such as `setpriv`. */
  through?: readonly string[];
  /** Told of each piece of what it prints to the standard error stream. */
  on_output?: (text: string) => void;
}

/** How a process ended. */
export interface Ending {
  code: number;
  signal: Deno.Signal | null;
  /** What it printed to the standard error stream. */
  err: string;
}

/** A running pipeline. */
export class Child {
  readonly ended: Promise<Ending>;
  readonly #process: Deno.ChildProcess;

  constructor(out: string, options: ChildOptions = {}) {
    const { recipe = RECIPE, args = [], deno = [], env = {}, through = [] } = options;
    const script = fileURLToPath(new URL("core/cli/run/pipeline.ts", ROOT));
    const command = [
      ...through,
      Deno.execPath(),
      ...["run", "--no-check", "--no-prompt", "-A", ...deno, script],
      ...["--recipe", recipe, "--out", out, "--port=0", ...args],
    ];
    this.#process = new Deno.Command(command[0], {
      args: command.slice(1),
      cwd: ROOT,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.ended = this.#follow(options.on_output ?? (() => {}));
  }

  /** Sends a signal; one that comes too late is lost. */
  kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #follow(on_output: (text: string) => void): Promise<Ending> {
    let err = "";
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      err += text;
      on_output(text);
    }
    const { code, signal } = await this.#process.status;
    return { code, signal, err };
  }
}

/** Runs the pipeline to its end. */
export function pipeline(out: string, options: ChildOptions = {}): Promise<Ending> {
  return new Child(out, options).ended;
}
