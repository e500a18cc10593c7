/**
 * `deno task bench:tokenizer`: training and encoding, Causeway against Hugging Face's Rust tokenizers.
 *
 * @module
 */
import { command, count, parseFlags, Progress, saveResults } from "../shared/command.ts";
import { playQuietRounds, playTurns } from "../shared/contest.ts";
import { describeMachine, findPython } from "../shared/machine.ts";
import { Child } from "../shared/processes.ts";
import { compareIds, sameModel } from "./agreement.ts";
import { type Contest, type Encoding, renderReport, type TokenizerResults } from "./report.ts";
import { oddTexts, readTexts, writeTexts } from "./texts.ts";

const HELP = `Tokenizer speed and agreement against Hugging Face's Rust tokenizers.

Usage: deno task bench:tokenizer [options]

  --text A,B         texts: JSON Lines (.jsonl, .jsonl.gz; every string of a row), plain text, folders of source
                     files (default: the datasets of the project)
  --megabytes N      limit of text read (default: 40)
  --odd-megabytes N  difficult synthetic text, used to compare ids only (default: 8)
  --vocab-size N     tokens learned (default: 16384)
  --min-frequency N  pairs must occur this often to be merged (default: 2)
  --rounds N         alternating rounds (default: 5)
  --threads N        threads of each side (default: 2)
  --out FILE         JSON file for the results, a .md of the same name beside it
                     (default: out/bench/tokenizer.json)
  --python PATH      a Python that has the packages (default: .venv, made if missing)
  --help             show this help

Both sides keep the texts in memory. Exits with 1 if ids or merges differ.`;

/** tokenizers is measured; describing the machine needs numpy. */
const PACKAGES = { tokenizers: "0.23.3", numpy: "2.4.6" };

/** Limit of text for the pipeline of parts, which is slower, in UTF-16 units. */
const LIBRARY_CHARS = 2_000_000;

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, "tokenizer", {
    text: undefined,
    megabytes: "40",
    "odd-megabytes": "8",
    "vocab-size": "16384",
    "min-frequency": "2",
    rounds: "5",
    threads: "2",
    out: "out/bench/tokenizer.json",
    python: undefined,
  });
  if (flags === undefined) return console.log(HELP), 0;
  const settings = {
    megabytes: count("megabytes", flags.megabytes!),
    odd_megabytes: count("odd-megabytes", flags["odd-megabytes"]!),
    vocab_size: count("vocab-size", flags["vocab-size"]!),
    min_frequency: count("min-frequency", flags["min-frequency"]!),
    rounds: count("rounds", flags.rounds!),
    threads: count("threads", flags.threads!),
  };
  const progress = new Progress(1);
  const python = await findPython(flags.python, (line) => progress.say(line), PACKAGES);
  const machine = await describeMachine(python);
  const results = await measure(flags.text?.split(","), settings, python, progress);
  const report = renderReport(results, machine, settings);
  saveResults(flags.out!, { machine, settings, results }, report);
  console.log(report);
  const agree = results.training.same &&
    results.encodings.every(({ different }) => different === 0);
  return agree ? 0 : 1;
}

export interface Settings {
  readonly megabytes: number;
  readonly odd_megabytes: number;
  readonly vocab_size: number;
  readonly min_frequency: number;
  readonly rounds: number;
  readonly threads: number;
}

