/**
 * What an experiment in the manner of the paper is made of: everything that differs between a run of minutes and the
 * paper's own.
 *
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { lr_sweep } from "../../plugins/lr_sweep/mod.ts";
import type {
  cka,
  evaluate,
  evaluate_tasks,
  import_tokenizer,
  pretrain,
  sft,
  similarity,
  tokenize,
} from "../../stages/mod.ts";

export type ArmKind = "control" | "midtrain" | "ablation" | "continued" | "along_run";

type ConfigOf<S extends { config: StandardSchemaV1 }> = StandardSchemaV1.InferInput<S["config"]>;

/** A mixture that is brought in at a share of the horizon: `weight` of `specialised`, the rest general. */
export interface Midtraining {
  /** snake_case; part of step ids. */
  readonly name: string;
  readonly label: string;
  /** Source that it adds. */
  readonly specialised: string;
  /** Its share of the tokens, 0 to 1. */
  readonly weight: number;
  /** Share of the horizon after which it begins, 0 to 1. */
  readonly start: number;
}

/** A set that is fine-tuned on; its name is that of its source. */
export interface Target {
  readonly name: string;
  readonly label: string;
  /** Where it differs from `StudySettings.fine_tuning`. */
  readonly fine_tuning?: Partial<ConfigOf<typeof sft>>;
}

/** A study: names are those of sources in `sources`. */
export interface StudySettings {
  readonly name: string;
  readonly description: string;
  readonly title: string;
  readonly seed: number;
  /** Named facts for the report: what the recipe cannot know, such as what stands in for what. */
  readonly facts?: Readonly<Record<string, string>>;
  readonly data: ConfigOf<typeof tokenize>;
  /** A tokenizer that is there already; one is learned from the data when left out. */
  readonly tokenizer?: ConfigOf<typeof import_tokenizer>;
  /** Rows of the embeddings where that is more than the tokenizer's vocabulary. */
  readonly vocab_size?: number;
  readonly model: ConfigOf<typeof pretrain>["model"];
  readonly general: string;
  /** Sources of held-out text on which forgetting is measured beside `general`. */
  readonly held_out?: readonly string[];
  readonly sequence_length: number;
  readonly global_batch_size: number;
  readonly micro_batch_size: number;
  readonly horizon_steps: number;
  readonly schedule: ConfigOf<typeof pretrain>["schedule"];
  readonly optimizer?: ConfigOf<typeof pretrain>["optimizer"];
  /** Device, precision, kernels, threads: of all steps that compute. */
  readonly compute: Pick<ConfigOf<typeof sft>, "device" | "precision" | "kernels" | "threads">;
  readonly validation: { readonly every_steps: number; readonly max_sequences: number };
  /** Tables 2 and 8. */
  readonly midtraining: readonly Midtraining[];
  readonly targets: readonly Target[];
  /** Which target each specialised source is meant for. */
  readonly matched: Readonly<Record<string, string>>;
  /** Specialised sources far from general data, for which the paper finds most; code and math when left out. */
  readonly distant?: readonly string[];
  /** Table 3: training on specialised data alone, from these shares of the horizon on. */
  readonly continued?: {
    readonly specialised: readonly string[];
    readonly starts: readonly number[];
  };
  /** Figure 3: start times at one weight, and weights at some start times, of one specialised source. */
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
   * Kinds of arm that take part; all when left out. The others still decide where the trunk is cut, so that they can be
   * added later without training anything again.
   */
  readonly kinds?: readonly ArmKind[];
  readonly fine_tuning: Omit<ConfigOf<typeof sft>, "sources">;
  /** Peak learning rates tried on the control, for each target. */
  readonly rates: ConfigOf<typeof lr_sweep>["rates"];
  /** Seeds of fine-tuning. */
  readonly seeds: readonly number[];
  readonly similarity?: Partial<ConfigOf<typeof similarity>>;
  /** Held-out losses before fine-tuning, of the main arms and those of continued pretraining on every source. */
  readonly evaluation?: ConfigOf<typeof evaluate>;
  /** Questions put to fine-tuned models: of the first seed, by arm and target. */
  readonly tasks?: readonly {
    /** snake_case; part of the step's id. */
    readonly name: string;
    readonly config: ConfigOf<typeof evaluate_tasks>;
    readonly models: readonly { readonly arm: string; readonly target: string }[];
  }[];
  /** Figures 5, 9 to 13: the four states of each pair, on these probes. */
  readonly cka?: {
    readonly config: ConfigOf<typeof cka>;
    readonly pairs: readonly { readonly arm: string; readonly target: string }[];
  };
}
