/**
 * Processes that work together: collectives over the MPI library of this machine, through Deno's FFI. It is Open MPI or
 * MPICH, whichever started the process.
 *
 * The two disagree on what a handle is (a pointer, an int) and on constants; the functions are those of the MPI
 * standard, version 3.1, chapters 5 (collectives), 8 (start and end) and 17.2.4 (Fortran handles).
 *
 * @module
 */

/** Processes that were started together, by `mpirun` or `srun`. */
export interface ProcessGroup {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Sums over ranks, in place. Every rank gets the same bits, which depend on the number of ranks only. */
  allReduceSum(data: Float32Array | Float64Array): void;
  /** Sends bytes of one rank to all. */
  broadcast(bytes: Uint8Array, root: number): void;
  /** Concatenates the parts of all ranks, of equal length, in the order of ranks. */
  allGather(part: Float32Array, all: Float32Array): void;
  barrier(): void;
}

type Environment = (name: string) => string | undefined;

/** Variables in which launchers set the number of processes: Open MPI, MPICH's Hydra, PMIx and PMI under Slurm. */
const SIZES = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/** Whether a launcher started this process as one of several. */
export function isLaunched(env: Environment = Deno.env.get): boolean {
  return SIZES.some((name) => Number(env(name) ?? 1) > 1);
}

/** The group of this process, until it leaves. */
export interface Launched extends ProcessGroup {
  /** Of the MPI library: "Open MPI v4.1.4, …". */
  readonly version: string;
  /**
   * Waits for all ranks without using a core: MPI's own barrier spins.
   *
   * @param poll_ms time between polls.
   */
  meet(poll_ms?: number): Promise<void>;
  /** Ends all ranks at once; does not return. */
  abort(code: number): void;
  /** Leaves the group; no collectives after it. */
  finalize(): void;
}

/**
 * Joins the group that a launcher started, once per process; other threads call {@linkcode attachGroup}.
 *
 * @throws {Error} when there is no MPI library, or the processes do not see each other.
 */
export function joinGroup(env: Environment = Deno.env.get): Launched {
  const mpi = loadMpi(env);
  mpi.init();
  const group = groupOf(mpi);
  const expected = Number(SIZES.map(env).find((size) => size !== undefined) ?? group.size);
  if (group.size === expected) return group;
  throw new Error(
    `the launcher started ${expected} processes, but ${group.version} sees ${group.size}: these are different MPI ` +
      "installations; set CAUSEWAY_MPI to the launcher's library",
  );
}

/** The group of this process, from another thread. Only one thread at a time may use it. */
export function attachGroup(env: Environment = Deno.env.get): ProcessGroup {
  return groupOf(loadMpi(env));
}

function groupOf(mpi: MpiFunctions): Launched {
  const { rank, size, startBarrier, init: _, ...functions } = mpi;
  return {
    ...{ ...functions, rank: rank(), size: size() },
    async meet(poll_ms = 10) {
      const arrived = startBarrier();
      while (!arrived()) await new Promise((resolve) => setTimeout(resolve, poll_ms));
    },
  };
}

/** The functions of a library, before this process has joined a group. */
interface MpiFunctions extends Omit<Launched, "rank" | "size" | "meet"> {
  init(): void;
  rank(): number;
  size(): number;
  /** Arrives at a barrier; returns a function that tells whether all ranks have arrived. */
  startBarrier(): () => boolean;
}

type Handle = number | Deno.PointerValue;
type HandleType = "i32" | "pointer";

/** How an implementation differs where the standard leaves a choice. */
interface Flavour {
  readonly name: string;
  readonly files: readonly string[];
  readonly handle: HandleType;
  /** `MPI_IN_PLACE` and `MPI_STATUS_IGNORE` as addresses. */
  readonly in_place: bigint;
  readonly status_ignore: bigint;
  handles(library: Loaded): Handles;
}

