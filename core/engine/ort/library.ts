/**
 * The C API of ONNX Runtime, called in the shared library that onnxruntime-node contains.
 *
 * The package's own binding copies every output of every run into a new JavaScript array, even those with memory to
 * write to (about 0.5 ms per MB, most of it page faults). Gradients and optimizer state are outputs as large as the
 * model, so this took up to a quarter of a training step. The C API writes them where they belong.
 *
 * Its functions are in a table whose order never changes ("do not modify above" at the end of each version), so the
 * indices below are safe.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Argument, type Handle, parametersOf } from "../signature.ts";

/** Version of the function table; every later library provides it. */
const API_VERSION = 16;

/** Index and parameters of each function that we use. All return a status, except Release functions, which return nothing. */
const FUNCTIONS = {
  GetErrorMessage: [2, "p"],
  CreateSessionFromArray: [8, "pbzpb"],
  Run: [9, "ppbbzbzb"],
  CreateSessionOptions: [10, "b"],
  DisableMemPattern: [17, "p"],
  SetSessionGraphOptimizationLevel: [23, "pi"],
  SetIntraOpNumThreads: [24, "pi"],
  CreateTensorWithDataAsOrtValue: [49, "pbzbzib"],
  CreateMemoryInfo: [68, "biiib"],
  CreateCpuMemoryInfo: [69, "iib"],
  AllocatorFree: [76, "pp"],
  GetAllocatorWithDefaultOptions: [78, "b"],
  ReleaseStatus: [93, "p"],
  ReleaseSession: [95, "p"],
  ReleaseValue: [96, "p"],
  ReleaseSessionOptions: [100, "p"],
  CreateEnvWithGlobalThreadPools: [119, "ibpb"],
  DisablePerSessionThreads: [120, "p"],
  CreateThreadingOptions: [121, "b"],
  ReleaseThreadingOptions: [122, "p"],
  AddSessionConfigEntry: [130, "pbb"],
  RunWithBinding: [133, "ppp"],
  CreateIoBinding: [134, "pb"],
  ReleaseIoBinding: [135, "p"],
  BindInput: [136, "pbp"],
  BindOutput: [137, "pbp"],
  BindOutputToDevice: [138, "pbp"],
  GetBoundOutputValues: [140, "ppbb"],
  SetGlobalIntraOpNumThreads: [147, "pi"],
  AppendCudaProvider: [204, "pp"],
  CreateCUDAProviderOptions: [205, "b"],
  ReleaseCUDAProviderOptions: [208, "p"],
  AppendExecutionProvider: [216, "pbbbz"],
} as const;

/** Values of OrtAllocatorType and OrtMemType. */
const DEVICE_ALLOCATOR = 0, DEFAULT_MEMORY = 0;

type Name = keyof typeof FUNCTIONS;

/** The opened library. */
export class OrtLibrary {
  readonly #functions: Map<Name, (...args: Argument[]) => unknown>;
  /** The environment that all sessions of the process share, with its thread pool. */
  readonly environment: Handle;
  /** Describes plain CPU memory. */
  readonly cpu_memory: Handle;
  /** Threads of the shared pool, one per core. */
  readonly pool_threads = navigator.hardwareConcurrency;
  /** Frees arrays that the library returns. */
  readonly #allocator: Handle;
  readonly #device_memory = new Map<string, Handle>();

