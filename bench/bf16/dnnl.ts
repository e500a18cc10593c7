/**
 * Matrix products and conversions by oneDNN, through the C API of its shared library (version 3).
 *
 * @module
 */

const FUNCTIONS = {
  dnnl_version: { parameters: [], result: "pointer" },
  dnnl_engine_create: { parameters: ["buffer", "i32", "usize"], result: "i32" },
  dnnl_stream_create: { parameters: ["buffer", "pointer", "u32"], result: "i32" },
  dnnl_stream_wait: { parameters: ["pointer"], result: "i32" },
  dnnl_memory_desc_create_with_strides: {
    parameters: ["buffer", "i32", "buffer", "i32", "buffer"],
    result: "i32",
  },
  dnnl_memory_desc_get_size: { parameters: ["pointer"], result: "usize" },
  dnnl_memory_create: { parameters: ["buffer", "pointer", "pointer", "buffer"], result: "i32" },
  dnnl_matmul_primitive_desc_create: {
    parameters: ["buffer", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  dnnl_reorder_primitive_desc_create: {
    parameters: ["buffer", "pointer", "pointer", "pointer", "pointer", "pointer"],
    result: "i32",
  },
  dnnl_primitive_desc_query: {
    parameters: ["pointer", "i32", "i32", "buffer"],
    result: "i32",
  },
  dnnl_primitive_create: { parameters: ["buffer", "pointer"], result: "i32" },
  dnnl_primitive_execute: {
    parameters: ["pointer", "pointer", "i32", "buffer"],
    result: "i32",
  },
} as const;

/** Values of the enumerations in dnnl_types.h. */
const CPU = 1, DEFAULT_STREAM = 1, QUERY_IMPLEMENTATION = 8;
const FAILURES = new Map([[1, "out of memory"], [2, "invalid arguments"], [
  3,
  "no kernel for this",
]]);
const ARGUMENT = { src: 1, dst: 17, weights: 33 } as const;
const DTYPE = { bf16: 2, f32: 3 } as const;

export type DnnlType = keyof typeof DTYPE;
type Handle = Deno.PointerValue;
type ArgumentName = keyof typeof ARGUMENT;

/** A matrix in memory, as oneDNN sees it. */
export interface Matrix {
  readonly descriptor: Handle;
  readonly memory: Handle;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Work that is ready to run as often as wanted. */
export interface Operation {
  /** The name of the kernel that oneDNN chose, such as "brg:avx512_core_bf16". */
  readonly kernel: string;
  run(): void;
}

export class Dnnl {
  readonly #library: Deno.DynamicLibrary<typeof FUNCTIONS>;
  readonly #engine: Handle;
  readonly #stream: Handle;
  readonly version: string;

  /**
   * @param path of the shared library.
   * @throws {Error} when it cannot be loaded, or is not of version 3.
   */
  constructor(path: string) {
    this.#library = Deno.dlopen(path, FUNCTIONS);
    // struct dnnl_version_t begins with int major, minor, patch.
    const version = new Deno.UnsafePointerView(this.#symbols.dnnl_version()!);
    this.version = [0, 4, 8].map((at) => version.getInt32(at)).join(".");
    if (version.getInt32(0) !== 3) {
      throw new Error(`${path} is oneDNN ${this.version}; the calls here are those of version 3`);
    }
    this.#engine = this.#create("dnnl_engine_create", CPU, 0n);
    this.#stream = this.#create("dnnl_stream_create", this.#engine, DEFAULT_STREAM);
  }

  get #symbols() {
    return this.#library.symbols;
  }

  /**
   * A matrix [rows, columns].
   *
   * @param transposed the memory holds the transpose, [columns, rows], row by row.
   * @param data float32 memory to use; by default new memory.
   */
  matrix(
    dtype: DnnlType,
    [rows, columns]: readonly [number, number],
    transposed = false,
    data?: Float32Array<ArrayBuffer>,
  ): Matrix {
    const descriptor = this.#create(
      "dnnl_memory_desc_create_with_strides",
      2,
      BigInt64Array.of(BigInt(rows), BigInt(columns)),
      DTYPE[dtype],
      BigInt64Array.from(transposed ? [1n, BigInt(rows)] : [BigInt(columns), 1n]),
    );
    const length = Number(this.#symbols.dnnl_memory_desc_get_size(descriptor));
    const bytes = data
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(length);
    if (bytes.length !== length) throw new Error(`${bytes.length} bytes for a matrix of ${length}`);
    const memory = this.#create("dnnl_memory_create", descriptor, this.#engine, bytes);
    return { descriptor, memory, data: bytes };
  }

  /** dst = src · weights; bfloat16 factors are accumulated in float32. */
  matmul(src: Matrix, weights: Matrix, dst: Matrix): Operation {
    const product = this.#create(
      "dnnl_matmul_primitive_desc_create",
      this.#engine,
      src.descriptor,
      weights.descriptor,
      null,
      dst.descriptor,
      null,
    );
    return this.#operation(product, { src, weights, dst });
  }

  /** dst = src in another dtype or layout. */
  reorder(src: Matrix, dst: Matrix): Operation {
    const reorder = this.#create(
      "dnnl_reorder_primitive_desc_create",
      src.descriptor,
      this.#engine,
      dst.descriptor,
      this.#engine,
      null,
    );
    return this.#operation(reorder, { src, dst });
  }

  #operation(
    description: Handle,
    matrices: Readonly<Partial<Record<ArgumentName, Matrix>>>,
  ): Operation {
    const name = new BigUint64Array(1);
    this.#check(
      "dnnl_primitive_desc_query",
      this.#symbols.dnnl_primitive_desc_query(description, QUERY_IMPLEMENTATION, 0, name),
    );
    const kernel = Deno.UnsafePointerView.getCString(Deno.UnsafePointer.create(name[0])!);
    const primitive = this.#create("dnnl_primitive_create", description);
    const entries = Object.entries(matrices) as [ArgumentName, Matrix][];
    // struct dnnl_exec_arg_t { int arg; dnnl_memory_t memory; }, with padding between.
    const args = BigUint64Array.from(
      entries.flatMap(([name, { memory }]) => [
        BigInt(ARGUMENT[name]),
        Deno.UnsafePointer.value(memory),
      ]),
    );
    const { dnnl_primitive_execute, dnnl_stream_wait } = this.#symbols;
    const run = () => {
      const status = dnnl_primitive_execute(primitive, this.#stream, entries.length, args);
      this.#check("dnnl_primitive_execute", status);
      this.#check("dnnl_stream_wait", dnnl_stream_wait(this.#stream));
    };
    return { kernel, run };
  }

  /** Calls a function that writes a handle to its first argument. */
  // deno-lint-ignore no-explicit-any -- each function's parameters are in FUNCTIONS
  #create(name: keyof typeof FUNCTIONS, ...args: any[]): Handle {
    const out = new BigUint64Array(1);
    // deno-lint-ignore no-explicit-any
    this.#check(name, (this.#symbols[name] as any)(out, ...args));
    return Deno.UnsafePointer.create(out[0]);
  }

  #check(name: string, status: number): void {
    if (status === 0) return;
    const reason = FAILURES.get(status) ?? `status ${status}`;
    throw new Error(`oneDNN's ${name} failed: ${reason}`);
  }
}
