/**
 * A disk that loses its power: what may be on it depends on what was flushed before.
 *
 * What is promised after a crash is only this: the data of a file that was flushed (fsync), and the names in a folder
 * that was flushed. Everything else may be there or not, in any mixture: a name without the data of its file, zeros in
 * place of data, a part of a write, a later name without an earlier one. One thing holds on every file system with a
 * journal: a rename happens as a whole or not at all.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Random } from "@causeway/core/random";

/** One change of the record of `record_writes.c`. */
export interface Change {
  readonly what: "create" | "mkdir" | "write" | "truncate" | "sync" | "rename" | "link" | "remove";
  readonly inode: number;
  /** Where data were written; the new length of a truncated file. */
  readonly offset: number;
  readonly data: Uint8Array;
  readonly path: string;
  /** The new name of a rename or link. */
  readonly other: string;
}

/** Parses a record. */
export function parseRecord(bytes: Uint8Array): Change[] {
  const changes: Change[] = [];
  const decoder = new TextDecoder();
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const [what, inode, offset, length, path, other] = decoder.decode(bytes.subarray(at, end))
      .split("\t");
    at = end + 1 + Number(length);
    const data = bytes.subarray(end + 1, at);
    const numbers = { inode: Number(inode), offset: Number(offset) };
    changes.push({ what: what as Change["what"], ...numbers, data, path, other });
  }
  return changes;
}

class File {
  /** @param path where it was made. */
  constructor(readonly path: string) {}
  readonly writes: { offset: number; data?: Uint8Array }[] = [];
  /** How many of them are on the disk for certain. */
  flushed = 0;
}

export class Folder {
  /** Names as running programs see them. */
  readonly names = new Map<string, Node>();
  /** Changes of its names that may not be on the disk. */
  pending: Naming[] = [];
  constructor(readonly path: string) {}
}

type Node = File | Folder;

/** A change of names, which happens as a whole. */
interface Naming {
  readonly parts: readonly { folder: Folder; name: string; node?: Node }[];
  is_flushed: boolean;
}

/** How much survives of what was not flushed. */
const CRASHES = ["nothing", "everything", "in order", "scattered"] as const;

export class Disk {
  readonly #root: Folder;
  readonly #inodes = new Map<number, Node>();
  readonly #namings: Naming[] = [];
  /** A journal is written in order: with every flush, all changes of names before it. */
  #journaled = 0;

  /** @param root path of the folder that was recorded; it was empty, and is there for certain. */
  constructor(root: string) {
    this.#root = new Folder(root);
  }

  /** @returns the folder that was flushed, if one was. */
  apply({ what, inode, offset, data, path, other }: Change): Folder | undefined {
    const node = this.#inodes.get(inode);
    switch (what) {
      case "create":
      case "mkdir": {
        const made = what === "create" ? new File(path) : new Folder(path);
        this.#inodes.set(inode, made);
        return this.#name(this.#part(path, made));
      }
      case "write":
        return void (node as File).writes.push({ offset, data });
      case "truncate":
        return void (node as File).writes.push({ offset });
      case "rename":
        return this.#name(this.#part(path), this.#part(other, this.#find(path)));
      case "link":
        return this.#name(this.#part(other, this.#find(path)));
      case "remove":
        return this.#name(this.#part(path));
      case "sync":
        // The inode of the root is in no record: it was there before.
        return this.#flush(node ?? this.#root);
    }
  }

  /** Where the file or folder of a change was made. */
  pathOf({ inode }: Change): string | undefined {
    return this.#inodes.get(inode)?.path;
  }

  /** Writes the folder as running programs see it. */
  write(to: string): void {
    writeNames(to, (folder) => folder.names, ({ writes }) => contentOf(writes), this.#root);
  }

  /** Writes the folder as it may be after a loss of power at this moment. */
  crash(to: string, random: Random): void {
    const how = CRASHES[random.below(CRASHES.length)];
    const share = how === "everything" ? 1 : how === "nothing" ? 0 : random.uniform();
    const last = this.#journaled + random.below(this.#namings.length - this.#journaled + 1);
    const names = new Map<Folder, Map<string, Node>>([[this.#root, new Map()]]);
    for (const [i, { parts, is_flushed }] of this.#namings.entries()) {
      const survives = how === "in order" ? i < last : random.uniform() < share;
      if (!is_flushed && !survives) continue;
      for (const { folder, name, node } of parts) {
        if (!names.has(folder)) names.set(folder, new Map());
        if (node) names.get(folder)!.set(name, node);
        else names.get(folder)!.delete(name);
      }
    }
    const content = ({ writes, flushed }: File) =>
      contentOf(writes.map((write, i) => i < flushed ? write : torn(write, share, random)));
    writeNames(to, (folder) => names.get(folder) ?? new Map(), content, this.#root);
  }

  #flush(node: Node): Folder | undefined {
    this.#journaled = this.#namings.length;
    if (node instanceof File) return void (node.flushed = node.writes.length);
    // A move to another folder is there for certain when the folder that it went to was flushed.
    const isFlushed = ({ parts }: Naming) => parts.at(-1)!.folder === node;
    for (const naming of node.pending) naming.is_flushed ||= isFlushed(naming);
    node.pending = node.pending.filter(({ is_flushed }) => !is_flushed);
    return node;
  }

  #name(...parts: Naming["parts"]): undefined {
    const naming = { parts, is_flushed: false };
    this.#namings.push(naming);
    for (const { folder, name, node } of parts) {
      if (node) folder.names.set(name, node);
      else folder.names.delete(name);
      folder.pending.push(naming);
    }
  }

  #part(path: string, node?: Node) {
    return {
      folder: this.#find(dirname(path)) as Folder,
      name: path.slice(dirname(path).length + 1),
      node,
    };
  }

  #find(path: string): Node {
    if (path === this.#root.path) return this.#root;
    const { folder, name } = this.#part(path);
    const found = folder.names.get(name);
    if (!found) throw new Error(`the record lacks how ${path} was made`);
    return found;
  }
}

/** What a write that was not flushed leaves: all of it, zeros, its beginning, or nothing. */
function torn(write: File["writes"][number], share: number, random: Random) {
  const { offset, data } = write;
  if (random.uniform() < share) return write;
  if (!data) return { offset: Infinity };
  const kept = [0, data.length, random.below(data.length)][random.below(3)];
  const left = kept === data.length ? new Uint8Array(kept) : data.slice(0, kept);
  // Space may have been given to the file before its data were written.
  if (random.uniform() < 0.5) return { offset, data: left };
  const padded = new Uint8Array(data.length);
  padded.set(left);
  return { offset, data: padded };
}

function contentOf(writes: File["writes"]): Uint8Array {
  let bytes = new Uint8Array();
  for (const { offset, data } of writes) {
    const end = data
      ? Math.max(bytes.length, offset + data.length)
      : Math.min(bytes.length, offset);
    if (end !== bytes.length) {
      const before = bytes;
      bytes = new Uint8Array(end);
      bytes.set(before.subarray(0, end));
    }
    if (data) bytes.set(data, offset);
  }
  return bytes;
}

function writeNames(
  to: string,
  namesOf: (folder: Folder) => ReadonlyMap<string, Node>,
  content: (file: File) => Uint8Array,
  folder: Folder,
): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const [name, node] of namesOf(folder)) {
    const path = join(to, name);
    if (node instanceof Folder) writeNames(path, namesOf, content, node);
    else Deno.writeFileSync(path, content(node));
  }
}
