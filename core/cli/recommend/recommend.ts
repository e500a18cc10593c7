/**
 * `deno task recommend`: ranks midtraining data, starts and weights for a target, before any training.
 *
 * @module
 */
import { planStarts, rankCandidates } from "../../analysis/mod.ts";
import type { Console } from "../shared/console.ts";
import { count, defineCommand, type Flags, mainOf, type Values, whole } from "../shared/command.ts";
import {
  DATA_ROOT_VARIABLE,
  loadNamedRecipe,
  RECIPE_FLAGS,
  useDataRoot,
} from "../shared/inputs.ts";
import { counted } from "../../words/mod.ts";
import { type Data, GENERAL, parseCandidate, prepareData, sourcesOf, TARGET } from "./data.ts";
import { readEvidence } from "./evidence.ts";
import { leadersOf, type Recommendation, renderRecommendation } from "./render_recommendation.ts";

const isShare = (value: number) => value > 0 && value < 1;

const shares = {
  expects: "shares between 0 and 1, such as 0.1,0.2",
  parse(text: string): number[] | undefined {
    const values = text.split(",").map(Number);
    return values.every(isShare) ? values : undefined;
  },
};

const FLAGS = {
  target: {
    value: "DATA",
    help: "what the model will be fine-tuned on: a dataset's name, or a file, glob or folder",
    required: true,
  },
  text: {
    value: "T",
    help: 'for files: column or template of the target\'s text (default: the column "text")',
  },
  prompt: {
    value: "T",
    help: "for files: column or template of a prompt before it (default: none)",
  },
  candidate: {
    value: "NAME[=DATA]",
    many: true,
    help: "a dataset by name, or names and paths separated by commas (default: the paper's " +
      "starcoder, math, flan, knowledge_qa, dclm)",
    expects:
      `NAME or NAME=DATA, such as code=my_code.jsonl (NAME in snake_case and not "${TARGET}" ` +
      `or "${GENERAL}")`,
    parse: parseCandidate,
  },
  general: { value: "DATA", help: "what the model is pretrained on (default: c4)" },
  recipe: {
    value: "FILE",
    help:
      "take candidates and general data from its tokenize step; --general then names the source " +
      "(default: general), and --target may name one too",
  },
  data_root: RECIPE_FLAGS.data_root,
  horizon_tokens: {
    value: "N",
    help: "tokens of the whole run, for starts and weights that repeat no data",
    ...whole(1),
  },
  weights: {
    value: "W,W",
    default: "0.05,0.1,0.2,0.4,0.8",
    help: "weights to choose from",
    ...shares,
  },
  starts: {
    value: "S,S",
    default: "0.1,0.2,0.4,0.6,0.8",
    help: "starts to choose from, as shares of the run",
    ...shares,
  },
  rank_at: {
    value: "W",
    default: "0.2",
    help: "weight at which candidates are ranked",
    expects: "a share between 0 and 1",
    parse: (text: string) => isShare(Number(text)) ? Number(text) : undefined,
  },
  evidence: {
    value: "PATH",
    help: "an earlier study: its output folder, or a file of its proximity table",
  },
  tokenizer: {
    value: "DIR",
    help: "a Hugging Face tokenizer (default: one is trained on the data)",
  },
  vocab_size: count("16384", "vocabulary of a trained one", 257),
  max_mb: count("64", "MB to read of each dataset", 1),
  max_files: {
    value: "N",
    help: "files to read of each dataset (default: all, or 1 from the hub)",
    ...whole(1),
  },
  bootstrap: count("200", "resamples of the documents for confidence intervals"),
  seed: count("0", "seed of sampling"),
  out: {
    value: "DIR",
    default: "out/recommend",
    help: "folder for tokenized data, which later calls reuse",
  },
  json: { help: "print everything as JSON" },
} as const satisfies Flags;

export const command = defineCommand({
  name: "recommend",
  summary: "Ranks midtraining data for a target, before any training",
  flags: FLAGS,
  examples: [
    "deno task recommend --target gsm8k --horizon-tokens 2e9",
    "deno task recommend --target my_task.jsonl --candidate code=my_code.jsonl",
  ],
  notes:
    "Printed are how much closer to the target each candidate brings a mixture than general data " +
    "does, and which starts and weights its tokens allow.",
});

type Options = Values<typeof FLAGS>;

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export const main = mainOf(command, async ({ flags }, io) => {
  const { data_root, target, recipe: file } = flags;
  const on_hub = data_root === undefined && !Deno.env.get(DATA_ROOT_VARIABLE);
  useDataRoot(data_root);
  const evidence = flags.evidence === undefined ? undefined : await readEvidence(flags.evidence);
  const named = file === undefined ? undefined : await loadNamedRecipe({ recipe: file });
  const sources = sourcesOf({ ...flags, target, recipe: named?.recipe });
  const options = { ...flags, on_hub, max_bytes: 1e6 * flags.max_mb };
  const data = await prepareData(sources, options, io);
  const recommendation = { ...recommend(data, flags, io), evidence };
  io.out(flags.json ? toJson(recommendation) : renderRecommendation(recommendation));
});

function recommend(data: Data, flags: Options, io: Console): Recommendation {
  const { target, rank_at, bootstrap: resamples, seed, starts, horizon_tokens } = flags;
  const weights = [...new Set([...flags.weights, rank_at])].sort((a, b) => a - b);
  if (resamples > 0) {
    io.err(`resampling documents ${counted(resamples, "time")} for confidence intervals`);
  }
  const ranking = rankCandidates(data.sets, {
    target: TARGET,
    general: GENERAL,
    candidates: data.candidates,
    weights,
    rank_at,
    resamples,
    seed,
  });
  const plans = horizon_tokens === undefined ? [] : leadersOf(ranking).map(({ source }) => {
    const available = data.holdings.get(source)!.tokens;
    return [source, planStarts({ available, horizon_tokens, starts, weights })] as const;
  });
  return { target, data, ranking, rank_at, horizon_tokens, plans: Object.fromEntries(plans) };
}

function toJson({ data, evidence, ...rest }: Recommendation): string {
  const { holdings, left_out, overlaps } = data;
  const given = evidence && {
    from: evidence.from,
    ...evidence.correlation,
    ci_resampled_low: evidence.resampled.ci_low,
    ci_resampled_high: evidence.resampled.ci_high,
  };
  const content = {
    ...rest,
    holdings: Object.fromEntries(holdings),
    left_out,
    overlaps,
    evidence: given,
  };
  return JSON.stringify(content, null, 2);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
