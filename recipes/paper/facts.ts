/**
 * What the report says of a study besides its measurements.
 *
 * @module
 */
import { counted } from "@causeway/core/words";
import { exactPercent } from "./arm.ts";
import { membersOf } from "./mixtures.ts";
import { phasesOf, totalSteps } from "./phases.ts";
import { runShape } from "./schedules.ts";
import type { StudySettings } from "./settings.ts";
import type { Study } from "./training.ts";

/** The config of the report. */
export function reportConfig(study: Study) {
  const { title, description, general, targets, matched, distant, compare_with } = study.settings;
  return {
    title,
    description,
    general,
    targets: targets.map(({ name, label }) => ({ name, label })),
    matched: Object.entries(matched).map(([specialised, target]) => ({ specialised, target })),
    distant: [...distant ?? ["code", "math"]],
    ...(compare_with && { compare_with }),
    facts: Object.entries(factsOf(study)).map(([name, value]) => ({ name, value })),
  };
}

/** Facts by name; those of the settings last. */
export function factsOf(study: Study): Record<string, string> {
  const { settings } = study;
  const { horizon_steps, global_batch_size, sequence_length, seeds, trunk_seeds = 1 } = settings;
  const trunks = Array.from({ length: trunk_seeds }, (_, trunk) => settings.seed + trunk);
  return {
    "tokens of a whole run": tokensOf(horizon_steps, settings),
    "optimizer steps of a whole run": horizon_steps.toLocaleString("en"),
    "sequences of a step, and tokens of a sequence": `${global_batch_size} and ${sequence_length}`,
    "seeds of fine-tuning": seeds.join(", "),
    [trunk_seeds === 1 ? "seed of pretraining" : "seeds of pretraining, one for each trunk"]: trunks
      .join(", "),
    ...rateFacts(settings),
    ...groupFacts(settings),
    ...decayFacts(study),
    ...settings.facts,
  };
}

const tokensOf = (steps: number, { global_batch_size, sequence_length }: StudySettings) =>
  (steps * global_batch_size * sequence_length).toLocaleString("en");

/** Which checkpoint the learning rates of fine-tuning were chosen on, where it is not the arm's own trunk's control. */
function rateFacts({ rates_of, trunk_seeds = 1 }: StudySettings): Record<string, string> {
  const name = "learning rates of fine-tuning";
  if (rates_of === "every_checkpoint") return { [name]: "a sweep for each checkpoint" };
  if (trunk_seeds === 1) return {};
  return { [name]: "from a sweep on the control of the first trunk, for all arms and trunks" };
}

function groupFacts(settings: StudySettings): Record<string, string> {
  const names = Object.keys(settings.groups ?? {});
  return Object.fromEntries(names.map((name) => {
    const parts = Object.entries(membersOf(settings, name))
      .map(([member, share]) => `${member} ${exactPercent(share)}%`);
    return [`sources of ${name}`, parts.join(", ")];
  }));
}

/** What a trunk at a constant rate costs, against cosines, which need a trunk for each end. */
function decayFacts({ settings, arms, plans }: Study): Record<string, string> {
  const { trunk } = settings;
  if (!trunk) return {};
  const ours = totalSteps(plans);
  const cosine = [...Map.groupBy(arms, ({ end }) => end).values()].map((same_end) => {
    // Phases of one schedule each: the horizon is the end of these arms.
    return totalSteps(phasesOf(same_end, { ...runShape(settings), decay_steps: 0 }).phases);
  }).reduce((a, b) => a + b, 0);
  const apart = arms.map(({ end }) => Math.round(end * settings.horizon_steps))
    .reduce((a, b) => a + b, 0);
  const of = (steps: number) =>
    `${tokensOf(steps, settings)} tokens (this study: ${exactPercent(ours / steps)}%)`;
  return {
    "learning rate":
      `constant, then a decay (${trunk.decay}) over the last ${
        exactPercent(trunk.decay_share)
      }% of the horizon ` +
      "before each arm's end",
    "training of a trunk and its arms": `${tokensOf(ours, settings)} tokens for ${
      counted(arms.length, "arm")
    }, each with a whole decay`,
    "the same with a cosine for each end, arms of one end sharing their beginning": of(cosine),
    "the same with a whole cosine run for each arm": of(apart),
  };
}
