/**
 * oneDNN through the C API of its shared library (version 3, threads by OpenMP).
 *
 * @module
 */
import { type Argument, type Handle, parametersOf } from "../signature.ts";

/** Values of dnnl_runtime_t: how a build runs on the CPU. Only OpenMP lets us set the number of threads. */
const OPENMP = 2;
const RUNTIMES = new Map([[1, "one thread"], [4, "TBB"], [8, "a thread pool"], [512, "SYCL"]]);
/** Values of the enumerations in dnnl_types.h, which are part of the binary interface. */
const CPU = 1, DEFAULT_STREAM = 1, QUERY_IMPLEMENTATION = 8;
/** The bit of dnnl_cpu_isa_avx512_core_bf16 and of those above it. */
const ISA_BFLOAT16 = 0x80;
export const FORWARD_TRAINING = 64, BACKWARD = 128;
/** Flags of normalization: use the given statistics; has a scale; has a shift. */
export const USE_GLOBAL_STATS = 1, USE_SCALE = 2, USE_SHIFT = 4;
export const ALGORITHM = {
  linear: 0x26,
  gelu_tanh: 0x2b,
  /** x σ(α x) */
  swish: 0x2c,
  gelu_erf: 0x31,
  add: 0x1fff0,
  mul: 0x1fff1,
  sub: 0x1fff5,
  mean: 0x2fff6,
  softmax: 0x30000,
} as const;
export const ARGUMENT = {
  src: 1,
  src_1: 2,
  dst: 17,
  weights: 33,
  bias: 41,
  mean: 49,
  variance: 50,
  scale: 51,
  shift: 52,
  diff_src: 129,
  diff_dst: 145,
  /** DNNL_ARG_ATTR_SCALES | src */
  src_scale: 4096 | 1,
  diff_scale: 255,
  diff_shift: 256,
} as const;
export type ArgumentName = keyof typeof ARGUMENT;
const DTYPE = { bfloat16: 2, float32: 3, int32: 4 } as const;
export type DnnlType = keyof typeof DTYPE;
export const BYTES = { bfloat16: 2, float32: 4, int32: 4 } as const;

const FAILURES = new Map([
  [1, "out of memory"],
  [2, "invalid arguments"],
  [3, "no kernel for these shapes and types"],
]);

/** The functions of dnnl.h that we use, with their parameters. All return a status, an int that is 0 on success. */
const FUNCTIONS = {
  dnnl_get_effective_cpu_isa: "",
  dnnl_engine_create: "biz",
  dnnl_stream_create: "bpu",
  dnnl_memory_desc_create_with_strides: "bibib",
  dnnl_memory_create: "bppp",
  dnnl_memory_set_data_handle: "pp",
  dnnl_memory_destroy: "p",
  dnnl_primitive_attr_create: "b",
  dnnl_primitive_attr_destroy: "p",
  dnnl_primitive_attr_set_post_ops: "pp",
  dnnl_primitive_attr_set_scales_mask: "pii",
  dnnl_post_ops_create: "b",
  dnnl_post_ops_destroy: "p",
  dnnl_post_ops_append_sum: "pfii",
  dnnl_post_ops_append_eltwise: "piff",
  dnnl_matmul_primitive_desc_create: "bpppppp",
  dnnl_reorder_primitive_desc_create: "bppppp",
  dnnl_binary_primitive_desc_create: "bpipppp",
  dnnl_reduction_primitive_desc_create: "bpippffp",
  dnnl_eltwise_forward_primitive_desc_create: "bpiippffp",
  dnnl_eltwise_backward_primitive_desc_create: "bpipppffpp",
  dnnl_layer_normalization_forward_primitive_desc_create: "bpipppfup",
  dnnl_layer_normalization_backward_primitive_desc_create: "bpippppfupp",
  dnnl_softmax_forward_primitive_desc_create: "bpiippip",
  dnnl_softmax_backward_primitive_desc_create: "bpipppipp",
  dnnl_primitive_desc_query: "piib",
  dnnl_primitive_desc_destroy: "p",
  dnnl_primitive_create: "bp",
  dnnl_primitive_destroy: "p",
  dnnl_primitive_execute: "ppib",
} as const;

type FunctionName = keyof typeof FUNCTIONS;

/** A description of a tensor in memory. */
export interface Layout {
  readonly dtype: DnnlType;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
}

function isLayout(arg: Argument | Layout): arg is Layout {
  return typeof arg === "object" && arg !== null && "strides" in arg;
}

/** What a matmul does with its result. */
export interface PostOps {
  /** Multiplies the result. */
  alpha?: number;
  /** Adds the present content of the result's memory. */
  accumulate?: boolean;
}

