/**
 * The MPI library of this machine through Deno's FFI: Open MPI or MPICH, whichever started the process.
 *
 * The two disagree on what a handle is (a pointer, an int) and on constants; the functions are those of the MPI
 * standard, version 3.1, chapters 5 (collectives), 8 (start and end) and 17.2.4 (Fortran handles).
 *
 * @module
 */

/** What the library is told of memory, sizes and operations. Handles are opaque. */
export interface MpiFunctions {
  /** "Open MPI v4.1.4, …". */
  readonly version: string;
  init(): void;
  finalize(): void;
  /** Ends all ranks; does not return. */
  abort(code: number): void;
  rank(): number;
  size(): number;
  /** Sums over ranks, in place; every rank gets the same bits. */
  allReduceSum(data: Float32Array | Float64Array): void;
  /** Sends bytes of one rank to all. */
  broadcast(bytes: Uint8Array, root: number): void;
  /** Puts the parts of all ranks together, in their order: `all` holds `part.length` elements for each. */
  allGather(part: Float32Array, all: Float32Array): void;
  barrier(): void;
  /** Arrives at a barrier; the function returned tells whether all others have. */
  startBarrier(): () => boolean;
}

type Handle = number | Deno.PointerValue;
type HandleType = "i32" | "pointer";

/** How one implementation writes what the standard leaves open. */
interface Flavour {
  readonly name: string;
  readonly files: readonly string[];
  readonly handle: HandleType;
  /** `MPI_IN_PLACE` and `MPI_STATUS_IGNORE` as addresses. */
  readonly in_place: bigint;
  readonly status_ignore: bigint;
  handles(library: Loaded): Handles;
}

interface Handles {
  readonly world: Handle;
  readonly float: Handle;
  readonly double: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
}

const symbols = (handle: HandleType) => ({
  MPI_Init_thread: { parameters: ["pointer", "pointer", "i32", "buffer"], result: "i32" },
  MPI_Finalize: { parameters: [], result: "i32" },
  MPI_Abort: { parameters: [handle, "i32"], result: "i32" },
  MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
  MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
  MPI_Allreduce: {
    parameters: ["pointer", "buffer", "i32", handle, handle, handle],
    result: "i32",
  },
  MPI_Bcast: { parameters: ["buffer", "i32", handle, "i32", handle], result: "i32" },
  MPI_Allgather: {
    parameters: ["buffer", "i32", handle, "buffer", "i32", handle, handle],
    result: "i32",
  },
  MPI_Barrier: { parameters: [handle], result: "i32" },
  MPI_Ibarrier: { parameters: [handle, "buffer"], result: "i32" },
  MPI_Test: { parameters: ["buffer", "buffer", "pointer"], result: "i32" },
  MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" },
} as const);

type Loaded = Deno.DynamicLibrary<ReturnType<typeof symbols>>["symbols"] & { path: string };

const OPEN_MPI: Flavour = {
  name: "Open MPI",
  files: ["libmpi.so.40", "libmpi.so", "libmpi.40.dylib", "libmpi.dylib"],
  handle: "pointer",
  in_place: 1n,
  status_ignore: 0n,
  handles({ path }) {
    // Handles are addresses of objects of the library; the Fortran numbers lead to them.
    const convert = { parameters: ["i32"], result: "pointer" } as const;
    const { symbols: { MPI_Comm_f2c: comm, MPI_Type_f2c: type, MPI_Op_f2c: op } } = Deno.dlopen(
      path,
      { MPI_Comm_f2c: convert, MPI_Type_f2c: convert, MPI_Op_f2c: convert },
    );
    // As in mpif-constants.h of Open MPI.
    return { world: comm(0), float: type(13), double: type(17), byte: type(1), sum: op(3) };
  },
};

const MPICH: Flavour = {
  name: "MPICH",
  files: ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib"],
  handle: "i32",
  in_place: 0xffff_ffff_ffff_ffffn,
  status_ignore: 1n,
  // As in mpi.h of MPICH and all that share its ABI.
  handles: () => ({
    world: 0x44000000,
    float: 0x4c00040a,
    double: 0x4c00080b,
    byte: 0x4c00010d,
    sum: 0x58000003,
  }),
};

/** `MPI_THREAD_SERIALIZED`: several threads may call, one at a time; each step has a thread of its own. */
const SERIALIZED = 2;
const MAX_VERSION_STRING = 8192;
/** Counts are C ints. */
const MAX_COUNT = 2 ** 30;

/**
 * Loads the library that the launcher belongs to.
 *
 * @param env of the process: launchers leave marks there.
 * @throws {Error} naming what was looked for, and how to get it.
 */