type Handles = Readonly<Record<"world" | "float" | "double" | "byte" | "sum", Handle>>;

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
    // Handles are addresses of objects in the library, found by their Fortran numbers.
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
  // As in mpi.h of MPICH and others with its ABI.
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
 * Loads the library of the launcher.
 *
 * @param env of the process, where launchers set variables.
 * @throws {Error} naming the files it tried, and how to install one.
 */
function loadMpi(env: Environment): MpiFunctions {
  const { library, flavour } = findLibrary(env);
  return functions(library, flavour);
}

/** Name and version of the MPI library that {@link attachGroup} would use. @throws {Error} if there is none. */
export function mpiVersion(env: Environment): string {
  return versionOf(findLibrary(env).library).split(/[,\n]/)[0].trim();
}

function findLibrary(env: Environment): { library: Loaded; flavour: Flavour } {
  const named = env("CAUSEWAY_MPI");
  const flavours = env("PMI_RANK") !== undefined && env("OMPI_COMM_WORLD_RANK") === undefined
    ? [MPICH, OPEN_MPI]
    : [OPEN_MPI, MPICH];
  const tried: string[] = [];
  for (const flavour of flavours) {
    for (const path of named ? [named] : flavour.files) {
      const library = open(path, flavour);
      if (library) return { library, flavour };
      tried.push(path);
    }
  }
  const looked_for = [...new Set(tried)].join(", ");
  throw new Error(
    `no MPI library was found (looked for ${looked_for}); install Open MPI or MPICH (on Debian: ` +
      "apt-get install openmpi-bin), or set CAUSEWAY_MPI to the library's file",
  );
}

/** Undefined when the file does not exist, or belongs to another implementation. */
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
  // Open MPI has its handles only after MPI_Init.
  let found: Handles | undefined;
  const handles = () => found ??= flavour.handles(library);
  const in_place = Deno.UnsafePointer.create(flavour.in_place);
  const status_ignore = Deno.UnsafePointer.create(flavour.status_ignore);
  const call = (name: keyof ReturnType<typeof symbols>, ...args: unknown[]) => {
    // The types of handles depend on the implementation.
    const code = (library[name] as (...args: unknown[]) => unknown)(...args);
    if (code !== 0) throw new Error(`${name} failed with MPI error ${code}`);
  };
  const ask = (name: "MPI_Comm_rank" | "MPI_Comm_size") => {
    const value = new Int32Array(1);
    call(name, handles().world, value);
    return value[0];
  };
  return {
    version: versionOf(library).split("\n")[0].replace(/\s+/g, " "),
    init() {
      const provided = new Int32Array(1);
      call("MPI_Init_thread", null, null, SERIALIZED, provided);
      if (provided[0] < SERIALIZED) {
        throw new Error("this MPI library was built without threads; install one with them");
      }
    },
    finalize: () => call("MPI_Finalize"),
    abort: (code) => call("MPI_Abort", handles().world, code),
    rank: () => ask("MPI_Comm_rank"),
    size: () => ask("MPI_Comm_size"),
    allReduceSum(data) {
      const { float, double, sum, world } = handles();
      const type = data instanceof Float32Array ? float : double;
      for (let start = 0; start < data.length; start += MAX_COUNT) {
        const part = data.subarray(start, start + MAX_COUNT);
        call("MPI_Allreduce", in_place, part, part.length, type, sum, world);
      }
    },
    broadcast(bytes, root) {
      const { byte, world } = handles();
      for (let start = 0; start < bytes.length; start += MAX_COUNT) {
        const part = bytes.subarray(start, start + MAX_COUNT);
        call("MPI_Bcast", part, part.length, byte, root, world);
      }
    },
    allGather(part, all) {
      const { float, world } = handles();
      call("MPI_Allgather", part, part.length, float, all, part.length, float, world);
    },
    barrier: () => call("MPI_Barrier", handles().world),
    startBarrier() {
      // Room for a handle: a pointer or an int.
      const request = new BigInt64Array(1), flag = new Int32Array(1);
      call("MPI_Ibarrier", handles().world, request);
      return () => {
        if (flag[0] === 0) call("MPI_Test", request, flag, status_ignore);
        return flag[0] !== 0;
      };
    },
  };
}
