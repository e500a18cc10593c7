/**
 * Snapshots of a run's state beside its log, so that the state of a long log is known without reading all of it.
 *
 * A snapshot says how much of the log it covers; readers apply the events after it. There are two files, written in
 * turn, so that one is whole whenever the process ends. Both are only a shortcut: one that does not match its digests,
 * its log or this version of the program is ignored, and the log is read from its start.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { visible } from "../stage/mod.ts";
import { readPart, sha256 } from "../store/mod.ts";
import type { RunState } from "./events.ts";

/** Raise it when `RunState` or `applyEvent` change: older snapshots are ignored then. */
export const FORMAT = 2;
const NAMES = ["state.0.json", "state.1.json"];

/** How much the log grows between snapshots: this, or eight times the size of one if that is more. */
export const EVERY_BYTES = 1 << 20;
/** The end of the covered part of the log, of which a snapshot has the digest. */
const TAIL_BYTES = 4096;
const MAX_BYTES = 1 << 26;

/** The state after the first `offset` bytes of a log. */
export interface Snapshot {
  readonly offset: number;
  readonly state: RunState;
}

interface Header {
  readonly format: number;
  readonly offset: number;
  /** SHA-256 of the end of the log up to the offset, and of the line with the state. */
  readonly log: string;
  readonly state: string;
}

/** Writes snapshots of a growing log. */
export class SnapshotWriter {
  #turn = 0;
  #next = EVERY_BYTES;

  constructor(private readonly log: string) {}

  /** Writes a snapshot, unless the log has grown little since the last one; a failure only leaves readers slower. */
  note(offset: number, state: RunState): void {
    if (offset < this.#next) return;
    const text = visible(JSON.stringify(state));
    this.#next = offset + Math.max(EVERY_BYTES, 8 * text.length);
    const header: Header = {
      format: FORMAT,
      offset,
      log: digestBefore(this.log, offset),
      state: sha256(text),
    };
    try {
      const path = join(dirname(this.log), NAMES[this.#turn++ % NAMES.length]);
      Deno.writeTextFileSync(path, `${JSON.stringify(header)}\n${text}\n`);
    } catch {
      // A full disk, say, which the log itself will report.
    }
  }
}

/** The snapshot that covers most of a log; undefined without a valid one. */
export function readSnapshot(log: string): Snapshot | undefined {
  const found = NAMES.flatMap((name) => readOne(log, join(dirname(log), name)) ?? []);
  return found.sort((a, b) => b.offset - a.offset)[0];
}

function readOne(log: string, path: string): Snapshot | undefined {
  try {
    if (!Deno.lstatSync(path).isFile) return undefined;
    const [first, text] = new TextDecoder().decode(readPart(path, 0, MAX_BYTES)).split("\n");
    const header = JSON.parse(first) as Header;
    const { format, offset } = header;
    if (format !== FORMAT || !(offset > 0) || sha256(text) !== header.state) return undefined;
    if (digestBefore(log, offset) !== header.log) return undefined;
    // A run has the name of its folder, even if that was copied or renamed.
    return { offset, state: { ...JSON.parse(text) as RunState, id: basename(dirname(log)) } };
  } catch {
    return undefined; // missing, or cut off
  }
}

/** Digest of the bytes of a log before an offset; that of fewer where the log is shorter. */
function digestBefore(log: string, offset: number): string {
  const from = Math.max(0, offset - TAIL_BYTES);
  return sha256(readPart(log, from, offset - from));
}
