/**
 * `deno task bench:data`: speed and memory of tokenizing a long stream of text, and of sampling batches from it.
 *
 * @module
 */
import { join } from "node:path";
import { command, count, parseFlags, saveResults } from "../shared/command.ts";
import { processor } from "../shared/machine.ts";
import { gigabytes, markdownTable, milliseconds, rounded } from "../shared/measurements.ts";
import { runModule } from "../shared/processes.ts";
import type { DataResult, DataSettings } from "./ours.ts";
import type { ReaderSpeeds } from "./readers.ts";

const HELP = `Speed and memory of tokenizing a long stream of text, and of sampling batches from it.

Usage: deno task bench:data [options]

  --gigabytes N       text to tokenize (default: 1)
  --text A,B          record files with a column "text", whose sentences make up the stream
                      (default: the datasets of the project)
  --vocab N           tokens in the vocabulary (default: 32768)
  --sequence-length N (default: 2048)
  --batch N           sequences per batch (default: 1024)
  --batches N         batches to sample (default: 20)
  --folder DIR        folder for temporary files, which need as much space as the text
                      (default: the system's)
  --out FILE          JSON file for the results, a .md of the same name beside it
                      (default: out/bench/data.json)
  --help              show this help`;

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "data", {
    gigabytes: "1",
    text: undefined,
    vocab: "32768",
    "sequence-length": "2048",
    batch: "1024",
    batches: "20",
    folder: undefined,
    out: "out/bench/data.json",
  });
  if (flags === undefined) return console.log(HELP), 0;
  const bytes = 1e9 * count("gigabytes", flags.gigabytes!);
  const settings: DataSettings = {
    vocab_size: count("vocab", flags.vocab!),
    tokenizer_bytes: 50_000_000,
    sequence_length: count("sequence-length", flags["sequence-length"]!),
    global_batch_size: count("batch", flags.batch!),
    batches: count("batches", flags.batches!),
  };
  const folder = await Deno.makeTempDir({ dir: flags.folder, prefix: "bench_data_" });
  try {
    console.error("Making the text …");
    const texts = flags.text?.split(",") ?? [];
    await runModule(new URL("make_text.ts", import.meta.url), folder, { bytes, texts });
    console.error("Reading each format …");
    await runModule(new URL("readers.ts", import.meta.url), folder);
    const readers: ReaderSpeeds = JSON.parse(
      await Deno.readTextFile(join(folder, "readers.json")),
    );
    console.error("Tokenizing …");
    await runModule(new URL("ours.ts", import.meta.url), folder, settings);
    const result: DataResult = JSON.parse(await Deno.readTextFile(join(folder, "result.json")));
    const machine = { processor: processor(), cores: navigator.hardwareConcurrency };
    const report = renderReport(result, readers, settings, machine);
    saveResults(flags.out!, { machine, settings, result, readers }, report);
    console.log(report);
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function renderReport(
  result: DataResult,
  readers: ReaderSpeeds,
  { sequence_length, global_batch_size }: DataSettings,
  machine: { processor: string; cores: number },
): string {
  const { text_bytes, tokens, tokenize_s, batch_s } = result;
  const rows = [
    ["text", `${gigabytes(text_bytes)} GB, ${rounded(result.documents)} documents`],
    [
      "tokens",
      `${rounded(tokens)}, ${gigabytes(result.artifact_bytes)} GB in ${result.shards} files`,
    ],
    ["tokenize stage, including the vocabulary", `${rounded(tokenize_s)} s`],
    [
      "",
      `${rounded(text_bytes / 1e6 / tokenize_s)} MB/s, ${rounded(tokens / tokenize_s)} tokens/s`,
    ],
    ["peak memory of tokenizing", `${gigabytes(result.tokenize_peak)} GB`],
    ["opening the tokens for training", `${milliseconds(result.open_s)} ms`],
    [
      `one batch of ${global_batch_size} × ${sequence_length} at random positions`,
      `${milliseconds(batch_s)} ms, ${
        rounded(global_batch_size * sequence_length / batch_s)
      } tokens/s`,
    ],
    ["peak memory with sampling", `${gigabytes(result.sampler_peak)} GB`],
  ];
  const speeds = Object.entries(readers).map(([name, speed]) => [
    name.replace("read.", "."),
    rounded(speed),
  ]);
  return [
    "# Data",
    `${machine.processor}, ${machine.cores} cores.`,
    markdownTable(["", ""], rows, 2),
    "Reading 100 MB of text as records, one thread:",
    markdownTable(["format", "MB of text/s"], speeds),
  ].join("\n\n") + "\n";
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
