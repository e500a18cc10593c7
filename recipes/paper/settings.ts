/**
 * The settings of a study: everything that differs between a run of minutes and the paper's own experiment.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { lr_sweep } from "@causeway/plugins/lr_sweep";
import type { study_report } from "@causeway/plugins/study_report";
import type {
  cka,
  evaluate,
  evaluate_tasks,
  import_tokenizer,
  pretrain,
  sft,
  similarity,
  tokenize,
} from "@causeway/stages";

export type ArmKind =
  | "control"
  | "midtrain"
  | "ablation"
  | "continued"
  | "from_scratch"
  | "along_run";

/**
 * What arms with different starts have in common: "steps": their weight, so that an early start sees more specialised
 * data; "tokens": the specialised tokens that they see in all, with an arm that is mixed from the first step besides;
 * "both": the arms of both.
 */
export type Match = "steps" | "tokens" | "both";

type ConfigOf<S extends { config: StandardSchemaV1 }> = StandardSchemaV1.InferInput<S["config"]>;

/** Midtraining on `weight` of `specialised` data, the rest general, from a share of the horizon on. */
export interface Midtraining {
  /** snake_case; part of step ids. */
  readonly name: string;
  readonly label: string;
  /** The specialised source, or a group of them. */
  readonly specialised: string;
  /** Its share of the tokens, 0 to 1. */
  readonly weight: number;
  /** Share of the horizon at which it starts, 0 to 1. */
  readonly start: number;
}

/** A fine-tuning dataset; its name is that of its source. */
export interface Target {
  readonly name: string;
  readonly label: string;
  /** Differences from `StudySettings.fine_tuning`. */
  readonly fine_tuning?: Partial<ConfigOf<typeof sft>>;
}

/** The settings of a study; sources are those of `data.sources`. */
export interface StudySettings {
  readonly name: string;
  readonly description: string;
  readonly title: string;
  readonly seed: number;
  /** Facts for the report that the recipe cannot know, such as which dataset replaces which. */
  readonly facts?: Readonly<Record<string, string>>;
  readonly data: ConfigOf<typeof tokenize>;
  /** An existing tokenizer; by default one is trained on the data. */
  readonly tokenizer?: ConfigOf<typeof import_tokenizer>;
  /** Number of embedding rows if larger than the tokenizer's vocabulary. */
  readonly vocab_size?: number;
  readonly model: ConfigOf<typeof pretrain>["model"];
  readonly initialization?: ConfigOf<typeof pretrain>["initialization"];
  readonly general: string;
  /** Specialised sources made of several, by name: the sources of each with their relative weights in it. */
  readonly groups?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Sources on which forgetting is measured, besides `general`. */
  readonly held_out?: readonly string[];
  readonly sequence_length: number;
  readonly global_batch_size: number;
  readonly micro_batch_size: number;
  readonly horizon_steps: number;
  readonly schedule: ConfigOf<typeof pretrain>["schedule"];
  /**
   * A trunk at a constant rate instead of the schedule's own shape. Each arm branches off it and falls from `peak_lr` to
   * `min_lr` in the last `decay_share` of the horizon before its own end, so that arms stopped early have a whole decay
   * too (Hu et al., 2024, "MiniCPM", section 4).
   */
  readonly trunk?: {
    readonly shape: "constant";
    readonly decay: "linear" | "1-sqrt" | "cosine";
    /** Share of the horizon, 0 to 1; 0.1 to 0.2 are usual. */
    readonly decay_share: number;
  };
  /**
   * Number of trunks, 1 by default. Each is a full copy of all training with another seed of pretraining, which sets the
   * initial weights and the order of the data: trunk t, counted from 0, has `seed` + t. CKA, tasks and evaluation are of
   * the first trunk.
   */
  readonly trunk_seeds?: number;
  /**
   * Whether an arm continues with data that the trunk has not read ("continue", the default, as in the paper's text), or
   * reads every source from the beginning again ("restart").
   */
  readonly data_stream?: "continue" | "restart";
  /** Whether the choices of the authors' code replace those of these settings (as_released.ts). */
  readonly as_released?: boolean;
  readonly optimizer?: ConfigOf<typeof pretrain>["optimizer"];
  /** Device, precision, kernels and threads of all steps that compute. */
  readonly compute: Pick<ConfigOf<typeof sft>, "device" | "precision" | "kernels" | "threads">;
  readonly validation: { readonly every_steps: number; readonly max_sequences: number };
  /** Tables 2 and 8. */
  readonly midtraining: readonly Midtraining[];
  readonly targets: readonly Target[];
  /** The target that each specialised source is meant for. */
  readonly matched: Readonly<Record<string, string>>;
  /** The paper's own numbers of a model size, shown beside those of the study. */
  readonly compare_with?: ConfigOf<typeof study_report>["compare_with"];
  /** Specialised sources far from general data, where the paper finds the largest effects; code and math by default. */
  readonly distant?: readonly string[];
  /**
   * Table 3: training on specialised data alone, from these shares of the horizon, or with `match: "tokens"` from the step
   * at which what is left of the run are as many tokens as the source's mixture in `midtraining` draws of it.
   */
  readonly continued?: {
    readonly specialised: readonly string[];
    /** For all sources, or for each. */
    readonly starts?: readonly number[] | Readonly<Record<string, readonly number[]>>;
    /** "steps" by default. */
    readonly match?: Match;
  };
  /**
   * Figure 3: several start times at one weight, and several weights at some start times, for one specialised source. With
   * `match: "tokens"` weights are those of the earliest of their starts, and later starts have the larger weights that
   * spend the same specialised tokens.
   */
  readonly grid?: {
    readonly specialised: string;
    readonly weight: number;
    readonly starts: readonly number[];
    readonly weights: readonly number[];
    readonly weight_starts: readonly number[];
    /** "steps" by default. */
    readonly match?: Match;
  };
  /** Figure 4: fine-tuning of this arm and the control at shares of the horizon. */
  readonly along_run?: { readonly arm: string; readonly at: readonly number[] };
  /**
   * Kinds of arm to train; all by default. The others still determine the phases of the trunk, so that they can be added
   * later without retraining anything.
   */
  readonly kinds?: readonly ArmKind[];
  readonly fine_tuning: Omit<ConfigOf<typeof sft>, "sources">;
  /** Peak learning rates to try, for each target. */
  readonly rates: ConfigOf<typeof lr_sweep>["rates"];
  /**
   * Checkpoints on which learning rates are tried: "control" (the default): that of the first trunk, for all arms and
   * trunks; "every_checkpoint": each on its own.
   */
  readonly rates_of?: "control" | "every_checkpoint";
  /** Fine-tuning seeds. */
  readonly seeds: readonly number[];
  readonly similarity?: Partial<ConfigOf<typeof similarity>>;
  /** Held-out losses before fine-tuning, of the main arms and those of continued pretraining on every source. */
  readonly evaluation?: ConfigOf<typeof evaluate>;
  /** Downstream tasks for fine-tuned models of the first seed, by arm and target. */
  readonly tasks?: readonly {
    /** snake_case; part of the step's id. */
    readonly name: string;
    readonly config: ConfigOf<typeof evaluate_tasks>;
    readonly models: readonly { readonly arm: string; readonly target: string }[];
  }[];
  /** Figures 5 and 9 to 13: CKA between the four states of each pair. */
  readonly cka?: {
    readonly config: ConfigOf<typeof cka>;
    readonly pairs: readonly { readonly arm: string; readonly target: string }[];
  };
}
