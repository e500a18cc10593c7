/**
 * Tables of FlatBuffers, the encoding of Arrow's metadata, read and shortened in place.
 *
 * @module
 */

/** Reads a FlatBuffers table; every access is checked against the buffer's end. */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  get byteLength(): number {
    return this.#view.byteLength;
  }

  /** A field of text; undefined if it is absent. */
  text(field: number): string | undefined {
    const [start, count] = this.checkVector(field, 1);
    if (start === 0) return undefined;
    const { buffer, byteOffset } = this.#view;
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset + start, count));
  }

  byte(field: number): number {
    const at = this.#find(field);
    return at === 0 ? 0 : this.#view.getUint8(at);
  }

  short(field: number): number {
    const at = this.#find(field);
    return at === 0 ? 0 : this.#view.getInt16(at, true);
  }

  /** Keeps the chosen items of a vector of structs or of numbers, in their order. */
  keepItems(field: number, item_bytes: number, keep: readonly boolean[]): void {
    const [start, count] = this.checkVector(field, item_bytes);
    if (start === 0) return;
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.byteLength);
    let kept = 0;
    for (let item = 0; item < count; item++) {
      if (!keep[item]) continue;
      const at = start + item * item_bytes;
      bytes.copyWithin(start + item_bytes * kept++, at, at + item_bytes);
    }
    this.#view.setUint32(start - 4, kept, true);
  }

  /** Keeps the chosen items of a vector of tables, in their order. */
  keepTables(field: number, keep: readonly boolean[]): void {
    const [start, count] = this.checkVector(field, 4);
    let kept = 0;
    for (let item = 0; item < count; item++) {
      if (!keep[item]) continue;
      const at = start + 4 * item, to = start + 4 * kept++;
      // Positions are relative to their own place.
      this.#view.setUint32(to, at - to + this.#view.getUint32(at, true), true);
    }
    if (start > 0) this.#view.setUint32(start - 4, kept, true);
  }

  integer(field: number): number {
    const at = this.#find(field);
    return at === 0 ? 0 : Number(this.#view.getBigInt64(at, true));
  }

  table(field: number): FlatTable | undefined {
    const at = this.#find(field);
    return at === 0 ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  tables(field: number): FlatTable[] {
    const [start, count] = this.checkVector(field, 4);
    return Array.from({ length: count }, (_, i) => {
      const at = start + 4 * i;
      return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
    });
  }

  integers(field: number): number[] {
    const [start, count] = this.checkVector(field, 8);
    return Array.from(
      { length: count },
      (_, i) => Number(this.#view.getBigInt64(start + 8 * i, true)),
    );
  }

  /** @returns position of a vector's items, and their number. */
  checkVector(field: number, item_bytes: number): [start: number, count: number] {
    const at = this.#find(field);
    if (at === 0) return [0, 0];
    const vector = at + this.#view.getUint32(at, true);
    const count = this.#view.getUint32(vector, true);
    if (vector + 4 + count * item_bytes > this.byteLength) {
      throw new Error("damaged: a vector extends beyond the metadata");
    }
    return [vector + 4, count];
  }

  /** Position of a field, or 0 if it is absent. */
  #find(field: number): number {
    const layout = this.#at - this.#view.getInt32(this.#at, true);
    const entry = 4 + 2 * field;
    if (entry >= this.#view.getUint16(layout, true)) return 0;
    const offset = this.#view.getUint16(layout + entry, true);
    return offset === 0 ? 0 : this.#at + offset;
  }
}
