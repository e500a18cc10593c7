/**
 * The settings of a study: everything that differs between a run of minutes and the paper's own experiment.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { lr_sweep } from "@causeway/plugins/lr_sweep";
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

export type ArmKind = "control" | "midtrain" | "ablation" | "continued" | "along_run";

type ConfigOf<S extends { config: StandardSchemaV1 }> = StandardSchemaV1.InferInput<S["config"]>;

/** Midtraining on `weight` of `specialised` data, the rest general, from a share of the horizon on. */
export interface Midtraining {
  /** snake_case; part of step ids. */
  readonly name: string;
  readonly label: string;
  /** The specialised source. */
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
  readonly general: string;
  /** Sources on which forgetting is measured, besides `general`. */
  readonly held_out?: readonly string[];
  readonly sequence_length: number;
  readonly global_batch_size: number;
  readonly micro_batch_size: number;
  readonly horizon_steps: number;
  readonly schedule: ConfigOf<typeof pretrain>["schedule"];
  readonly optimizer?: ConfigOf<typeof pretrain>["optimizer"];
  /** Device, precision, kernels and threads of all steps that compute. */
  readonly compute: Pick<ConfigOf<typeof sft>, "device" | "precision" | "kernels" | "threads">;
  readonly validation: { readonly every_steps: number; readonly max_sequences: number };
  /** Tables 2 and 8. */
  readonly midtraining: readonly Midtraining[];
  readonly targets: readonly Target[];
  /** The target that each specialised source is meant for. */
  readonly matched: Readonly<Record<string, string>>;
  /** Specialised sources far from general data, where the paper finds the largest effects; code and math by default. */
  readonly distant?: readonly string[];
  /** Table 3: training on specialised data alone, starting at these shares of the horizon. */
  readonly continued?: {
    readonly specialised: readonly string[];
    readonly starts: readonly number[];
  };
  /** Figure 3: several start times at one weight, and several weights at some start times, for one specialised source. */
  readonly grid?: {
    readonly specialised: string;
    readonly weight: number;
    readonly starts: readonly number[];
    readonly weights: readonly number[];
    readonly weight_starts: readonly number[];
  };
  /** Figure 4: fine-tuning of this arm and the control at shares of the horizon. */
  readonly along_run?: { readonly arm: string; readonly at: readonly number[] };
  /**
   * Kinds of arm to train; all by default. The others still determine the phases of the trunk, so that they can be added
   * later without retraining anything.
   */
  readonly kinds?: readonly ArmKind[];
  readonly fine_tuning: Omit<ConfigOf<typeof sft>, "sources">;
  /** Peak learning rates to try on the control, for each target. */
  readonly rates: ConfigOf<typeof lr_sweep>["rates"];
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
