/**
 * The measured process of the data benchmark: tokenizes a folder, then samples batches from the result.
 *
 * @module
 */
import { join } from "node:path";
import { extendHistory, loadTokenSets, MixtureSampler, pack } from "@causeway/core/batches";
import { defineRecipe } from "@causeway/core/recipe";
import { run } from "@causeway/core/runner";
import { type Artifact, openTable, Store } from "@causeway/core/store";
import { ports } from "@causeway/core/stage";
import { tokenize } from "@causeway/stages";
import { peakMemory, timed } from "../shared/processes.ts";

/** Measurements in seconds and bytes. */
export interface DataResult {
  readonly tokenize_s: number;
  readonly tokenize_peak: number | undefined;
  readonly tokens: number;
  readonly documents: number;
  readonly text_bytes: number;
  readonly artifact_bytes: number;
  readonly shards: number;
  readonly open_s: number;
  readonly batch_s: number;
  readonly sampler_peak: number | undefined;
}

export interface DataSettings {
  readonly vocab_size: number;
  readonly tokenizer_bytes: number;
  readonly sequence_length: number;
  readonly global_batch_size: number;
  readonly batches: number;
}

/** Runs the tokenize stage on the text in `folder`, in this process and its workers. */
async function tokenizeFolder(folder: string, { vocab_size, tokenizer_bytes }: DataSettings) {
  const header = { name: "bench_data", description: "", seed: 0 };
  const recipe = defineRecipe(header, (recipe) => {
    recipe.step("data", tokenize, {
      config: {
        sources: { text: [{ dataset: "stream", records: { path: join(folder, "text-*") } }] },
        vocab_size,
        tokenizer_bytes,
        validation_share: 0.001,
      },
    });
  });
  const out = join(folder, "out");
  const { seconds } = await timed(() => run(recipe, { out }));
  const store = new Store(join(out, "store"));
  const [{ outputs }] = store.readManifests().values();
  return { store, outputs, seconds };
}

async function sampleBatches(store: Store, train: Artifact, settings: DataSettings) {
  const { sequence_length, global_batch_size, batches } = settings;
  const opened = await timed(async () => {
    const table = await openTable(store, train, ports.tokens.columns, "train");
    return await loadTokenSets({ train: table });
  });
  const options = { packing: "concatenate", document_mask: false, sequence_length } as const;
  const sampler = new MixtureSampler({
    sets: new Map([...opened.result].map(([name, set]) => [name, pack(set, options)])),
    pieces: extendHistory([], 0, { text: 1 }, sequence_length),
    global_batch_size,
    seed: 0,
    first_step: 0,
    steps: batches,
    allow_repeat: true,
  });
  const { seconds } = await timed(() => {
    for (let step = 0; step < batches; step++) sampler.batch(step);
  });
  return { open_s: opened.seconds, batch_s: seconds / batches };
}

if (import.meta.main) {
  const [folder, settings]: [string, DataSettings] = JSON.parse(`[${Deno.args.join()}]`);
  const { store, outputs, seconds } = await tokenizeFolder(folder, settings);
  const tokenize_peak = peakMemory(Deno.pid);
  const summary = await openTable(
    store,
    outputs.summary,
    ports.dataset_summary.columns,
    "summary",
  );
  const sum = async (name: "tokens" | "documents" | "text_bytes") =>
    Array.from(await summary.column(name)).reduce((total, n) => total + n, 0);
  const drawn = await sampleBatches(store, outputs.train, settings);
  const result: DataResult = {
    tokenize_s: seconds,
    tokenize_peak,
    tokens: await sum("tokens"),
    documents: await sum("documents"),
    text_bytes: await sum("text_bytes"),
    artifact_bytes: outputs.train.bytes,
    shards: outputs.train.shards ?? 1,
    ...drawn,
    sampler_peak: peakMemory(Deno.pid),
  };
  await Deno.writeTextFile(join(folder, "result.json"), JSON.stringify(result));
}
