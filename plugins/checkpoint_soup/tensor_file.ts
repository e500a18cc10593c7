/**
 * Reads single tensors of a safetensors file, so that a large one need not be in memory.
 *
 * @module
 */

/** Where a tensor's bytes lie in the file. */
interface Place {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** Far more than the header of any model. */
const MAX_HEADER_BYTES = 100_000_000;

/** An open safetensors file. */
export class TensorFile {
  private constructor(
    private readonly file: Deno.FsFile,
    private readonly origin: string,
    private readonly places: ReadonlyMap<string, Place>,
  ) {}

  /**
   * Opens a file and reads its header.
   *
   * @param origin what the file is, for messages.
   * @throws {Error} when it is no safetensors file, or shorter than its header says.
   */
  static open(path: string, origin: string): TensorFile {
    const file = Deno.openSync(path);
    try {
      return new TensorFile(file, origin, readHeader(file, origin));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * One tensor.
   *
   * @param names it may be stored under; the first that is there is taken.
   * @param shape it must have.
   * @throws {Error} when it is missing, of another shape, or not float32.
   */
  read(names: readonly string[], shape: readonly number[]): Float32Array {
    const name = names.find((name) => this.places.has(name));
    if (name === undefined) throw new Error(`${this.origin} has no tensor "${names[0]}"`);
    const { dtype, start, end, ...found } = this.places.get(name)!;
    if (dtype !== "F32" || found.shape.join() !== shape.join()) {
      throw new Error(
        `${this.origin}: "${name}" is ${dtype} [${found.shape}], its config asks for F32 [${shape}]`,
      );
    }
    const bytes = new Uint8Array(end - start);
    readAt(this.file, start, bytes, this.origin);
    return new Float32Array(bytes.buffer);
  }

  close(): void {
    this.file.close();
  }
}

/** An 8-byte little-endian length, so many bytes of JSON, then the data that its offsets count from. */
function readHeader(file: Deno.FsFile, origin: string): Map<string, Place> {
  const fail = (what: string): never => {
    throw new Error(`${origin} is not a sound safetensors file: ${what}`);
  };
  const { size } = file.statSync();
  const length = new Uint8Array(8);
  readAt(file, 0, length, origin);
  const header_bytes = Number(new DataView(length.buffer).getBigUint64(0, true));
  if (header_bytes > Math.min(size - 8, MAX_HEADER_BYTES)) {
    fail(`its header claims ${header_bytes} bytes of ${size}`);
  }
  const text = new Uint8Array(header_bytes);
  readAt(file, 8, text, origin);
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder().decode(text));
  } catch {
    return fail("its header is no JSON");
  }
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(entries.map(([name, { dtype, shape, data_offsets }]) => {
    const [start, end] = data_offsets.map((offset) => 8 + header_bytes + offset);
    const sound = 8 + header_bytes <= start && start <= end && end <= size;
    const count = shape.reduce((a, b) => a * b, 1);
    if (!sound || (dtype === "F32" && end - start !== 4 * count)) {
      fail(`the place of tensor "${name}" is not right`);
    }
    return [name, { dtype, shape, start, end }];
  }));
}

function readAt(file: Deno.FsFile, position: number, target: Uint8Array, origin: string): void {
  file.seekSync(position, Deno.SeekMode.Start);
  for (let done = 0; done < target.length;) {
    const read = file.readSync(target.subarray(done));
    if (read === null) throw new Error(`${origin} ends before byte ${position + target.length}`);
    done += read;
  }
}
