/**
 * What a comparison of models will do and need.
 *
 * @module
 */
import type { SessionOptions } from "@causeway/core/engine";
import { type ModelConfig, parameterCount, passFlops } from "@causeway/core/model";
import type { Forecast } from "@causeway/core/stage";
import {
  type CheckpointForecast,
  evalSetsForecast,
  forwardMemory,
  productOf,
  sourceTokens,
} from "@causeway/core/train";
import { counted } from "@causeway/core/words";

/** The fields of the config that decide it. */
interface Config extends SessionOptions {
  readonly probes: readonly string[];
  readonly rows: "positions" | "document_mean" | "both";
  readonly max_texts: number;
  readonly pairs?: readonly (readonly [string, string])[];
  readonly estimator: "biased" | "unbiased";
  readonly jackknife_groups: number;
  readonly sequence_length: number;
  readonly max_sequences: number;
  readonly micro_batch_size: number;
}

/** Forecasts of the inputs, by label. */
interface Parents {
  readonly models: Readonly<Record<string, unknown>>;
  readonly probes: Readonly<Record<string, unknown>>;
}

/** All pairs of names, each name with itself included. */
export function allPairs(names: readonly string[]): [string, string][] {
  return names.flatMap((a, i) => names.slice(i).map((b): [string, string] => [a, b]));
}

/**
 * Hidden states of every model on every sequence or text, and for N rows one product XᵀY of 2 N D_x D_y FLOPs for each pair
 * of layers that is compared and for each layer with itself. The sums of a pair are 8 D_x D_y bytes, as many as there are
 * jackknife groups for layers of one index and last layers. Exact, but for texts: how many tokens their words have is
 * unknown, so they count as whole documents of mean length.
 */
export function forecastCka(
  { config, parents }: { readonly config: Config; readonly parents: Parents },
): Forecast {
  const known = sourceTokens(parents.probes);
  const given = Object.entries(parents.models) as [string, CheckpointForecast | undefined][];
  if (!known || given.some(([, model]) => model === undefined)) {
    return { notes: ["the cost is unknown until the data are tokenized and the models exist"] };
  }
  const models = new Map(given.map(([name, checkpoint]) => [name, checkpoint!.model]));
  const { probes: sources, jackknife_groups, micro_batch_size, estimator } = config;
  const options = { ...config, sources };
  const texts = { ...options, max_sequences: config.max_texts };
  const packed = evalSetsForecast(known, { ...options, mode: () => "packed" });
  const whole = evalSetsForecast(known, { ...texts, mode: () => "examples" });
  const { problems } = packed;
  const sets: Inputs[] = [
    ...config.rows === "document_mean" ? [] : packed.sets.map((set) => {
      return { ...set, kind: "sequence" as const, rows: set.sequences * set.inputs };
    }),
    ...config.rows === "positions" ? [] : whole.sets.map((set) => {
      return { ...set, kind: "text" as const, rows: set.sequences };
    }),
  ];
  const few = sets.filter(({ sequences }) => sequences < Math.max(1, jackknife_groups)).map((set) =>
    `probe "${set.source}" has only ${counted(set.sequences, set.kind)} for ` +
    `${counted(jackknife_groups, "group")}; lower jackknife_groups` +
    (set.kind === "sequence" ? " or sequence_length" : "")
  );
  const pairs = config.pairs ?? allPairs([...models.keys()]);
  const unknown = new Set(pairs.flat().filter((name) => !models.has(name)));
  const strangers = [...unknown].map((name) => `pairs names "${name}", which is not a model`);
  if (unknown.size > 0) return { problems: [...problems, ...few, ...strangers] };
  const compared = comparedLayers(models, pairs);
  const own_norms = estimator === "unbiased" ? 1 : 0;
  const sizes = compared.map(({ x, y, in_groups }) => ({
    product: (x + own_norms) * (y + own_norms),
    sums: in_groups && jackknife_groups > 1 ? jackknife_groups : 1,
  }));
  const states = sets.flatMap(({ sequences: rows, inputs: length }) =>
    [...models.values()].map((model) => statesFlops(model, rows, length))
  );
  const rows = sum(sets.map(({ rows }) => rows));
  const positions = sum(sets.map(({ sequences, inputs }) => sequences * inputs));
  const longest = Math.max(0, ...sets.map(({ inputs }) => inputs));
  const shape = { rows: micro_batch_size, length: longest };
  const largest = [...models.values()].reduce((a, b) => a.hidden_size > b.hidden_size ? a : b);
  return {
    tokens: models.size * positions,
    flops: sum(states) + 2 * rows * sum(sizes.map(({ product }) => product)),
    memory: {
      weights: sum([...models.values()].map((model) => 4 * parameterCount(model))),
      activations: forwardMemory(largest, shape).activations,
      "hidden states": 4 * shape.rows * longest *
        sum([...models.values()].map((model) => layersOf(model) * model.hidden_size)),
      sums: 8 * sum(sizes.map(({ product, sums }) => product * sums)),
    },
    compute: productOf(config, largest, shape.rows * longest),
    problems: [...problems, ...few],
  };
}

/** What is given to the models of one probe. */
interface Inputs {
  readonly source: string;
  readonly kind: "sequence" | "text";
  /** Number of sequences or texts. */
  readonly sequences: number;
  /** Input tokens of each. */
  readonly inputs: number;
  /** Rows of features of all. */
  readonly rows: number;
}

/** Number of feature matrices: the embedding and each layer's output. */
const layersOf = ({ num_hidden_layers }: ModelConfig) => num_hidden_layers + 1;

/** FLOPs of a forward pass without logits. */
function statesFlops(model: ModelConfig, rows: number, length: number): number {
  const logits = 2 * rows * length * model.hidden_size * model.vocab_size;
  return passFlops(model, { rows, length }, "forward") - logits;
}

/** Widths of the two layers of each pair that is summed, each pair of layers once. */
function comparedLayers(
  models: ReadonlyMap<string, ModelConfig>,
  pairs: readonly (readonly [string, string])[],
): { x: number; y: number; in_groups: boolean }[] {
  const found = new Map<string, { x: number; y: number; in_groups: boolean }>();
  const add = (a: string, i: number, b: string, j: number) => {
    const [of_a, of_b] = [models.get(a)!, models.get(b)!];
    const key = [`${a} ${i}`, `${b} ${j}`].sort().join(" ");
    const are_last = i === layersOf(of_a) - 1 && j === layersOf(of_b) - 1;
    found.set(key, { x: of_a.hidden_size, y: of_b.hidden_size, in_groups: i === j || are_last });
  };
  for (const [name, model] of models) {
    for (let i = 0; i < layersOf(model); i++) add(name, i, name, i);
  }
  for (const [a, b] of pairs) {
    for (let i = 0; i < layersOf(models.get(a)!); i++) {
      for (let j = 0; j < layersOf(models.get(b)!); j++) add(a, i, b, j);
    }
  }
  return [...found.values()];
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
