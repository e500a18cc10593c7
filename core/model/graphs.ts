/**
 * The graphs that are run: loss with gradients, loss alone, hidden states, logits.
 *
 * Inputs of all: every parameter under its Hugging Face name, in its shape in memory, and `input_ids`, int32
 * [rows · length]. With `document_mask` in the shape also `document_start`, int32 [rows, length]: position t of a row sees
 * positions from document_start[t] <= t to t, so documents that share a row are computed independently.
 *
 * @module
 */
import {
  accumulate,
  backpropagate,
  concat,
  div,
  equal,
  gemm,
  Graph,
  neg,
  reshape,
  scatterAdd,
  split,
  sum,
  transpose,
  type Value,
  zeros,
} from "../graph/mod.ts";
import {
  type BatchShape,
  DeclaredParameters,
  decoder,
  type Forward,
  wholeRows,
} from "./decoder.ts";
import { familyOf, type ModelConfig } from "./families.ts";
import { chunkedLoss, lossHead } from "./loss_head.ts";
import { type Embeddings, embeddings, parameterSpecs } from "./parameters.ts";

interface Declared extends Forward {
  graph: Graph;
  parameters: DeclaredParameters;
  /** int32 [N], rows one after another. */
  input_ids: Value;
}

/** @throws {Error} when the sequences are longer than the model's positions. */
function declareForward(config: ModelConfig, shape: BatchShape): Declared {
  const { rows, length, document_mask = false } = shape;
  if (length > config.max_position_embeddings) {
    throw new Error(
      `sequences of ${length} tokens are longer than the model's ` +
        `${config.max_position_embeddings} positions (max_position_embeddings); lower sequence_length`,
    );
  }
  const graph = new Graph();
  const parameters = new DeclaredParameters(graph, parameterSpecs(config));
  const input_ids = graph.input("input_ids", "int32", [rows * length]);
  const document_start = document_mask
    ? graph.input("document_start", "int32", [rows, length])
    : undefined;
  const attention = wholeRows(
    graph,
    familyOf(config).attentionShape(config),
    shape,
    document_start,
  );
  return { graph, parameters, input_ids, ...decoder(config, parameters, input_ids, attention) };
}

export interface TrainGraphOptions {
  /** Whether gradients are added to those of earlier micro-batches. Default: true. */
  accumulate?: boolean;
  /**
   * Whether the sparse updates of the embeddings' gradients are part of the graph. On a CPU they cost passes over
   * whole tables in the graph and almost nothing outside; on a device all data should stay there. Default: false.
   */
  sparse_updates?: boolean;
  /** Names of parameters whose gradients are not computed; not with `sparse_updates`. Default: none. */
  frozen?: ReadonlySet<string>;
}

/** A train graph with the names by which it is fed and read. */
export interface TrainGraph {
  readonly graph: Graph;
  /**
   * Each parameter's gradient by the parameter's name: `input`, the sum over earlier micro-batches, absent without
   * `accumulate`; and `output`, the sum with this micro-batch.
   */
  readonly gradients: ReadonlyMap<string, { readonly input?: string; readonly output: string }>;
  /** Parts of gradients that are not in `gradients`; none with `sparse_updates`. */
  readonly row_updates: readonly RowUpdate[];
}

/** An output float32 [N, D] whose row i is to be added to, or subtracted from, slice ids_i of a parameter's gradient. */
export interface RowUpdate {
  readonly output: "grad_embedded" | "weighted_final";
  readonly parameter: string;
  readonly ids: "input_ids" | "labels";
  readonly sign: 1 | -1;
  /** Whether slices are columns: the parameter is [D, V], not [V, D]. */
  readonly columns: boolean;
}

/**
 * Forward, backward and accumulation in one graph.
 *
 * Further inputs: `labels` int32 [N]; `loss_weights` float32 [N], the share of each position in the mean over the
 * whole global batch (0 where not supervised); and the `input` of each of `gradients`.
 * Outputs: `loss`, this micro-batch's part of the mean, in nats; the `output` of each of `gradients`; and those of
 * `row_updates`. Without `sparse_updates` an untied input embedding has only its row update.
 *
 * Each gradient's input is read by one node, the one that writes its output, position by position. So on a CPU the
 * output may be written over the input.
 */