/** The part of `Deno.UnsafePointerView` that the version is read with. */
export type VersionView = Pick<Deno.UnsafePointerView, "getInt32">;

/**
 * The version of a library that we can use; others end the process when they compute, without a word.
 *
 * @param view of struct dnnl_version_t: int major, minor, patch; char *hash; unsigned cpu_runtime, gpu_runtime.
 * @throws {Error} for another version than 3, or a build for another runtime than OpenMP.
 */
export function supportedVersion(path: string, view: VersionView): string {
  const version = [0, 4, 8].map((at) => view.getInt32(at)).join("."), runtime = view.getInt32(24);
  if (view.getInt32(0) === 3 && runtime === OPENMP) return version;
  const built = runtime === OPENMP ? "" : ` for ${RUNTIMES.get(runtime) ?? `runtime ${runtime}`}`;
  throw new Error(
    `${path} is oneDNN ${version}${built}; a build of version 3 for OpenMP is needed: install the ` +
      "PyPI package onednn-cpu-gomp",
  );
}

/** The opened library. */
export class DnnlLibrary {
  readonly #functions: Record<FunctionName, (...args: Argument[]) => number>;
  readonly #omp: (threads: number) => void;
  readonly #engine: Handle;
  readonly #stream: Handle;
  readonly #layouts = new Map<string, Handle>();
  readonly version: string;

  /** @throws {Error} when it cannot be loaded, or is not version 3 with OpenMP. */
  constructor(path: string) {
    // OpenMP reads this when it is loaded: how often an idle thread looks for work before it sleeps. By default it
    // spins for milliseconds, in which ONNX Runtime's threads, which run the optimizer, would lack a core.
    if (Deno.env.get("GOMP_SPINCOUNT") === undefined) Deno.env.set("GOMP_SPINCOUNT", "1000");
    const status = ([name, letters]: [string, string]) =>
      [name, { parameters: parametersOf(letters), result: "i32" }] as const;
    const { symbols } = Deno.dlopen(path, { dnnl_version: { parameters: [], result: "pointer" } });
    this.version = supportedVersion(path, new Deno.UnsafePointerView(symbols.dnnl_version()!));
    this.#functions = Deno.dlopen(path, Object.fromEntries(Object.entries(FUNCTIONS).map(status)))
      .symbols as never;
    const omp = Deno.dlopen("libgomp.so.1", {
      omp_set_num_threads: { parameters: ["i32"], result: "void" },
    });
    this.#omp = omp.symbols.omp_set_num_threads;
    this.#engine = this.create("dnnl_engine_create", CPU, 0n);
    this.#stream = this.create("dnnl_stream_create", this.#engine, DEFAULT_STREAM);
  }

  /** Whether the processor multiplies in bfloat16 (AVX512_BF16, AMX); elsewhere loops emulate it. */
  get has_bfloat16(): boolean {
    return (this.#functions.dnnl_get_effective_cpu_isa() & ISA_BFLOAT16) !== 0;
  }

  /** Sets the number of threads for everything that this thread runs from now on. */
  useThreads(threads: number): void {
    this.#omp(threads);
  }

  /** Calls a function that returns a status. */
  call(name: FunctionName, ...args: Argument[]): void {
    this.#check(name, this.#functions[name](...args));
  }

  /** Calls a function that writes a new object to its first argument. */
  create(name: FunctionName, ...args: Argument[]): Handle {
    const out = new BigUint64Array(1);
    this.call(name, out, ...args);
    return Deno.UnsafePointer.create(out[0]);
  }

  /** A memory descriptor; equal layouts share one. */
  layout({ dtype, shape, strides }: Layout): Handle {
    const key = `${dtype} ${shape} ${strides}`;
    let handle = this.#layouts.get(key);
    if (!handle) {
      handle = this.create(
        "dnnl_memory_desc_create_with_strides",
        shape.length,
        BigInt64Array.from(shape, BigInt),
        DTYPE[dtype],
        BigInt64Array.from(strides, BigInt),
      );
      this.#layouts.set(key, handle);
    }
    return handle;
  }

  /** A tensor at an address. */
  memory(layout: Layout, address: Handle): Handle {
    return this.create("dnnl_memory_create", this.layout(layout), this.#engine, address);
  }

  /** A primitive's description. The engine is added to the arguments, and layouts become memory descriptors. */
  describe(
    kind:
      | "matmul"
      | "binary"
      | "reduction"
      | `eltwise_${"forward" | "backward"}`
      | `softmax_${"forward" | "backward"}`
      | `layer_normalization_${"forward" | "backward"}`,
    ...args: (Argument | Layout)[]
  ): Handle {
    const resolved = args.map((arg) => isLayout(arg) ? this.layout(arg) : arg);
    return this.create(`dnnl_${kind}_primitive_desc_create`, this.#engine, ...resolved);
  }

  /** @param scaled whether the source is multiplied by one number, the argument `src_scale`. */
  describeReorder(from: Layout, to: Layout, scaled: boolean): Handle {
    const layouts = [this.layout(from), this.#engine, this.layout(to), this.#engine];
    return this.#withAttributes((attributes) => {
      if (scaled) this.call("dnnl_primitive_attr_set_scales_mask", attributes, ARGUMENT.src, 0);
      return this.create("dnnl_reorder_primitive_desc_create", ...layouts, attributes);
    });
  }

  /** Calls `use` with attributes for these post-ops, alpha first. */
  withPostOps<T>({ alpha = 1, accumulate }: PostOps, use: (attributes: Handle) => T): T {
    if (alpha === 1 && !accumulate) return use(null);
    return this.#withAttributes((attributes) => {
      const post_ops = this.create("dnnl_post_ops_create");
      if (alpha !== 1) {
        this.call("dnnl_post_ops_append_eltwise", post_ops, ALGORITHM.linear, alpha, 0);
      }
      if (accumulate) this.call("dnnl_post_ops_append_sum", post_ops, 1, 0, 0);
      this.call("dnnl_primitive_attr_set_post_ops", attributes, post_ops);
      this.call("dnnl_post_ops_destroy", post_ops); // attributes have a copy
      return use(attributes);
    });
  }

