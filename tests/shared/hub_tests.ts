/**
 * Registers tests that have their own hub and cache.
 *
 * @module
 */
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import {
  type HubFile,
  type HubOptions,
  type HubSnapshot,
  resolveSnapshot,
} from "@causeway/core/hub";
import { Random } from "@causeway/core/random";
import { type Files, HubServer } from "./hub_server.ts";

/** Hub options that name a cache. */
export type TestOptions = HubOptions & { readonly cache: string };

/**
 * Runs a test with a hub and an empty cache.
 *
 * @param test also gets the waits between attempts in milliseconds, which are recorded but take no time
 */
export function hubTest(
  name: string,
  repos: Readonly<Record<string, Files>>,
  test: (hub: HubServer, options: TestOptions, waits: number[]) => Promise<void>,
) {
  Deno.test(name, async () => {
    await using hub = new HubServer(repos);
    const cache = await Deno.makeTempDir();
    const waits: number[] = [];
    const sleep = (ms: number) => Promise.resolve(void waits.push(ms));
    const options = { endpoint: hub.endpoint, token: undefined, offline: false, cache, sleep };
    try {
      await test(hub, options, waits);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  });
}

/** The dataset of {@link downloadTest}. */
export const REPO = "org/numbers";
/** Its one column, `n`. */
export const NUMBERS = Array.from(
  { length: 20_000 },
  (_, i) => new Random(4, "numbers", i).below(2 ** 31),
);
const column = { name: "n", data: NUMBERS, type: "INT32" as const };
/** The column as a Parquet file, 80 KB. */
export const PARQUET = new Uint8Array(
  parquetWriteBuffer({ columnData: [column], codec: "UNCOMPRESSED" }),
);
/** The first 500 rows as JSONL. */
export const JSONL = NUMBERS.slice(0, 500).map((n) => JSON.stringify({ n }) + "\n").join("");
/** All files: one empty, one small, one large. */
export const FILES = { "README.md": "", "data/a.jsonl": JSONL, "data/a.parquet": PARQUET };

/** Arguments of a download test. */
export interface Setting {
  readonly hub: HubServer;
  readonly options: TestOptions;
  readonly snapshot: HubSnapshot;
  /** Zero bytes. */
  readonly empty: HubFile;
  /** The JSONL file, which the hub itself sends. */
  readonly small: HubFile;
  /** The Parquet file, which is in large file storage. */
  readonly large: HubFile;
  /** Path of the content of `large` in the cache. */
  readonly blob: string;
  /** Ranges requested from large file storage so far. */
  ranges(): (string | null)[];
}

/** Runs a test with a hub, a token `hf_a`, and a cache that has only the listing. */
export function downloadTest(name: string, test: (setting: Setting) => Promise<void>) {
  hubTest(name, { [REPO]: FILES }, async (hub, base) => {
    const options = { ...base, token: "hf_a" };
    const snapshot = await resolveSnapshot({ repo: REPO, revision: "main" }, options);
    const [empty, small, large] = snapshot.files;
    const hex = large.digest.split(":")[1];
    const blob = join(base.cache, "datasets--org--numbers", "blobs", hex);
    const ranges = () =>
      hub.requests.filter(({ origin }) => origin === "cdn").map(({ range }) => range);
    await test({ hub, options, snapshot, empty, small, large, blob, ranges });
  });
}

/** A dataset whose names are easy to confuse or to sort wrongly. */
export const LISTED: Files = {
  "README.md": "# Numbers\n",
  "data/test-0.jsonl": '{"n":3}\n',
  "data/train-0.jsonl": '{"n":1}\n',
  "data/train-1.jsonl": '{"n":2}\n',
  "data/train.parquet": "PAR1",
  "é 1?.txt": "x",
};

/** Runs a test with a hub that the environment names, with an empty cache; then restores the environment. */
export async function withHub(
  repos: Readonly<Record<string, Files>>,
  test: (hub: HubServer) => Promise<void>,
): Promise<void> {
  const cache = await Deno.makeTempDir();
  await using hub = new HubServer(repos);
  const changed = {
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_CACHE: cache,
    HF_TOKEN: "",
    CAUSEWAY_DATA_ROOT: "",
  };
  const before = Object.keys(changed).map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name, value] of Object.entries(changed)) Deno.env.set(name, value);
    await test(hub);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    await Deno.remove(cache, { recursive: true });
  }
}
