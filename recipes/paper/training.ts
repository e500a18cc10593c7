/**
 * The training steps of a study: the phases of all arms, learning rate sweeps on the control, and the fine-tuning of each
 * arm on each of its targets with several seeds.
 *
 * @module
 */
import type { RecipeBuilder, Refs } from "@causeway/core/recipe";
import { lr_sweep } from "@causeway/plugins/lr_sweep";
import { study } from "@causeway/plugins/study";
import { import_tokenizer, midtrain, pretrain, sft, tokenize } from "@causeway/stages";

import { type Arm, armsOf, CONTROL, type PhasePlan, phasesOf } from "./arms.ts";
import type { StudySettings, Target } from "./settings.ts";

/** Outputs of a training phase and of a fine-tuning step. */
type Trained = Refs<typeof midtrain.outputs>;
export type Tuned = Refs<typeof sft.outputs>;

/** The fine-tuning of an arm on a target with one seed. */
interface TuningRun {
  readonly label: string;
  readonly arm: string;
  readonly target: string;
  readonly seed: number;
}

/** All training steps, for the analyses. */
export interface Study {
  readonly settings: StudySettings;
  readonly arms: readonly Arm[];
  readonly data: Refs<typeof tokenize.outputs>;
  /** By phase name. */
  readonly phases: ReadonlyMap<string, Trained>;
  /** Names of the phases that lead to each arm, in order; the last one has the arm's checkpoint. */
  readonly paths: ReadonlyMap<string, readonly string[]>;
  /** By target. */
  readonly sweeps: ReadonlyMap<string, Refs<typeof lr_sweep.outputs>>;
  readonly runs: readonly TuningRun[];
  /** By run label. */
  readonly tuned: ReadonlyMap<string, Tuned>;
  readonly compared: Refs<typeof study.outputs>;
}

/** Adds the training steps to the recipe. */
export function addTraining(recipe: RecipeBuilder, settings: StudySettings): Study {
  return new StudyBuilder(recipe, settings).build();
}

class StudyBuilder {
  readonly #data: Study["data"];
  readonly #tokens;

