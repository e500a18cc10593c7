/**
 * The pipeline command in a child process, to be killed, stopped or run out of resources.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

export const RECIPE = fileURLToPath(new URL("./recipe.ts", import.meta.url));

export interface ChildOptions {
  recipe?: string;
  /** More arguments of the command. */
  args?: readonly string[];
  /** More options of `deno run`. */
  deno?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** A command that starts the process, such as `setpriv`. */
  through?: readonly string[];
  /** Called with each piece of standard error. */
  on_output?: (text: string) => void;
}

/** How a process ended. */
export interface Ending {
  code: number;
  signal: Deno.Signal | null;
  /** Standard error. */
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

  /** Sends a signal, unless the process has ended. */
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