async function measure(
  paths: readonly string[] | undefined,
  settings: Settings,
  python: string,
  progress: Progress,
): Promise<TokenizerResults> {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  try {
    progress.say("reading texts");
    const texts = await readTexts(paths, 1e6 * settings.megabytes);
    const odd = oddTexts(0, 1e6 * settings.odd_megabytes);
    const files = { texts: `${folder}/texts`, odd: `${folder}/odd` };
    writeTexts(files.texts, texts);
    writeTexts(files.odd, odd);
    const bytes = Deno.statSync(files.texts).size - 4 * texts.length;
    const contest = await Contestants.start(python, settings, files, folder, progress);
    const training = { bytes, ...await contest.train() };
    const encodings: Encoding[] = [];
    for (const name of ["without normalizer", "NFC, runs of blanks"]) {
      encodings.push({ name, bytes, ...await contest.encode(name, [...texts, ...odd]) });
    }
    await contest.stop();
    const { version } = contest;
    return { version, texts: texts.length, odd_texts: odd.length, training, encodings };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Both sides, with the texts in memory. */
class Contestants {
  private constructor(
    readonly ours: Child,
    readonly theirs: Child,
    readonly settings: Settings,
    readonly folder: string,
    readonly progress: Progress,
    /** Version of tokenizers. */
    readonly version: string,
  ) {}

  static async start(
    python: string,
    settings: Settings,
    files: { texts: string; odd: string },
    folder: string,
    progress: Progress,
  ): Promise<Contestants> {
    const { child: ours } = await Child.startModule(
      "Causeway",
      new URL("ours.ts", import.meta.url),
    );
    const env = {
      PYTHONDONTWRITEBYTECODE: "1",
      TOKENIZERS_PARALLELISM: "true",
      RAYON_NUM_THREADS: String(settings.threads),
    };
    const script = `${import.meta.dirname}/tokenizers_peer.py`;
    const { child: theirs } = await Child.start("tokenizers", python, [script], env);
    const prepare = { do: "prepare", ...files, threads: settings.threads };
    const [, { version }] = await Promise.all([ours.request(prepare), theirs.request(prepare)]);
    return new Contestants(ours, theirs, settings, folder, progress, version);
  }

  async train() {
    this.progress.say("training");
    const { vocab_size, min_frequency } = this.settings;
    const setting = { vocab_size, min_frequency };
    for (const [side, name] of [[this.ours, "ours"], [this.theirs, "theirs"]] as const) {
      await side.request({ do: "save", file: `${this.folder}/${name}.json`, ...setting });
      await side.request({ do: "choose_train", ...setting });
    }
    const read = (name: string) => JSON.parse(Deno.readTextFileSync(`${this.folder}/${name}.json`));
    const same = sameModel(read("ours"), read("theirs"));
    return { same, merges: read("theirs").model.merges.length, ...await this.#play() };
  }

  /** @param texts all texts, to show one whose ids differ */
  async encode(name: string, texts: readonly string[]) {
    this.progress.say(`encoding: ${name}`);
    const trained = JSON.parse(Deno.readTextFileSync(`${this.folder}/theirs.json`));
    const file = `${this.folder}/tokenizer.json`;
    const definition = name === "without normalizer" ? trained : pythiaLike(trained);
    Deno.writeTextFileSync(file, JSON.stringify(definition));
    const config = JSON.stringify({ eos_token: "<|endoftext|>" });
    const load = { do: "load", file, config };
    const { kind } = await this.ours.request(load);
    if (kind !== "byte_level") throw new Error(`expected a byte_level tokenizer, got ${kind}`);
    await this.theirs.request(load);
    await this.ours.request({ do: "ids", file: `${this.folder}/our_ids` });
    await this.theirs.request({ do: "ids", file: `${this.folder}/their_ids` });
    const agreement = compareIds(`${this.folder}/our_ids`, `${this.folder}/their_ids`, texts);
    const library = await this.ours.request({ do: "library", max_chars: LIBRARY_CHARS });
    const our_first = await this.ours.request({ do: "first" });
    const their_first = await this.theirs.request({ do: "first" });
    return {
      ...agreement,
      library,
      call: their_first.call as string,
      first: { ours_s: our_first.seconds as number, theirs_s: their_first.seconds as number },
      ...await this.#play(),
    };
  }

  async #play(): Promise<Contest> {
    const { rounds: turns, repeated } = await playQuietRounds(
      this.settings.rounds,
      () => playTurns(this.ours, this.theirs, 1),
    );
    return { turns, repeated };
  }

  async stop(): Promise<void> {
    await Promise.all([this.ours.stop(), this.theirs.stop()]);
  }
}

/** The fields of a tokenizer.json that are changed here. */
interface TokenizerJson {
  added_tokens: Record<string, unknown>[];
  normalizer: unknown;
  model: { vocab: Record<string, number> };
}

/**
 * Adds what Pythia's tokenizer has: NFC normalization, and added tokens for runs of 2 to 24 spaces and <|padding|>.
 */
function pythiaLike(trained: TokenizerJson): TokenizerJson {
  const size = Object.keys(trained.model.vocab).length;
  const plain = { single_word: false, lstrip: false, rstrip: false };
  const runs = Array.from({ length: 23 }, (_, i) => " ".repeat(24 - i));
  const added = runs.map((content, i) => ({
    id: size + i,
    content,
    ...plain,
    normalized: true,
    special: false,
  }));
  const padding = {
    id: size + runs.length,
    content: "<|padding|>",
    ...plain,
    normalized: false,
    special: true,
  };
  return {
    ...trained,
    normalizer: { type: "NFC" },
    added_tokens: [...trained.added_tokens, ...added, padding],
  };
}

if (import.meta.main) Deno.exit(await command(() => main(Deno.args)));
