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

import { type Arm, CONTROL } from "./arm.ts";
import { armsOf } from "./arms.ts";
import { checkNames, membersOf, mixtureOf } from "./mixtures.ts";
import { type PhasePlan, type Phases, phasesOf } from "./phases.ts";
import { decaySchedule, runShape, trunkSchedule } from "./schedules.ts";
import type { StudySettings, Target } from "./settings.ts";

/** Outputs of a training phase and of a fine-tuning step. */
type Trained = Refs<typeof midtrain.outputs>;
export type Tuned = Refs<typeof sft.outputs>;
type Sweep = Refs<typeof lr_sweep.outputs>;

/** The fine-tuning of an arm on a target with one seed. */
interface TuningRun {
  readonly label: string;
  readonly arm: string;
  readonly target: string;
  readonly seed: number;
  /** Index of the trunk. */
  readonly trunk: number;
}

/** Ends the step ids of all trunks but the first: `_t2`, `_t3`, … */
const suffix = (trunk: number) => trunk === 0 ? "" : `_t${trunk + 1}`;

/** All training steps, for the analyses. */
export interface Study {
  readonly settings: StudySettings;
  readonly arms: readonly Arm[];
  readonly data: Refs<typeof tokenize.outputs>;
  /** Phases that are trained, once for each trunk. */
  readonly plans: readonly PhasePlan[];
  /** Of the first trunk, by phase name. */
  readonly phases: ReadonlyMap<string, Trained>;
  /** Names of the phases that lead to each arm, in order; the last one has the arm's checkpoint. */
  readonly paths: Phases["paths"];
  /** On the control of the first trunk, by target. */
  readonly sweeps: ReadonlyMap<string, Sweep>;
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
    checkNames(settings);
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
    const { phases: all, paths } = phasesOf(planned, runShape(settings));
    const arms = planned.filter(({ kind }) => settings.kinds?.includes(kind) ?? true);
    const needed = new Set(arms.flatMap(({ name }) => paths.get(name)!));
    const plans = all.filter(({ name }) => needed.has(name));
    const trunks = Array.from({ length: settings.trunk_seeds ?? 1 }, (_, trunk) => {
      const phases = new Map<string, Trained>();
      for (const plan of plans) {
        const parent = plans.find(({ name }) => name === plan.parent);
        phases.set(plan.name, this.#phase(plan, parent, phases, trunk));
      }
      return phases;
    });
    const checkpointOf = (arm: string, trunk: number) =>
      trunks[trunk].get(paths.get(arm)!.at(-1)!)!.checkpoint;
    const sweeps = new Map(settings.targets.map((target) => {
      return [target.name, this.#sweep(`rates_${target.name}`, target, checkpointOf(CONTROL, 0))];
    }));
    const own = new Map<string, Sweep>();
    const sweepOf = ({ arm, target, trunk }: TuningRun) => {
      const is_shared = settings.rates_of !== "every_checkpoint" ||
        (arm === CONTROL && trunk === 0);
      if (is_shared) return sweeps.get(target)!;
      const id = `rates_${arm}_${target}${suffix(trunk)}`;
      const sweep = own.get(id) ??
        this.#sweep(id, this.#target(target), checkpointOf(arm, trunk));
      own.set(id, sweep);
      return sweep;
    };
    const runs = trunks.flatMap((_, trunk) => this.#runs(arms, trunk));
    const tuned = new Map(runs.map((run) => {
      return [run.label, this.#tune(run, checkpointOf(run.arm, run.trunk), sweepOf(run).best)];
    }));
    const [phases] = trunks;
    const compared = this.#compare(arms, phases, paths, runs, tuned);
    return {
      settings,
      arms,
      data: this.#data,
      plans,
      phases,
      paths,
      sweeps,
      runs,
      tuned,
      compared,
    };
  }

  /**
   * The first phase of a run is pretraining, all others are midtraining. Weights and the order of the data come from the
   * seed of the first phase.
   */
  #phase(
    plan: PhasePlan,
    before: PhasePlan | undefined,
    phases: ReadonlyMap<string, Trained>,
    trunk: number,
  ): Trained {
    const { recipe, settings } = this;
    const { horizon_steps, micro_batch_size, validation, compute } = settings;
    const { parent, specialised, weight, from_step, to_step, decay_steps } = plan;
    const id = `${plan.name}${suffix(trunk)}`;
    const seed = trunk === 0 ? {} : { seed: settings.seed + trunk };
    const mixture = mixtureOf(settings, specialised, weight);
    const shared = { steps: to_step - from_step, micro_batch_size, validation, ...compute };
    if (parent === undefined) {
      const { model, initialization, vocab_size, sequence_length } = settings;
      const { global_batch_size, optimizer } = settings;
      const schedule = trunkSchedule(settings);
      const sizes = { vocab_size, sequence_length, global_batch_size };
      const more = { model, initialization, ...sizes, schedule, optimizer };
      return recipe.step(id, pretrain, {
        config: { ...more, ...shared, mixture, horizon_steps },
        inputs: { tokenizer: this.#data.tokenizer, ...this.#tokens },
        ...seed,
      });
    }
    const preset = weight === 1 ? "continued_pretrain" : "midtrain";
    const branches = specialised !== before!.specialised || weight !== before!.weight;
    const restarts = branches && settings.data_stream === "restart" && { data: "restart" as const };
    const falls = decay_steps !== undefined &&
      { schedule: decaySchedule(settings), horizon_steps: decay_steps };
    return recipe.step(id, midtrain, {
      config: { ...shared, mixture, preset, ...restarts, ...falls },
      inputs: { checkpoint: phases.get(parent)!.checkpoint, ...this.#tokens },
      ...seed,
    });
  }

  #target(name: string): Target {
    return this.settings.targets.find((target) => target.name === name)!;
  }

  #fineTuning({ name, fine_tuning }: Target) {
    const { settings: { fine_tuning: common, compute, general, held_out = [] } } = this;
    const config = { ...common, ...compute, ...fine_tuning, sources: [name] as [string] };
    const sources = [name, general, ...held_out];
    return { ...config, validation: { ...config.validation, sources } };
  }

  #sweep(id: string, target: Target, checkpoint: Trained["checkpoint"]): Sweep {
    const { schedule, validation, save_optimizer: _, ...config } = this.#fineTuning(target);
    const { peak_lr: __, shape: ___, ...rise } = schedule as Record<string, unknown>;
    return this.recipe.step(id, lr_sweep, {
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

  #runs(arms: readonly Arm[], trunk: number): TuningRun[] {
    return arms.flatMap(({ name: arm, targets }) =>
      targets.flatMap((target) =>
        this.settings.seeds.map((seed) => {
          const label = `${arm}.${target}.${seed}${suffix(trunk)}`;
          return { label, arm, target, seed, trunk };
        })
      )
    );
  }

  #tune(
    { label, target, seed }: TuningRun,
    checkpoint: Trained["checkpoint"],
    learning_rates: Sweep["best"],
  ): Tuned {
    return this.recipe.step(label, sft, {
      config: this.#fineTuning(this.#target(target)),
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
        arms: arms.map(({ targets: _, ...arm }) => ({
          ...arm,
          specialised_sources: this.#sources(arm),
          phases: [...paths.get(arm.name)!],
        })),
        runs: [...runs],
      },
      inputs: {
        validation: each((refs) => refs.validation),
        training: each((refs) => refs.training),
        documents: each((refs) => refs.document_losses),
        mixtures: Object.fromEntries([...phases].map(([name, refs]) => [name, refs.mixture])),
      },
    });
  }

  #sources({ specialised }: Pick<Arm, "specialised">): string[] {
    return specialised === "" ? [] : Object.keys(membersOf(this.settings, specialised));
  }
}