  private constructor(path: string) {
    const library = Deno.dlopen(path, { OrtGetApiBase: { parameters: [], result: "pointer" } });
    const base = new Deno.UnsafePointerView(library.symbols.OrtGetApiBase()!);
    const getApi = new Deno.UnsafeFnPointer(
      base.getPointer(0) as Deno.PointerObject<never>,
      { parameters: ["u32"], result: "pointer" },
    );
    const table = getApi.call(API_VERSION);
    if (table === null) throw new Error(`${path} has no C API of version ${API_VERSION}`);
    const view = new Deno.UnsafePointerView(table);
    this.#functions = new Map(
      (Object.keys(FUNCTIONS) as Name[]).map((name) => {
        const [index, letters] = FUNCTIONS[name];
        const pointer = view.getPointer(8 * index) as Deno.PointerObject<never>;
        const result = name.startsWith("Release") ? "void" : "pointer";
        const definition = { parameters: parametersOf(letters), result };
        const fn = new Deno.UnsafeFnPointer(pointer, definition as Deno.ForeignFunction);
        return [name, (...args: Argument[]) => fn.call(...args as never[])];
      }),
    );
    // Errors are thrown with their messages, so the library need not print them as well.
    const FATAL_ONLY = 4;
    const threading = this.create("CreateThreadingOptions");
    this.call("SetGlobalIntraOpNumThreads", threading, this.pool_threads);
    const name = cString("causeway");
    this.environment = this.create(
      "CreateEnvWithGlobalThreadPools",
      FATAL_ONLY,
      name,
      threading,
    );
    this.release("ReleaseThreadingOptions", threading);
    this.cpu_memory = this.create("CreateCpuMemoryInfo", DEVICE_ALLOCATOR, DEFAULT_MEMORY);
    this.#allocator = this.create("GetAllocatorWithDefaultOptions");
  }

  static #opened: OrtLibrary | undefined;

  /**
   * Opens the library, once per thread.
   *
   * @throws {Error} when the package has none for this system, or it cannot be opened.
   */
  static open(): OrtLibrary {
    return OrtLibrary.#opened ??= new OrtLibrary(libraryPath());
  }

  /** Calls a function that returns a status. @throws {Error} with the library's message. */
  call(name: Name, ...args: Argument[]): void {
    const status = this.#functions.get(name)!(...args) as Handle;
    if (status === null) return;
    const text = this.#functions.get("GetErrorMessage")!(status) as Deno.PointerObject;
    const message = Deno.UnsafePointerView.getCString(text);
    this.release("ReleaseStatus", status);
    throw new Error(message);
  }

  /** Calls a function whose last parameter receives a new object. */
  create(name: Name, ...args: Argument[]): Handle {
    const slot = new BigUint64Array(1);
    this.call(name, ...args, slot);
    return Deno.UnsafePointer.create(slot[0]);
  }

  release(name: Name & `Release${string}`, handle: Handle): void {
    this.#functions.get(name)!(handle);
  }

  /** Describes the memory of a device, by the provider's name for it. */
  deviceMemory(name: string): Handle {
    let memory = this.#device_memory.get(name);
    if (!memory) {
      memory = this.create("CreateMemoryInfo", cString(name), DEVICE_ALLOCATOR, 0, DEFAULT_MEMORY);
      this.#device_memory.set(name, memory);
    }
    return memory;
  }

  /** Outputs of a run with this binding, in the order they were bound; the caller releases each. */
  boundOutputs(binding: Handle): Handle[] {
    const slot = new BigUint64Array(1), count = new BigUint64Array(1);
    this.call("GetBoundOutputValues", binding, this.#allocator, slot, count);
    const array = Deno.UnsafePointer.create(slot[0]);
    if (array === null) return [];
    const view = new Deno.UnsafePointerView(array);
    const values = Array.from({ length: Number(count[0]) }, (_, i) => view.getPointer(8 * i));
    this.call("AllocatorFree", this.#allocator, array);
    return values;
  }
}

/** UTF-8 bytes of a string, with a terminating zero. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

const FILE_NAMES: Partial<Record<typeof Deno.build.os, RegExp>> = {
  linux: /^libonnxruntime\.so\.\d+$/,
  darwin: /^libonnxruntime\.[\d.]+\.dylib$/,
  windows: /^onnxruntime\.dll$/,
};

function libraryPath(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const platform = Deno.build.os === "windows" ? "win32" : Deno.build.os;
  const architecture = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const folder = join(dirname(entry), "..", "bin", "napi-v6", platform, architecture);
  const pattern = FILE_NAMES[Deno.build.os];
  let names: string[] = [];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const name = names.find((name) => pattern?.test(name));
  if (!name) {
    throw new Error(
      `onnxruntime-node has no library for ${Deno.build.os} on ${Deno.build.arch}; its package ` +
        "page lists the systems it supports",
    );
  }
  return join(folder, name);
}
