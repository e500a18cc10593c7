/**
 * Finds the values in a stream of JSON, so that a file of any size is parsed one value at a time.
 *
 * @module
 */
import { PartialBytes } from "./file_bytes.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c;
const LEFT_BRACE = 0x7b, RIGHT_BRACE = 0x7d, LEFT_BRACKET = 0x5b, RIGHT_BRACKET = 0x5d;

export interface ValueOptions {
  /**
   * Where the values are: the names of the fields that lead to an array whose elements are wanted; none for an array
   * that is the whole file. Absent: the values are written one after the other.
   */
  readonly field?: readonly string[];
  /** Longest value. */
  readonly max_bytes: number;
}

/** Cuts JSON into values, which are not parsed: whether each is valid JSON remains to be checked. */
export class ValueCutter {
  readonly #path: readonly string[] | undefined;
  readonly #value: PartialBytes;
  readonly #key: PartialBytes;
  #depth = 0;
  #in_string = false;
  #escaped = false;
  /** Depth between the wanted values; undefined while the array is not reached. */
  #target: number | undefined;
  /** Number of fields of the path that were entered. */
  #matched = 0;
  /** Name of the field whose value comes next, if its object is on the path. */
  #name: string | undefined;
  #at_key = false;
  #reading_key = false;
  #closed = false;
  /** Whether something follows the end of the outermost value. */
  has_more = false;
  /** Paths of the arrays that were met on the way. */
  readonly arrays: string[] = [];
  /** Whether the array was found; true if there is none to find. */
  found: boolean;

  constructor({ field, max_bytes }: ValueOptions) {
    this.#path = field;
    this.#value = new PartialBytes(max_bytes);
    this.#key = new PartialBytes(max_bytes);
    this.found = field === undefined;
    if (field === undefined) this.#target = 0;
  }

  /** @returns the values that end in a piece of the file; undefined for one over the limit. */
  push(chunk: Uint8Array): (Uint8Array | undefined)[] {
    const values: (Uint8Array | undefined)[] = [];
    let start = 0;
    const end = (at: number) => {
      this.#value.add(chunk.subarray(start, at));
      values.push(this.#value.take());
      start = at;
    };
    let key_start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#closed && this.#depth === 0 && byte > 32) this.has_more = true;
      if (this.#in_string) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) {
          this.#in_string = false;
          if (this.#reading_key) this.#endKey(chunk.subarray(key_start, at + 1));
        }
      } else if (byte === QUOTE) {
        this.#in_string = true;
        if (this.#at_key && this.#isOnPath()) {
          this.#reading_key = true;
          key_start = at;
        }
      } else if (byte === LEFT_BRACE || byte === LEFT_BRACKET) {
        if (this.#open(byte)) start = at + 1;
      } else if (byte === RIGHT_BRACE || byte === RIGHT_BRACKET) {
        this.#depth = Math.max(0, this.#depth - 1);
        if (this.#path === undefined) {
          if (this.#depth === 0) end(at + 1);
        } else if (this.#target !== undefined && this.#depth === this.#target - 1) {
          end(at);
          this.#target = undefined;
          this.#closed = true;
        } else if (this.#depth === this.#matched && this.#matched > 0) this.#matched--;
      } else if (byte === COMMA) {
        this.#at_key = true;
        this.#name = undefined;
        if (this.#path !== undefined && this.#depth === this.#target) {
          end(at);
          start = at + 1;
        }
      }
    }
    if (this.#target !== undefined) this.#value.add(chunk.subarray(start));
    if (this.#reading_key) this.#key.add(chunk.subarray(key_start));
    return values;
  }

  /** What is left at the end of the file: an unfinished value, or blanks; undefined if it is over the limit. */
  rest(): Uint8Array | undefined {
    return this.#value.take();
  }

  /** Whether the file ends within a value. */
  get is_unfinished(): boolean {
    return this.#depth > 0 || this.#in_string;
  }

  /** Whether the position is in the innermost object that the path leads to. */
  #isOnPath(): boolean {
    return this.#path !== undefined && !this.found && this.#depth === this.#matched + 1;
  }

  #endKey(piece: Uint8Array): void {
    this.#reading_key = this.#at_key = false;
    this.#key.add(piece);
    const key = this.#key.take();
    try {
      this.#name = key && JSON.parse(new TextDecoder().decode(key));
    } catch {
      this.#name = undefined;
    }
  }

  /** An object or array begins. @returns whether it is the array whose elements are wanted. */
  #open(byte: number): boolean {
    const name = this.#name, on_path = this.#isOnPath();
    this.#name = undefined;
    this.#at_key = byte === LEFT_BRACE;
    this.#depth++;
    if (this.#path === undefined || this.found) return false;
    const is_array = byte === LEFT_BRACKET;
    if (this.#depth === 1) return is_array && this.#path.length === 0 && this.#begin();
    if (!on_path || name === undefined) return false;
    if (is_array) this.arrays.push([...this.#path.slice(0, this.#matched), name].join("."));
    if (name !== this.#path[this.#matched]) return false;
    if (is_array) return this.#matched === this.#path.length - 1 && this.#begin();
    if (this.#matched < this.#path.length) this.#matched++;
    return false;
  }

  #begin(): boolean {
    this.found = true;
    this.#target = this.#depth;
    return true;
  }
}
