/**
 * What a stage says of a step before it runs: plain data, for `deno task plan`.
 *
 * @module
 */
import type { InputPorts, ManyPort, OptionalPort, OutputPorts, Port } from "./ports.ts";
import type { Inputs } from "./context.ts";

/** What a forecast goes by. */
export interface ForecastContext<C, I extends InputPorts, O extends OutputPorts> {
  readonly config: C;
  readonly seed: number;
  /** By input port: what the forecast of the step before says of that output, undefined where it says nothing. */
  readonly parents: { readonly [K in keyof I]: ParentForecast<I[K]> };
  /** The step's own outputs, where it has run already. */
  readonly results?: Inputs<O>;
}

type ParentForecast<P> = P extends ManyPort ? Readonly<Record<string, unknown>>
  : P extends Port | OptionalPort ? unknown
  : never;

/** What a step will do. All parts are optional: a stage tells what it knows. */
export interface Forecast {
  readonly training?: TrainingForecast;
  /** FLOPs of matrix products. */
  readonly flops?: number;
  /** Bytes of memory by what they hold. */
  readonly memory?: Readonly<Record<string, number>>;
  /** Bytes of its results on disk, by what they hold. */
  readonly disk?: Readonly<Record<string, number>>;
  /** Bytes on disk that are given back when the step is done. */
  readonly scratch?: number;
  /** Where products are computed. */
  readonly compute?: ComputeForecast;
  /** What steps that read an output go by, by output port. `tokens` and `tokenizer` ports have the forms below. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Sentences: what cannot be told yet, and what will fail. */
  readonly notes?: readonly string[];
}

/** A phase of training. */
export interface TrainingForecast {
  /** Parameters of the model. */
  readonly parameters: number;
  /** Steps of the run, earlier phases included; the phase begins at the first. */
  readonly from_step: number;
  readonly to_step: number;
  /** Input tokens of the phase. */
  readonly tokens: number;
  readonly sources: readonly SourceForecast[];
  /** Places at even distances over the phase, its first and last step among them. */
  readonly points: readonly TrainingPoint[];
  /** What it keeps of the checkpoint that it begins with. */
  readonly keeps?: string;
}

/** Tokens of one source. */
export interface SourceForecast {
  readonly source: string;
  /** Drawn in the phase, and before it. */
  readonly tokens: number;
  readonly before: number;
  /** What the source holds, where that is known. */
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

/** Where products are computed, and the shape of the one that stands for them: [rows, width] · [width, columns]. */
export interface ComputeForecast {
  readonly device: string;
  readonly precision: string;
  readonly kernels: string;
  readonly threads: number;
  readonly product: { readonly rows: number; readonly width: number; readonly columns: number };
}

/** What a `tokens` output will hold, by source; undefined until it is made. */
export interface TokensForecast {
  readonly sources?: Readonly<Record<string, { tokens: number; documents: number }>>;
}

/** What a `tokenizer` output will be. */
export interface TokenizerForecast {
  readonly vocab_size: number;
}