  #withAttributes<T>(use: (attributes: Handle) => T): T {
    const attributes = this.create("dnnl_primitive_attr_create");
    try {
      return use(attributes);
    } finally {
      this.call("dnnl_primitive_attr_destroy", attributes);
    }
  }

  /** The name of the kernel that a description selects, such as "brg:avx512_core_bf16". */
  kernel(description: Handle): string {
    const name = new BigUint64Array(1);
    this.call("dnnl_primitive_desc_query", description, QUERY_IMPLEMENTATION, 0, name);
    return Deno.UnsafePointerView.getCString(Deno.UnsafePointer.create(name[0])!);
  }

  /** Computes a primitive; `args` as {@linkcode packArguments} makes them. */
  execute(primitive: Handle, args: BigUint64Array<ArrayBuffer>): void {
    const status = this.#functions.dnnl_primitive_execute(
      primitive,
      this.#stream,
      args.length / 2,
      args,
    );
    if (status !== 0) this.#check("dnnl_primitive_execute", status);
  }

  #check(name: string, status: number): void {
    if (status === 0) return;
    throw new Error(`oneDNN's ${name} failed: ${FAILURES.get(status) ?? `status ${status}`}`);
  }
}

/** Array of struct dnnl_exec_arg_t { int arg; dnnl_memory_t memory; }, with padding between. */
export function packArguments(memories: ReadonlyMap<number, Handle>): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.from(
    [...memories].flatMap(([arg, memory]) => [BigInt(arg), Deno.UnsafePointer.value(memory)]),
  );
}

/** oneDNN is not installed. */
export class OneDnnUnavailable extends Error {
  override name = "OneDnnUnavailable";

  constructor(causes: readonly string[]) {
    super(
      `oneDNN 3 cannot be loaded (${causes.join("; ")}). Install it by ` +
        "`python3 -m venv .venv && .venv/bin/pip install onednn-cpu-gomp==2023.2.0`, or set the environment " +
        'variable CAUSEWAY_ONEDNN to the path of libdnnl.so.3, or choose kernels "onnxruntime" and precision "float32"',
    );
  }
}

const FILE = "libdnnl.so.3";

let opened: DnnlLibrary | undefined;

/**
 * Opens the library, once per thread: the file that CAUSEWAY_ONEDNN names, else that of the virtual environment
 * `.venv` in this project's folder, else the system's.
 *
 * @throws {OneDnnUnavailable}
 */
export function openOneDnn(): DnnlLibrary {
  if (opened) return opened;
  const named = Deno.env.get("CAUSEWAY_ONEDNN");
  const own = decodeURIComponent(new URL(`../../../.venv/lib/${FILE}`, import.meta.url).pathname);
  const causes = [];
  for (const path of named ? [named] : [own, FILE]) {
    try {
      return opened = new DnnlLibrary(path);
    } catch (error) {
      causes.push((error as Error).message);
    }
  }
  throw new OneDnnUnavailable(causes);
}
