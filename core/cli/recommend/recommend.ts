/**
 * `deno task recommend`: ranks midtraining data, starts and weights for a target, before any training.
 *
 * @module
 */
import { planStarts, rankCandidates } from "../../analysis/mod.ts";
import { loadRecipe, type Recipe } from "../../recipe/mod.ts";
import { type Console, processConsole, UsageError } from "../shared/console.ts";
import { useDataRoot } from "../shared/data_root.ts";
import { explainAll, recipeOf } from "../shared/recipe_flags.ts";
import { type Data, prepareData } from "./recommend_data.ts";
import { readEvidence } from "./recommend_evidence.ts";
import { HELP, optionsOf, parseFlags, type RecommendOptions } from "./recommend_flags.ts";
import { GENERAL, sourcesOf, TARGET } from "./recommend_sources.ts";
import { leadersOf, type Recommendation, renderRecommendation } from "./render_recommendation.ts";

/** Runs the command; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function main(args: readonly string[], io: Console = processConsole()) {
  try {
    const flags = parseFlags(args);
    if (flags.help) return io.out(HELP), 0;
    const options = optionsOf(flags);
    useDataRoot(flags["data-root"]);
    const evidence = options.evidence === undefined
      ? undefined
      : await readEvidence(options.evidence);
    const recipe = await recipeOfFlag(flags.recipe);
    const sources = sourcesOf({ ...flags, target: options.target, recipe });
    const data = await prepareData(sources, options, io);
    const recommendation = { ...recommend(data, options, io), evidence };
    io.out(flags.json ? toJson(recommendation) : renderRecommendation(recommendation));
    return 0;
  } catch (error) {
    io.err(`Error: ${explainAll(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function recipeOfFlag(path: string | undefined): Promise<Recipe | undefined> {
  if (path === undefined) return undefined;
  const { url, load } = recipeOf({ recipe: path, set: [] });
  return await loadRecipe(url, load);
}

function recommend(data: Data, options: RecommendOptions, io: Console): Recommendation {
  const { target, weights, rank_at, resamples, seed, starts, horizon_tokens } = options;
  if (resamples > 0) io.err(`drawing documents ${resamples} times for intervals`);
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
  const { holdings, left_out } = data;
  const given = evidence && { from: evidence.from, ...evidence.correlation };
  const content = { ...rest, holdings: Object.fromEntries(holdings), left_out, evidence: given };
  return JSON.stringify(content, null, 2);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