export function trainGraph(
  config: ModelConfig,
  shape: BatchShape,
  { accumulate: accumulates = true, sparse_updates = false, frozen = new Set() }:
    TrainGraphOptions = {},
): TrainGraph {
  const declared = declareForward(config, shape);
  const { graph, parameters, input_ids, final, hidden_states: [embedded] } = declared;
  const gradients = new Map<string, { input?: string; output: string }>();
  const accumulator = (name: string) =>
    accumulates ? graph.input(`grad.${name}`, "float32", parameters.get(name).shape) : undefined;
  const next = (name: string, value: Value) => {
    const slot = { input: accumulates ? `grad.${name}` : undefined, output: `grad.${name}.next` };
    gradients.set(name, slot);
    graph.output(slot.output, value);
  };
  const { input, output, tied } = embeddings(config);
  const targets = declareTargets(declared);
  const head = lossHead({
    ...targets,
    final,
    embed_out: parameters.get(output.name),
    transposed: output.transposed,
    gradient: frozen.has(output.name) ? undefined : accumulator(output.name),
  });
  graph.output("loss", head.loss);
  const names = [...parameters.values.keys()].filter((name) =>
    name !== input.name && name !== output.name && !frozen.has(name)
  );
  // Last, since it may be left out: then nothing below the first trained layer is propagated.
  const wanted = [
    ...names.map((name) => parameters.get(name)),
    ...(frozen.has(input.name) ? [] : [embedded]),
  ];
  const grads = backpropagate(new Map([[final, head.final_gradient]]), wanted);
  const d_embedded = grads[names.length];
  names.forEach((name, i) => {
    const before = accumulator(name);
    next(name, before ? accumulate(before, grads[i]) : grads[i]);
  });
  if (sparse_updates) {
    const dense = head.embed_out_gradient;
    const before = tied ? dense : accumulator(input.name) ?? zeros(parameters.get(input.name));
    const less = neg(head.weighted_final);
    const d_input = addSlices(before, input_ids, d_embedded, 0);
    if (!tied) next(input.name, d_input);
    const axis = output.transposed ? 1 : 0;
    next(output.name, addSlices(tied ? d_input : dense, targets.labels, less, axis));
    return { graph, gradients, row_updates: [] };
  }
  if (!frozen.has(input.name)) graph.output("grad_embedded", d_embedded);
  if (!frozen.has(output.name)) {
    next(output.name, head.embed_out_gradient);
    graph.output("weighted_final", head.weighted_final);
  }
  const updates = rowUpdates({ input, output });
  return { graph, gradients, row_updates: updates.filter((one) => !frozen.has(one.parameter)) };
}

function rowUpdates({ input, output }: Pick<Embeddings, "input" | "output">): RowUpdate[] {
  const embedded = { output: "grad_embedded", ids: "input_ids", sign: 1, columns: false } as const;
  const final = { output: "weighted_final", ids: "labels", sign: -1 } as const;
  return [
    { ...embedded, parameter: input.name },
    { ...final, parameter: output.name, columns: output.transposed },
  ];
}

/**
 * Forward only, with the inputs `labels` and `loss_weights` and the output `loss` of {@linkcode trainGraph}.
 *
 * @param options.token_losses whether there is a second output `token_losses`, float32 [N]: the loss of each position in
 *   nats, without its weight. Default: false.
 */
export function lossGraph(
  config: ModelConfig,
  shape: BatchShape,
  { token_losses: of_tokens = false }: { token_losses?: boolean } = {},
): Graph {
  const declared = declareForward(config, shape);
  const { graph, parameters, final } = declared;
  const { output: { name, transposed } } = embeddings(config);
  const embed_out = parameters.get(name);
  const targets = declareTargets(declared);
  const { loss, token_losses } = chunkedLoss({ ...targets, final, embed_out, transposed });
  graph.output("loss", loss);
  if (of_tokens) {
    const [first, ...rest] = token_losses;
    graph.output("token_losses", rest.length === 0 ? first : concat([...token_losses], 0));
  }
  return graph;
}

function declareTargets({ graph, final }: Declared): { labels: Value; loss_weights: Value } {
  const [positions] = final.shape;
  return {
    labels: graph.input("labels", "int32", [positions]),
    loss_weights: graph.input("loss_weights", "float32", [positions]),
  };
}

/** Forward only: outputs `hidden_states.I`, float32 [N, D], I from 0 to L, as Hugging Face numbers them. */
export function hiddenStatesGraph(config: ModelConfig, shape: BatchShape): Graph {
  const { graph, hidden_states } = declareForward(config, shape);
  hidden_states.forEach((value, i) => graph.output(`hidden_states.${i}`, value));
  return graph;
}

/** Forward only: output `logits`, float32 [N, V]. */
export function logitsGraph(config: ModelConfig, shape: BatchShape): Graph {
  const { graph, final, parameters } = declareForward(config, shape);
  graph.output("logits", parameters.linear(final, embeddings(config).output.name));
  return graph;
}

/** Most bytes of a block of the matrix S below. */
const BLOCK_BYTES = 64 << 20;

/**
 * The matrix `base` with row i of `updates` added to its row (axis 1: column) ids_i, with the same bits every time.
 *
 * A device adds slices of equal ids in any order, and float sums depend on the order. So each update is first replaced
 * by the mean over all updates of its id,
 *
 *     updates' = S updates,  S_ij = [ids_i = ids_j] / Σ_k [ids_i = ids_k],
 *
 * so that equal ids add equal numbers, and the order makes no difference.
 *
 * @param base [V, D], with axis 1 [D, V].
 * @param ids int32 [N].
 * @param updates float32 [N, D].
 */
export function addSlices(base: Value, ids: Value, updates: Value, axis: 0 | 1): Value {
  const [positions] = ids.shape;
  const row = reshape(ids, [1, positions]);
  const blocks = blockCount(positions);
  const means = (blocks === 1 ? [ids] : split(ids, 0, blocks)).map((some) => {
    const same = equal(reshape(some, [positions / blocks, 1]), row);
    return gemm(div(same, sum(same, { axes: [1], keep_dims: true })), updates);
  });
  const slices = blocks === 1 ? means[0] : concat(means, 0);
  return scatterAdd(base, ids, axis === 0 ? slices : transpose(slices, [1, 0]), axis);
}

/** The smallest divisor of `positions` that keeps a block [positions / n, positions] within bounds. */
function blockCount(positions: number): number {
  let blocks = Math.max(1, Math.ceil(4 * positions ** 2 / BLOCK_BYTES));
  while (positions % blocks !== 0) blocks++;
  return blocks;
}
