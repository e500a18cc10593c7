/**
 * A long-lived child process that computes on request and otherwise sleeps.
 *
 * @module
 */
import { lines } from "./json_lines.ts";
import { cpuSeconds } from "./process_stats.ts";

// deno-lint-ignore no-explicit-any -- each side knows what the other sends
type Message = any;

const STDERR_KEPT = 2000;
const QUIET_MS = 50;
const SETTLE_LIMIT_MS = 3000;

/**
 * Runs a TypeScript module of the benchmark to its end, with its arguments as JSON. What fills memory only for
 * a while runs so, and its memory is free again when the timing starts.
 *
 * @throws {Error} with its standard error when it fails.
 */
export async function runModule(url: URL, ...data: unknown[]): Promise<void> {
  const texts = data.map((argument) => JSON.stringify(argument));
  const args = ["run", "--no-prompt", "-A", url.href, ...texts];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #replies: AsyncGenerator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stderr: Promise<void>;
  #errors = "";
  #alive = true;

  private constructor(readonly name: string, command: string, options: Deno.CommandOptions) {
    this.#process = new Deno.Command(command, {
      ...options,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#replies = lines(this.#process.stdout);
    this.#writer = this.#process.stdin.getWriter();
    this.#stderr = this.#keepErrors();
    this.#process.status.then(() => this.#alive = false);
  }

  /** Whether the process still runs. */
  get alive(): boolean {
    return this.#alive;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Starts a process and waits until it has loaded its libraries.
   *
   * @returns the process, and the seconds from its start until it was ready.
   * @throws {Error} with the end of its standard error when it ends before that.
   */
  static async start(name: string, command: string, args: string[], env = {}) {
    const start = performance.now();
    const child = new Child(name, command, { args, env });
    await child.#reply();
    return { child, start_up_s: (performance.now() - start) / 1000 };
  }

  /** Starts a TypeScript module of the benchmark. */
  static startModule(name: string, url: URL) {
    return Child.start(name, Deno.execPath(), ["run", "--no-prompt", "-A", url.href]);
  }

  /**
   * Asks for something and waits for the answer.
   *
   * @throws {Error} when the process says that it failed, or ends.
   */
  async request(message: { do: string } & Record<string, unknown>): Promise<Message> {
    const line = JSON.stringify(message) + "\n";
    // Where it has ended the reply says why, and a broken pipe does not.
    await this.#writer.write(new TextEncoder().encode(line)).catch(() => {});
    return await this.#reply();
  }

  async #reply(): Promise<Message> {
    const { value, done } = await this.#replies.next();
    if (done) {
      const { code, signal } = await this.#process.status;
      await this.#stderr;
      const hint = signal === "SIGKILL" ? ", as the system ends it where memory runs out" : "";
      const reason = signal ? signal + hint : `exit code ${code}`;
      throw new Error(`${this.name} ended (${reason}): ${this.#errors}`);
    }
    const message = JSON.parse(value);
    if (message.error !== undefined) throw new Error(`${this.name}: ${message.error}`);
    return message;
  }

  /** Keeps the end of standard error for messages. */
  async #keepErrors(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#process.stderr) {
      this.#errors = (this.#errors + decoder.decode(bytes, { stream: true })).slice(-STDERR_KEPT);
    }
  }

  /** Waits until the process uses no processor time: threads that spin after their last work fall asleep. */
  async settle(): Promise<void> {
    const end = performance.now() + SETTLE_LIMIT_MS;
    let before = cpuSeconds(this.pid);
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      const now = cpuSeconds(this.pid);
      if (now === before) return;
      before = now;
    }
  }

  /** Ends the process and waits until its memory is free again. */
  async stop(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#replies.return(undefined);
    await this.#process.status;
    await this.#stderr;
  }
}
