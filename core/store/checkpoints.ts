/**
 * Checkpoints of a running step, one folder each: `work/<key>/step-<n>/`. A folder is complete once it has
 * that name, since it is filled under another one. While a step is saved a second time, the older folder waits as
 * `step-<n>.old`.
 *
 * @module
 */
import { dirname, join } from "node:path";
import type { Checkpoints, SavedCheckpoint } from "../stage/mod.ts";
import { assertFileName } from "./artifact.ts";
import { commit, readIfPresent, removeIfPresent, writeAtomic } from "./atomic.ts";
import { canonicalJson, sha256 } from "./canonical.ts";
import { digestOfFile, listFolders } from "./store.ts";

const INDEX = "checkpoint.json";
const OLD = ".old";

interface Index {
  step: number;
  files: Record<string, string>;
}

export class StoredCheckpoints implements Checkpoints {
  /**
   * @param folder the step's own folder, made with the first checkpoint.
   * @param on_damage called when a checkpoint is passed over because its files are damaged.
   */
  constructor(
    private readonly folder: string,
    private readonly on_damage: (message: string) => void = () => {},
  ) {}

  async latest(): Promise<SavedCheckpoint | undefined> {
    for (const name of complete(this.folder).reverse()) {
      const index = await readIndex(join(this.folder, name));
      if (index) return saved(join(this.folder, name), index);
      this.on_damage(`checkpoint ${name} is damaged and is not used`);
      removeIfPresent(join(this.folder, name));
    }
  }

  // deno-lint-ignore require-await -- errors must reject, not throw
  async save(step: number, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new TypeError(`checkpoint step ${step} is not an integer of 0 or more`);
    }
    const older = complete(this.folder);
    const filling = join(this.folder, "filling");
    removeIfPresent(filling);
    Deno.mkdirSync(filling, { recursive: true });
    const index: Index = { step, files: {} };
    for (const [name, bytes] of Object.entries(files)) {
      assertFileName(name);
      if (name === INDEX) throw new TypeError(`a checkpoint file cannot be named ${INDEX}`);
      Deno.mkdirSync(dirname(join(filling, name)), { recursive: true });
      writeAtomic(join(filling, name), bytes);
      index.files[name] = sha256(bytes);
    }
    writeAtomic(join(filling, INDEX), canonicalJson(index));
    const name = `step-${String(step).padStart(12, "0")}`;
    const place = join(this.folder, name);
    // At any moment one complete checkpoint stands under a name that `latest` looks at.
    if (older.includes(name)) {
      removeIfPresent(place + OLD);
      Deno.renameSync(place, place + OLD);
    }
    commit(filling, place);
    removeIfPresent(place + OLD);
    older.filter((other) => other !== name).forEach((other) =>
      removeIfPresent(join(this.folder, other))
    );
  }
}

/** Complete checkpoints, the newest last; of two of one step the one that was to be replaced comes first. */
function complete(folder: string): string[] {
  const rank = (name: string) => name.endsWith(OLD) ? name : `${name}.saved`;
  return listFolders(folder).filter((name) => /^step-\d+(\.old)?$/.test(name))
    .sort((a, b) => rank(a) > rank(b) ? 1 : -1);
}

/** The list of files, or undefined when one of them does not match its digest. */
async function readIndex(folder: string): Promise<Index | undefined> {
  try {
    const index = JSON.parse(readIfPresent(join(folder, INDEX)) ?? "") as Index;
    for (const [name, digest] of Object.entries(index.files)) {
      if (await digestOfFile(join(folder, name)) !== digest) return undefined;
    }
    return index;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function saved(folder: string, index: Index): SavedCheckpoint {
  return {
    step: index.step,
    async read(name) {
      if (!(name in index.files)) {
        const known = Object.keys(index.files).join(", ");
        throw new Error(`the checkpoint has no file "${name}"; it has ${known}`);
      }
      return await Deno.readFile(join(folder, name));
    },
  };
}
