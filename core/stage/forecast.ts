/**
 * What a stage forecasts of a step before it runs: plain data, for `deno task plan` and the checks before a run.
 *
 * @module
 */
import type { InputPorts, ManyPort, OptionalPort, OutputPorts, Port } from "./ports.ts";
import type { Inputs } from "./context.ts";

/** What a forecast is based on. */
export interface ForecastContext<C, I extends InputPorts, O extends OutputPorts> {
  readonly config: C;
  readonly seed: number;
  /** By input port: what the step that writes it forecasts of that output; undefined without a forecast. */
  readonly parents: { readonly [K in keyof I]: ParentForecast<I[K]> };
  /** The step's own outputs, if it has run already. */
  readonly results?: Inputs<O>;
}

type ParentForecast<P> = P extends ManyPort ? Readonly<Record<string, unknown>>
  : P extends Port | OptionalPort ? unknown
  : never;

/** What a step will do and need. A stage fills in what it knows. */
export interface Forecast {
  readonly training?: TrainingForecast;
  /** Tokens that pass through models without a phase of training: in sweeps, evaluations, analyses; padding included. */
  readonly tokens?: number;
  /** FLOPs of matrix products. */
  readonly flops?: number;
  /** Bytes of memory by purpose. */
  readonly memory?: Readonly<Record<string, number>>;
  /** Bytes of its results on disk, by content. */
  readonly disk?: Readonly<Record<string, number>>;
  /** Bytes on disk that are freed when the step finishes. */
  readonly scratch?: number;
  /** Where matrix products are computed. */
  readonly compute?: ComputeForecast;
  /** Forecasts for the steps that read an output, by output port. `tokens` and `tokenizer` have the forms below. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Sentences: what is not known yet. */
  readonly notes?: readonly string[];
  /** Sentences: what will fail, each with its cause and how to fix it. A run does not start with one. */
  readonly problems?: readonly string[];
}

/** A phase of training. */
export interface TrainingForecast {
  /** Parameters of the model. */
  readonly parameters: number;
  /** First and last step of the phase, counted from the start of the run, including earlier phases. */
  readonly from_step: number;
  readonly to_step: number;
  /** Input tokens of the phase. */
  readonly tokens: number;
  /** Sequences of a global batch. */
  readonly sequences?: number;
  readonly sources: readonly SourceForecast[];
  /** Evenly spaced points of the phase, including its first and last step. */
  readonly points: readonly TrainingPoint[];
  /** What it keeps of the checkpoint that it starts from. */
  readonly keeps?: string;
}

/** Tokens of one source. */
export interface SourceForecast {
  readonly source: string;
  /** Tokens used in the phase, and before it. */
  readonly tokens: number;
  readonly before: number;
  /** Tokens of the source, if known. */
  readonly available?: number;
  /** Bytes of one token on disk. */
  readonly token_bytes?: number;
}

/** A step of a phase. */
export interface TrainingPoint {
  readonly step: number;
  readonly learning_rate: number;
  /** Share of tokens by source. */
  readonly shares: Readonly<Record<string, number>>;
}

/** Where matrix products are computed, and the shape of a representative one: [rows, width] · [width, columns]. */
export interface ComputeForecast {
  readonly device: string;
  readonly precision: string;
  readonly kernels: string;
  readonly threads: number;
  readonly product: { readonly rows: number; readonly width: number; readonly columns: number };
}

/** Content of a `tokens` output, by source; undefined until it exists. */
export interface TokensForecast {
  readonly sources?: Readonly<Record<string, { tokens: number; documents: number }>>;
}

/** A `tokenizer` output. */
export interface TokenizerForecast {
  readonly vocab_size: number;
}
