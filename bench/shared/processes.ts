/**
 * Child processes that compute on request and otherwise sleep, and what a process uses.
 *
 * The benchmark writes requests to a child's standard input and reads answers from its standard output, one JSON object
 * per line. json_lines.py is the Python counterpart of {@linkcode serveRequests}.
 *
 * @module
 */

const STDERR_KEPT = 2000;
const QUIET_MS = 50;
const SETTLE_LIMIT_MS = 3000;

/**
 * Runs a TypeScript module to its end, with its arguments as JSON. Used for work that needs much memory for a while,
 * which is free again before the timing starts.
 *
 * @throws {Error} with its standard error if it fails.
 */
export async function runModule(url: URL, ...data: unknown[]): Promise<void> {
  const texts = data.map((argument) => JSON.stringify(argument));
  const args = ["run", "--no-prompt", "-A", url.href, ...texts];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

/** A running child process. */
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

  /** Whether the process is still running. */
  get alive(): boolean {
    return this.#alive;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Starts a process and waits until it has loaded its libraries.
   *
   * @returns the process, and the seconds until it was ready.
   * @throws {Error} with the end of its standard error if it exits before.
   */
  static async start(name: string, command: string, args: string[], env = {}) {
    const start = performance.now();
    const child = new Child(name, command, { args, env });
    await child.#reply();
    return { child, start_up_s: (performance.now() - start) / 1000 };
  }

  /** Starts a TypeScript module. */
  static startModule(name: string, url: URL, env = {}) {
    return Child.start(name, Deno.execPath(), ["run", "--no-prompt", "-A", url.href], env);
  }

  /**
   * Sends a request and waits for the answer.
   *
   * @throws {Error} if the process reports an error or exits.
   */
  async request(message: { do: string } & Record<string, unknown>): Promise<Message> {
    const line = JSON.stringify(message) + "\n";
    // If the process has exited, #reply explains why; the broken pipe does not.
    await this.#writer.write(new TextEncoder().encode(line)).catch(() => {});
    return await this.#reply();
  }

  async #reply(): Promise<Message> {
    const { value, done } = await this.#replies.next();
    if (done) {
      const { code, signal } = await this.#process.status;
      await this.#stderr;
      const hint = signal === "SIGKILL" ? ", as when memory runs out" : "";
      const reason = signal ? signal + hint : `exit code ${code}`;
      throw new Error(`${this.name} exited (${reason}): ${this.#errors}`);
    }
    const message = JSON.parse(value);
    if (message.error !== undefined) throw new Error(`${this.name}: ${message.error}`);
    return message;
  }

  /** Keeps the end of standard error for error messages. */
  async #keepErrors(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#process.stderr) {
      this.#errors = (this.#errors + decoder.decode(bytes, { stream: true })).slice(-STDERR_KEPT);
    }
  }

  /** Waits until the process uses no CPU time: thread pools spin for a while after their last work. */
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

  /** Ends a process that does not answer; requests under way fail. */
  kill(): void {
    if (this.#alive) this.#process.kill("SIGKILL");
  }

  /** Ends the process and waits until its memory is free again. */
  async stop(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#replies.return(undefined);
    await this.#process.status;
    await this.#stderr;
  }
}

/** Another program that computes all the time, on one core. */
export function startBusy(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: ["eval", "for (;;);"] }).spawn();
}

/** Splits a byte stream into lines; the last one may lack its line feed. */
export async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}

// deno-lint-ignore no-explicit-any -- each side knows what the other sends
type Message = any;

/**
 * The child's side: reports that it is ready, then answers each request `{do: NAME, …}` with the result of the
 * handler of that name, until standard input ends.
 */
export async function serveRequests(
  handlers: Readonly<Record<string, (request: Message) => object | Promise<object>>>,
): Promise<void> {
  const say = (message: object) =>
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(message) + "\n"));
  say({ ready: true });
  for await (const line of lines(Deno.stdin.readable)) {
    const request = JSON.parse(line);
    try {
      say(await handlers[request.do](request));
    } catch (error) {
      say({ error: (error as Error).message });
    }
  }
}

/** Clock ticks per second in /proc: 100 on every architecture Linux runs Deno on (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

function read(path: string): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Largest resident memory so far (VmHWM of Linux's /proc) in bytes; undefined on other systems. */
export function peakMemory(pid: number): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Restarts {@linkcode peakMemory}; see clear_refs in proc(5). */
export function resetPeakMemory(pid: number): void {
  if (Deno.build.os === "linux") Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** CPU seconds of all threads so far, in steps of 0.01; undefined on systems other than Linux. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // Fields 14 and 15, utime and stime; the second field is a name in parentheses that may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds of the whole machine so far, over all cores, including time stolen by a hypervisor. */
export function machineCpuSeconds(): number | undefined {
  const total = /^cpu +(.*)$/m.exec(read("/proc/stat") ?? "")?.[1];
  if (total === undefined) return undefined;
  // Fields of proc_stat(5); guest time is part of user time already.
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = total.split(" ").map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Runs a function and measures its seconds. */
export async function timed<T>(
  work: () => T | Promise<T>,
): Promise<{ seconds: number; result: T }> {
  const start = performance.now();
  const result = await work();
  return { seconds: (performance.now() - start) / 1000, result };
}

/** Runs a pass repeatedly and measures the seconds of each. */
export async function timedPasses(
  count: number,
  pass: () => Promise<unknown>,
): Promise<{ seconds: number[] }> {
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) seconds.push((await timed(pass)).seconds);
  return { seconds };
}
