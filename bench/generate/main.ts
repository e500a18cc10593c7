/**
 * `deno task bench:generate`: greedy text generation, Causeway against `generate` of Hugging Face's transformers.
 *
 * @module
 */
import { join } from "node:path";
import { toHuggingFace } from "@causeway/core/model";
import { choices, command, count, parseFlags, Progress, saveResults } from "../shared/command.ts";
import { playQuietRounds, playTurns } from "../shared/contest.ts";
import { describeMachine, findPython } from "../shared/machine.ts";
import {
  describeQuiet,
  fixed,
  gigabytes,
  markdownTable,
  speedRatio,
  spread,
  type Turns,
  withRange,
} from "../shared/measurements.ts";
import { Child, peakMemory, resetPeakMemory, runModule } from "../shared/processes.ts";
import { type Size, SIZES } from "../shared/workload.ts";

const HELP =
  `Speed of greedy generation against transformers (eager, float32), from the same weights and prompts.

Usage: deno task bench:generate [options]

  --sizes A,B       models (default: mini,pythia-70m)
  --batches A,B     texts generated together (default: 1,8)
  --prompt-tokens N tokens of each prompt (default: 64)
  --new-tokens N    tokens generated for each (default: 64)
  --rounds N        alternating rounds (default: 7)
  --threads N       threads of each side (default: 2)
  --out FILE        JSON file for the results, a .md of the same name beside it
                    (default: out/bench/generate.json)
  --python PATH     a Python that has the packages (default: .venv, made if missing)
  --help            show this help`;

interface Settings {
  readonly prompt_tokens: number;
  readonly new_tokens: number;
  readonly rounds: number;
  readonly threads: number;
}

interface Result {
  readonly size: string;
  readonly batch: number;
  readonly turns: readonly Turns[];
  readonly repeated: number;
  /** Share of generated tokens that are equal, up to the first difference in each text. */
  readonly agreement: number;
  readonly peaks: { readonly ours?: number; readonly theirs?: number };
}

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "generate", {
    sizes: "mini,pythia-70m",
    batches: "1,8",
    "prompt-tokens": "64",
    "new-tokens": "64",
    rounds: "7",
    threads: "2",
    out: "out/bench/generate.json",
    python: undefined,
  });
  if (flags === undefined) return console.log(HELP), 0;
  const names = choices("sizes", flags.sizes!, SIZES.map(({ name }) => name));
  const batches = flags.batches!.split(",").map((text) => count("batches", text));
  const settings = {
    prompt_tokens: count("prompt-tokens", flags["prompt-tokens"]!),
    new_tokens: count("new-tokens", flags["new-tokens"]!),
    rounds: count("rounds", flags.rounds!),
    threads: count("threads", flags.threads!),
  };
  const sizes = SIZES.filter(({ name }) => names.includes(name));
  const progress = new Progress(sizes.length * batches.length);
  const python = await findPython(flags.python, (line) => progress.say(line));
  const machine = await describeMachine(python);
  const results: Result[] = [];
  for (const size of sizes) {
    for (const batch of batches) {
      progress.say(`${size.name}, ${batch} texts`);
      results.push(await compare(size, batch, python, settings));
      progress.add(1);
    }
  }
  const report = renderReport(results, machine, settings);
  saveResults(flags.out!, { machine, settings, results }, report);
  console.log(report);
  return 0;
}

async function compare(size: Size, batch: number, python: string, settings: Settings) {
  const { rounds, threads } = settings;
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  const sides: Child[] = [];
  try {
    const files = { weights: join(folder, "model.safetensors"), tokens: join(folder, "tokens") };
    await runModule(new URL("../shared/workload.ts", import.meta.url), size, files);
    const config = toHuggingFace(size.config);
    await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
    const ours = await Child.startModule("Causeway", new URL("ours.ts", import.meta.url));
    sides.push(ours.child);
    const script = `${import.meta.dirname}/transformers_peer.py`;
    const env = { PYTHONDONTWRITEBYTECODE: "1", OMP_NUM_THREADS: String(threads) };
    const theirs = await Child.start("transformers", python, [script], env);
    sides.push(theirs.child);
    const work = { ...settings, batch, size, folder };
    const a = await ours.child.request({ do: "prepare", ...work });
    const b = await theirs.child.request({ do: "prepare", ...work, prompts: a.prompts });
    for (const { pid } of sides) resetPeakMemory(pid);
    const played = await playQuietRounds(rounds, () => playTurns(ours.child, theirs.child, 1));
    return {
      size: size.name,
      batch,
      turns: played.rounds,
      repeated: played.repeated,
      agreement: agreement(a.tokens, b.tokens),
      peaks: { ours: peakMemory(ours.child.pid), theirs: peakMemory(theirs.child.pid) },
    };
  } finally {
    for (const child of sides) await child.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** @throws {Error} if less than half is equal: then the sides do not compute the same model. */
function agreement(ours: readonly number[][], theirs: readonly number[][]): number {
  let equal = 0, all = 0;
  ours.forEach((tokens, i) => {
    const differs = tokens.findIndex((token, t) => token !== theirs[i][t]);
    equal += differs < 0 ? tokens.length : differs;
    all += tokens.length;
  });
  if (equal < all / 2) throw new Error(`no ratio: only ${equal} of ${all} tokens are equal`);
  return equal / all;
}

function renderReport(
  results: readonly Result[],
  machine: Readonly<Record<string, string | number>>,
  { prompt_tokens, new_tokens, rounds, threads }: Settings,
): string {
  const headings = [
    ...["model", "texts", "ratio", "Causeway, tokens/s", "transformers, tokens/s"],
    ...["equal tokens", "Causeway's peak memory, GB", "transformers'"],
  ];
  const rows = results.map(({ size, batch, turns, agreement, peaks }) => {
    const speed = (seconds: number[]) => fixed(batch * new_tokens / spread(seconds).median, 0);
    return [
      size,
      String(batch),
      withRange(speedRatio(turns), 2),
      speed(turns.map(({ ours_s }) => ours_s)),
      speed(turns.map(({ theirs_s }) => theirs_s)),
      `${(100 * agreement).toFixed(1)}%`,
      gigabytes(peaks.ours),
      gigabytes(peaks.theirs),
    ];
  });
  return [
    "# Generation speed against transformers",
    `${machine.date}, ${machine.processor}, ${machine.cores} cores, ${threads} threads for each side. Deno ` +
    `${machine.deno}, ONNX Runtime ${machine.onnxruntime}, PyTorch ${machine.torch}, transformers ` +
    `${machine.transformers}. Prompts of ${prompt_tokens} tokens, ${new_tokens} new ones, greedy; ${rounds} ` +
    "alternating rounds; median, with minimum and maximum in parentheses. " +
    describeQuiet(
      results.flatMap(({ turns }) => turns),
      results.reduce((sum, { repeated }) => sum + repeated, 0),
    ),
    markdownTable(headings, rows, 1),
    "A turn is one whole call including the prompt: transformers' `generate` with its key/value cache, eager in " +
    "float32. Texts count as equal up to the first token that differs, which near ties can cause.",
  ].join("\n\n") + "\n";
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