export function loadMpi(env: (name: string) => string | undefined): MpiFunctions {
  const named = env("CAUSEWAY_MPI");
  const flavours = env("PMI_RANK") !== undefined && env("OMPI_COMM_WORLD_RANK") === undefined
    ? [MPICH, OPEN_MPI]
    : [OPEN_MPI, MPICH];
  const tried: string[] = [];
  for (const flavour of flavours) {
    for (const path of named ? [named] : flavour.files) {
      const library = open(path, flavour);
      if (library) return functions(library, flavour);
      tried.push(path);
    }
  }
  throw new Error(
    `no MPI library was found (looked for ${
      [...new Set(tried)].join(", ")
    }); install Open MPI or MPICH ` +
      "(on Debian: apt-get install openmpi-bin), or name the library's file in CAUSEWAY_MPI",
  );
}

/** Undefined when there is no such file, or it is of another implementation. */
function open(path: string, { handle, name }: Flavour): Loaded | undefined {
  try {
    const { symbols: loaded } = Deno.dlopen(path, symbols(handle));
    const library = { ...loaded, path } as Loaded;
    return versionOf(library).startsWith(name === "MPICH" ? "MPICH" : "Open MPI")
      ? library
      : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}

function versionOf({ MPI_Get_library_version }: Loaded): string {
  const text = new Uint8Array(MAX_VERSION_STRING), length = new Int32Array(1);
  MPI_Get_library_version(text, length);
  return new TextDecoder().decode(text.subarray(0, length[0])).replace(/\0[^]*$/, "");
}

function functions(library: Loaded, flavour: Flavour): MpiFunctions {
  // Open MPI tells its handles only once it was started.
  let found: Handles | undefined;
  const handles = () => found ??= flavour.handles(library);
  const in_place = Deno.UnsafePointer.create(flavour.in_place);
  const status_ignore = Deno.UnsafePointer.create(flavour.status_ignore);
  const check = (code: number, what: string) => {
    if (code !== 0) throw new Error(`${what} failed with MPI error ${code}`);
  };
  const asked = (call: Loaded["MPI_Comm_rank"], what: string) => {
    const value = new Int32Array(1);
    check(call(handles().world as never, value), what);
    return value[0];
  };
  return {
    version: versionOf(library).split("\n")[0].replace(/\s+/g, " "),
    init() {
      const provided = new Int32Array(1);
      check(library.MPI_Init_thread(null, null, SERIALIZED, provided), "MPI_Init_thread");
      if (provided[0] < SERIALIZED) {
        throw new Error("this MPI library was built without threads; install one with them");
      }
    },
    finalize: () => check(library.MPI_Finalize(), "MPI_Finalize"),
    abort: (code) => void library.MPI_Abort(handles().world as never, code),
    rank: () => asked(library.MPI_Comm_rank, "MPI_Comm_rank"),
    size: () => asked(library.MPI_Comm_size, "MPI_Comm_size"),
    allReduceSum(data) {
      const { float, double, sum, world } = handles();
      const type = data instanceof Float32Array ? float : double;
      for (let start = 0; start < data.length; start += MAX_COUNT) {
        const part = data.subarray(start, start + MAX_COUNT) as Float32Array<ArrayBuffer>;
        const code = library.MPI_Allreduce(
          in_place,
          part,
          part.length,
          type as never,
          sum as never,
          world as never,
        );
        check(code, "MPI_Allreduce");
      }
    },
    broadcast(bytes, root) {
      const { byte, world } = handles();
      for (let start = 0; start < bytes.length; start += MAX_COUNT) {
        const part = bytes.subarray(start, start + MAX_COUNT) as Uint8Array<ArrayBuffer>;
        check(
          library.MPI_Bcast(part, part.length, byte as never, root, world as never),
          "MPI_Bcast",
        );
      }
    },
    allGather(part, all) {
      const { float, world } = handles();
      const code = library.MPI_Allgather(
        part as Float32Array<ArrayBuffer>,
        part.length,
        float as never,
        all as Float32Array<ArrayBuffer>,
        part.length,
        float as never,
        world as never,
      );
      check(code, "MPI_Allgather");
    },
    barrier: () => check(library.MPI_Barrier(handles().world as never), "MPI_Barrier"),
    startBarrier() {
      // Room for a handle, whether a pointer or an int.
      const request = new BigInt64Array(1), flag = new Int32Array(1);
      check(library.MPI_Ibarrier(handles().world as never, request), "MPI_Ibarrier");
      return () => {
        if (flag[0] === 0) check(library.MPI_Test(request, flag, status_ignore), "MPI_Test");
        return flag[0] !== 0;
      };
    },
  };
}