  constructor(private readonly recipe: RecipeBuilder, private readonly settings: StudySettings) {
    const given = settings.tokenizer &&
      recipe.step("tokenizer", import_tokenizer, { config: settings.tokenizer });
    const data = this.#data = recipe.step("data", tokenize, {
      config: settings.data,
      inputs: { tokenizer: given?.tokenizer },
    });
    this.#tokens = { train: { data: data.train }, validation: { data: data.validation } };
  }

  build(): Study {
    const { settings } = this;
    const planned = armsOf(settings);
    const { phases: plans, paths } = phasesOf(planned, settings.horizon_steps);
    const arms = planned.filter(({ kind }) => settings.kinds?.includes(kind) ?? true);
    const needed = new Set(arms.flatMap(({ name }) => paths.get(name)!));
    const phases = new Map<string, Trained>();
    for (const plan of plans) {
      if (needed.has(plan.name)) phases.set(plan.name, this.#phase(plan, phases));
    }
    const checkpointOf = (arm: string) => phases.get(paths.get(arm)!.at(-1)!)!.checkpoint;
    const sweeps = new Map(settings.targets.map((target) => {
      return [target.name, this.#sweep(target, checkpointOf(CONTROL))];
    }));
    const runs = this.#runs(arms);
    const tuned = new Map(runs.map((run) => {
      return [run.label, this.#tune(run, checkpointOf(run.arm), sweeps.get(run.target)!.best)];
    }));
    const compared = this.#compare(arms, phases, paths, runs, tuned);
    return { settings, arms, data: this.#data, phases, paths, sweeps, runs, tuned, compared };
  }

  /** The first phase of a run is pretraining, all others are midtraining. */
  #phase(plan: PhasePlan, phases: ReadonlyMap<string, Trained>): Trained {
    const { recipe, settings } = this;
    const { general, horizon_steps, micro_batch_size, validation, compute } = settings;
    const { name, parent, specialised, weight, from_step, to_step } = plan;
    const mixture = mixtureOf(general, specialised, weight);
    const shared = { steps: to_step - from_step, micro_batch_size, validation, ...compute };
    if (parent === undefined) {
      const { model, vocab_size, sequence_length, global_batch_size } = settings;
      const { schedule, optimizer } = settings;
      const more = { model, vocab_size, sequence_length, global_batch_size, schedule, optimizer };
      return recipe.step(name, pretrain, {
        config: { ...more, ...shared, mixture, horizon_steps },
        inputs: { tokenizer: this.#data.tokenizer, ...this.#tokens },
      });
    }
    const preset = weight === 1 ? "continued_pretrain" : "midtrain";
    return recipe.step(name, midtrain, {
      config: { ...shared, mixture, preset },
      inputs: { checkpoint: phases.get(parent)!.checkpoint, ...this.#tokens },
    });
  }

  #fineTuning({ name, fine_tuning }: Target) {
    const { settings: { fine_tuning: common, compute, general, held_out = [] } } = this;
    const config = { ...common, ...compute, ...fine_tuning, sources: [name] as [string] };
    const sources = [name, general, ...held_out];
    return { ...config, validation: { ...config.validation, sources } };
  }

  #sweep(target: Target, checkpoint: Trained["checkpoint"]) {
    const { schedule, validation, save_optimizer: _, ...config } = this.#fineTuning(target);
    const { peak_lr: __, shape: ___, ...rise } = schedule as Record<string, unknown>;
    return this.recipe.step(`rates_${target.name}`, lr_sweep, {
      config: {
        ...config,
        ...rise,
        rates: this.settings.rates,
        max_sequences: validation.max_sequences,
        held_out: validation.sources,
      },
      inputs: { checkpoint, ...this.#tokens },
      seed: this.settings.seeds[0],
      permissions: { ffi: true },
    });
  }

  #runs(arms: readonly Arm[]): TuningRun[] {
    return arms.flatMap(({ name: arm, targets }) =>
      targets.flatMap((target) =>
        this.settings.seeds.map((seed) => {
          return { label: `${arm}.${target}.${seed}`, arm, target, seed };
        })
      )
    );
  }

  #tune(
    { label, target, seed }: TuningRun,
    checkpoint: Trained["checkpoint"],
    learning_rates: Refs<typeof lr_sweep.outputs>["best"],
  ): Tuned {
    const of_target = this.settings.targets.find(({ name }) => name === target)!;
    return this.recipe.step(label, sft, {
      config: this.#fineTuning(of_target),
      inputs: { checkpoint, learning_rates, ...this.#tokens },
      seed,
    });
  }

  #compare(
    arms: readonly Arm[],
    phases: Study["phases"],
    paths: Study["paths"],
    runs: readonly TuningRun[],
    tuned: Study["tuned"],
  ) {
    const each = <T>(pick: (tuned: Tuned) => T) =>
      Object.fromEntries([...tuned].map(([label, refs]) => [label, pick(refs)]));
    return this.recipe.step("comparison", study, {
      config: {
        arms: arms.map(({ targets: _, ...arm }) => ({ ...arm, phases: [...paths.get(arm.name)!] })),
        runs: [...runs],
      },
      inputs: {
        validation: each((refs) => refs.validation),
        training: each((refs) => refs.training),
        mixtures: Object.fromEntries([...phases].map(([name, refs]) => [name, refs.mixture])),
      },
    });
  }
}

/** A mixture of the specialised source at its weight, and general data. */
export function mixtureOf(
  general: string,
  specialised: string,
  weight: number,
): Record<string, number> {
  if (weight === 0) return { [general]: 1 };
  if (weight === 1) return { [specialised]: 1 };
  return { [general]: 1 - weight, [specialised]: weight };
}
