/**
 * Runs the GPU benchmark: each check and each measurement in a process of its own, within a time limit, so that one
 * that crashes, hangs or needs too much memory leaves the others' results.
 *
 * @module
 */
import { parameterCount, passFlops } from "@causeway/core/model";
import { describeGpuMachine, gpuMemoryUsed, torchProblem, vulkanAttempts } from "./machine.ts";
import {
  CHECKED,
  COMPILED_MODES,
  EAGER_MODES,
  type GpuSize,
  isOurs,
  type Mode,
  type Options,
  OUR_MODES,
} from "./options.ts";
import { type Measurement, type Results, TOLERANCE } from "./results.ts";
import { Progress } from "../shared/command.ts";
import { Child, runModule } from "../shared/processes.ts";

/** Fewest and most timed steps. */
const LEAST = 3, MOST = 200;
/** With less time left than this, nothing more is started. */
const SECONDS_TO_START = 5;

/** @param save called with the results so far, after each measurement */
export async function measure(
  options: Options,
  save: (results: Results) => void,
): Promise<Results> {
  const folder = await Deno.makeTempDir({ prefix: "bench_gpu_" });
  try {
    return await new Runner(options, folder, save).run();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Started {
  readonly child: Child;
  readonly measurement: Measurement;
  readonly memory_before?: number;
}

class Runner {
  readonly #start = performance.now();
  readonly #progress: Progress;
  readonly #results: Results;
  /** Weights and tokens of each size, which a process writes while the first ones are measured. */
  readonly #files = new Map<string, Promise<{ weights: string; tokens: string }>>();
  /** Variables under which the device was found, or why it was not. */
  #device: { env: Record<string, string> } | { error: string } = { error: "not looked for" };
  /** Modes that ran out of time, with the size: larger ones are not tried. */
  readonly #too_slow = new Map<Mode, string>();

  constructor(
    readonly options: Options,
    readonly folder: string,
    readonly save: (results: Results) => void,
  ) {
    this.#progress = new Progress(options.budget);
    const { sizes, modes, out: _, ...settings } = options;
    this.#results = {
      benchmark: "gpu",
      machine: {},
      settings: { ...settings, modes: modes.join() },
      sizes: sizes.map(({ name, config, rows, length }) => ({
        name,
        parameters: parameterCount(config),
        rows,
        length,
        flops_per_step: passFlops(config, { rows, length }, "step"),
      })),
      attempts: [],
      checks: [],
      measurements: [],
      elapsed_s: 0,
      finished: false,
    };
  }

  async run(): Promise<Results> {
    const { options } = this, results = this.#results;
    this.#say("the machine");
    results.machine = await describeGpuMachine(options.python);
    results.torch_problem = torchProblem(results.machine, options.torch_device);
    const writing = this.#writeFiles();
    await this.#findDevice();
    await this.#checkGradients();
    const uncompiled: (readonly Mode[])[] = [...OUR_MODES.map((mode) => [mode]), EAGER_MODES];
    for (const size of options.sizes) {
      for (const modes of uncompiled) await this.#measureTogether(this.#planned([size], modes));
    }
    const compiled = this.#planned(options.sizes, COMPILED_MODES);
    for (let i = 0; i < compiled.length; i += options.parallel) {
      await this.#measureTogether(compiled.slice(i, i + options.parallel));
    }
    await writing;
    results.finished = true;
    this.#save();
    return results;
  }

  get #elapsed(): number {
    return (performance.now() - this.#start) / 1000;
  }

  get #left(): number {
    return this.options.budget - this.#elapsed;
  }

  #say(text: string): void {
    this.#progress.say(text);
  }

  #save(): void {
    this.#results.elapsed_s = this.#elapsed;
    this.save(this.#results);
  }

  /** One size after the other, so that the smallest is there soon. */
  async #writeFiles(): Promise<void> {
    const url = new URL("../shared/workload.ts", import.meta.url);
    let previous: Promise<unknown> = Promise.resolve();
    for (const size of this.options.sizes) {
      const files = {
        weights: `${this.folder}/${size.name}.safetensors`,
        tokens: `${this.folder}/${size.name}.tokens`,
      };
      const written = previous.then(() => runModule(url, size, files)).then(() => files);
      previous = written.catch(() => {}); // The size that needs the files reports the error.
      this.#files.set(size.name, written);
    }
    await previous;
  }

  /** Tries the ways in which the device may be found. */
  async #findDevice(): Promise<void> {
    const { device } = this.options, { attempts, machine } = this.#results;
    const has_nvidia = !String(machine.gpu).startsWith("unknown: ");
    for (const { name, env } of vulkanAttempts(this.folder, has_nvidia)) {
      this.#say(`looking for ${device}: ${name}`);
      this.#device = { env };
      try {
        await this.#withOurs((child) => child.request({ do: "probe", device }));
        attempts.push({ name, env });
        return this.#save();
      } catch (error) {
        const { message } = error as Error;
        attempts.push({ name, env, error: message });
        this.#device = { error: message };
        this.#say(message);
      }
    }
    this.#save();
  }

  /** Runs work in a process of Causeway's. */
  async #withOurs<T>(work: (child: Child) => Promise<T>): Promise<T> {
    const { child } = await this.#startOurs();
    try {
      return await this.#within(this.options.limit, child, work(child));
    } finally {
      await end(child);
    }
  }

  #startOurs() {
    if ("error" in this.#device) throw new Error(this.#device.error);
    const url = new URL("ours.ts", import.meta.url);
    return Child.startModule("Causeway", url, this.#device.env);
  }

  /** Waits for an answer; a process that does not give it in time is killed. */
  async #within<T>(limit: number, child: Child, answer: Promise<T>): Promise<T> {
    const seconds = Math.max(1, Math.min(limit, this.#left));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill();
    }, 1000 * seconds);
    try {
      return await answer;
    } catch (error) {
      throw late ? new TooSlow(`took longer than ${Math.round(seconds)} s`) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #checkGradients(): Promise<void> {
    const { sizes, modes, device } = this.options;
    for (const size of sizes.filter(({ name }) => CHECKED.includes(name))) {
      for (const precision of OUR_MODES.filter((mode) => modes.includes(mode))) {
        this.#say(`gradients of ${size.name} in ${precision}, GPU against CPU`);
        try {
          const found = await this.#withOurs((child) =>
            child.request({ do: "check", size, device, precision })
          );
          this.#results.checks.push(found);
        } catch (error) {
          const { message } = error as Error;
          const tolerance = precision === "float32" ? TOLERANCE.float32 : TOLERANCE.half;
          const failed = { size: size.name, precision, tolerance, passed: false, error: message };
          this.#results.checks.push(failed);
          this.#say(message);
        }
        this.#save();
      }
    }
  }

  /** The measurements of these that were asked for. */
  #planned(sizes: readonly GpuSize[], modes: readonly Mode[]) {
    const wanted = modes.filter((mode) =>
      this.options.modes.includes(mode) && (isOurs(mode) || !this.#results.torch_problem)
    );
    return sizes.flatMap((size) => wanted.map((mode) => ({ size, mode })));
  }

  /** Prepares all of them at the same time, then times one after the other while the rest wait. */
  async #measureTogether(group: readonly { size: GpuSize; mode: Mode }[]): Promise<void> {
    if (group.length === 0) return;
    this.#say(`preparing ${group.map(({ size, mode }) => `${size.name} ${mode}`).join(", ")}`);
    const started = await Promise.all(group.map(({ size, mode }) => this.#prepare(size, mode)));
    for (const each of started) {
      if (each) await this.#time(each);
      this.#progress.reach(this.#elapsed);
    }
    this.#save();
  }

  /** @returns undefined after an error, which is recorded. */
  async #prepare(size: GpuSize, mode: Mode): Promise<Started | undefined> {
    const measurement: Measurement = { size: size.name, mode, seconds: [] };
    this.#results.measurements.push(measurement);
    const { device, torch_device } = this.options;
    const limit = this.options.limit * (mode.startsWith("compile") ? 2 : 1);
    let child: Child | undefined;
    try {
      if (this.#left < SECONDS_TO_START) throw new Error("no time left");
      const slow = this.#too_slow.get(mode);
      if (slow) throw new Error(`not tried, because ${slow} took too long`);
      const files = await this.#files.get(size.name)!;
      const memory_before = isOurs(mode) ? await gpuMemoryUsed() : undefined;
      const started = await (isOurs(mode) ? this.#startOurs() : this.#startTorch(size, mode));
      child = started.child;
      measurement.start_up_s = started.start_up_s;
      const request = isOurs(mode)
        ? { do: "prepare", size, device, mode, weights: files.weights }
        : { do: "prepare", size, device: torch_device, mode, files };
      Object.assign(measurement, await this.#within(limit, child, child.request(request)));
      return { child, measurement, memory_before };
    } catch (error) {
      await this.#fail(measurement, error as Error, child);
    }
  }

  #startTorch({ name }: GpuSize, mode: Mode) {
    const env = {
      PYTHONDONTWRITEBYTECODE: "1",
      // An empty cache for each, so that the whole compile time is measured.
      TORCHINDUCTOR_CACHE_DIR: `${this.folder}/${name}_${mode}`,
      TRITON_CACHE_DIR: `${this.folder}/${name}_${mode}/triton`,
    };
    const script = `${import.meta.dirname}/torch_peer.py`;
    return Child.start(`PyTorch, ${mode}`, this.options.python, [script], env);
  }

  async #time({ child, measurement, memory_before }: Started): Promise<void> {
    const { seconds, limit } = this.options;
    try {
      const request = { do: "passes", seconds, least: LEAST, most: MOST };
      const answer = this.#within(seconds + limit, child, child.request(request));
      Object.assign(measurement, await answer);
      const memory = memory_before === undefined ? undefined : await gpuMemoryUsed();
      if (memory !== undefined) measurement.memory_bytes = memory - memory_before!;
      await end(child);
    } catch (error) {
      await this.#fail(measurement, error as Error, child);
    }
    this.#save();
  }

  async #fail(measurement: Measurement, error: Error, child?: Child): Promise<void> {
    const { size, mode } = measurement;
    measurement.error = error.message;
    if (error instanceof TooSlow) this.#too_slow.set(mode, size);
    this.#say(`${size} ${mode}: ${error.message}`);
    child?.kill(); // After an error on the GPU nothing it does is of use.
    if (child) await end(child);
  }
}

class TooSlow extends Error {}

/** Milliseconds in which a process must end: a driver may hang when it is left. */
const END_MS = 5000;

async function end(child: Child): Promise<void> {
  const timer = setTimeout(() => child.kill(), END_MS);
  await child.stop();
  clearTimeout(timer);
}
