/**
 * Arms that differ in when specialised data starts and how much of it there is: the grid of starts and weights, continued
 * pretraining, and arms that see equally many specialised tokens.
 *
 * An early start at the same weight sees more specialised data. `match: "steps"` leaves that as it is (the paper's design:
 * the effect of starting early, exposure included); `match: "tokens"` takes it out (the effect of timing alone).
 *
 * @module
 */
import { exactPercent, percent, type WholeArm } from "./arm.ts";
import type { Match, StudySettings } from "./settings.ts";

/** A mixture of the grid: its specialised source, share and start. */
type Mixture = Pick<WholeArm, "specialised" | "weight" | "start">;

const wants = (match: Match = "steps", one: "steps" | "tokens") =>
  match === one || match === "both";

/** The arms of the grid; those that `midtraining` has too are ablations of the same mixture. */
export function gridArms(settings: StudySettings): WholeArm[] {
  const { grid } = settings;
  if (!grid) return [];
  const { specialised, weight, starts, weights, weight_starts, match } = grid;
  const arms: WholeArm[] = [];
  if (wants(match, "steps")) {
    const points = [
      ...starts.map((start) => ({ start, weight })),
      ...weight_starts.flatMap((start) => weights.map((weight) => ({ start, weight }))),
    ];
    arms.push(...points.map((point) => ablation({ specialised, ...point })));
  }
  if (wants(match, "tokens")) {
    const first = { specialised, weight, start: Math.min(...starts) };
    arms.push(...starts.map((start) => withTokensOf(first, start, settings)));
    for (const weight of weight_starts.length > 0 ? weights : []) {
      const first = { specialised, weight, start: Math.min(...weight_starts) };
      arms.push(...weight_starts.map((start) => withTokensOf(first, start, settings)));
    }
    arms.push(fromScratch(first, settings));
  }
  return arms;
}

/** Continued pretraining on each specialised source alone. */
export function continuedArms(settings: StudySettings): WholeArm[] {
  const { continued, midtraining } = settings;
  if (!continued) return [];
  const { specialised: sources, starts = [], match } = continued;
  return sources.flatMap((specialised) => {
    const arms: WholeArm[] = [];
    const own = Array.isArray(starts)
      ? starts
      : (starts as Readonly<Record<string, readonly number[]>>)[specialised] ?? [];
    if (wants(match, "steps")) arms.push(...own.map((start) => alone(specialised, start)));
    if (wants(match, "tokens")) {
      const main = midtraining.find((mixture) => mixture.specialised === specialised);
      if (!main) {
        throw new Error(
          `continued pretraining on "${specialised}" with match "tokens" needs the mixture whose tokens it spends; ` +
            `add one with "${specialised}" to midtraining`,
        );
      }
      const { horizon_steps } = settings;
      const start = (horizon_steps - Math.round(specialisedSteps(main, settings))) / horizon_steps;
      arms.push(
        {
          ...alone(specialised, start),
          name: `${specialised}_only_matched`,
          label: `${specialised} alone from ${exactPercent(start)}%, tokens of ${describe(main)}`,
        },
        fromScratch(main, settings),
      );
    }
    return arms;
  });
}

function ablation(mixture: Mixture): WholeArm {
  const { specialised, weight, start } = mixture;
  return {
    name: `${specialised}_${nameOf(weight)}_from_${percent(start)}`,
    label: `${exactPercent(weight)}% ${specialised} from ${percent(start)}%`,
    kind: "ablation",
    ...mixture,
  };
}

function alone(specialised: string, start: number): WholeArm {
  return {
    name: `${specialised}_only_from_${percent(start)}`,
    label: `${specialised} alone from ${percent(start)}%`,
    kind: "continued",
    specialised,
    weight: 1,
    start,
  };
}

/**
 * The mixture that, from a later start, draws as many specialised tokens as `first` does from its own.
 *
 * @throws {Error} when even specialised data alone would be too few.
 */
function withTokensOf(first: Mixture, start: number, settings: StudySettings): WholeArm {
  if (start === first.start) return ablation(first);
  const { specialised } = first;
  const weight = specialisedSteps(first, settings) / stepsFrom(start, settings);
  if (!(weight <= 1)) {
    throw new Error(
      `to spend the tokens of ${describe(first)}, the start at ${
        exactPercent(start)
      }% would need a weight of ` +
        `${exactPercent(weight)}%; leave this start out, or lower the weight`,
    );
  }
  const arm = ablation({ specialised, weight, start });
  return { ...arm, label: `${arm.label}, tokens of ${describe(first)}` };
}

/** The arm that is mixed from the first step on, with as many specialised tokens as a mixture with a start. */
function fromScratch(first: Mixture, settings: StudySettings): WholeArm {
  const { specialised } = first;
  const weight = specialisedSteps(first, settings) / settings.horizon_steps;
  return {
    name: `${specialised}_${nameOf(weight)}_from_scratch`,
    label: `${exactPercent(weight)}% ${specialised} from the first step, tokens of ${
      describe(first)
    }`,
    kind: "from_scratch",
    specialised,
    weight,
    start: 0,
  };
}

/** A weight in names: 36.7% is 36_7. */
const nameOf = (weight: number) => exactPercent(weight).replace(".", "_");

const describe = ({ weight, start }: Mixture) => `${percent(weight)}% from ${percent(start)}%`;

/** Steps from a share of the horizon to its end. */
function stepsFrom(start: number, { horizon_steps }: StudySettings): number {
  return horizon_steps - Math.round(start * horizon_steps);
}

/** The specialised tokens of a mixture, as a number of steps of nothing else. */
function specialisedSteps({ weight, start }: Mixture, settings: StudySettings): number {
  return weight * stepsFrom(start, settings);
}
