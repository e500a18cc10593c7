/**
 * The graphs that are run: loss with gradients, loss alone, hidden states.
 *
 * All take every parameter as an input under its Hugging Face name, in its shape in memory, and `input_ids`, int32
 * [rows · length]. With `document_mask` in the shape they take `first_key` as well, int32 [rows, length], and position t
 * of a row sees positions from first_key[t] <= t to t: documents that share a row are computed as each on its own.
 *
 * @module
 */
import { accumulate, backpropagate, Graph, neg, type Value, zeros } from "../graph/mod.ts";
import type { GptNeoXConfig } from "./config.ts";
import { DeclaredParameters } from "./declared.ts";
import { type BatchShape, type Forward, gptNeoX, type Tokens } from "./gpt_neox.ts";
import { chunkedLoss, lossHead } from "./loss_head.ts";
import { EMBED_IN, EMBED_OUT } from "./parameters.ts";
import { addSlices } from "./sparse.ts";

interface Declared extends Forward, Tokens {
  graph: Graph;
  parameters: DeclaredParameters;
}

function declareForward(config: GptNeoXConfig, shape: BatchShape): Declared {
  const graph = new Graph();
  const parameters = new DeclaredParameters(graph, config);
  const { rows, length, document_mask = false } = shape;
  const tokens: Tokens = { input_ids: graph.input("input_ids", "int32", [rows * length]) };
  if (document_mask) tokens.first_key = graph.input("first_key", "int32", [rows, length]);
  return { graph, parameters, ...tokens, ...gptNeoX(config, parameters, tokens, shape) };
}

export interface TrainGraphOptions {
  /** Whether gradients are added to those of earlier micro-batches. Default: true. */
  accumulate?: boolean;
  /**
   * Whether the sparse updates of the embeddings' gradients are part of the graph. On a CPU they cost passes over
   * whole tables here and next to nothing outside; on a device nothing should leave it. Default: false.
   */
  sparse_updates?: boolean;
}

/**
 * Forward, backward and accumulation in one graph.
 *
 * Further inputs: `labels` int32 [N]; `weights` float32 [N], the share of each position in the mean over the
 * whole global batch (0 where not supervised); with `accumulate`, for every parameter `grad.NAME`, the
 * gradient accumulated so far.
 * Outputs: `loss`, this micro-batch's part of the mean, in nats; and `grad.NAME.next`.
 *
 * Without `sparse_updates` the input embedding has neither, and what is left to be done outside are two outputs,
 * float32 [N, D]: row i of `grad_embedded` is to be added to row input_ids_i of the input embedding's
 * gradient, row i of `weighted_final` to be subtracted from column labels_i of the output projection's.
 *
 * Each `grad.NAME` is read by one node, the one that writes `grad.NAME.next`, position by position. So on a CPU
 * the output may be written over the input.
 */
export function trainGraph(
  config: GptNeoXConfig,
  shape: BatchShape,
  { accumulate: accumulates = true, sparse_updates = false }: TrainGraphOptions = {},
): Graph {
  const declared = declareForward(config, shape);
  const { graph, parameters, input_ids, final, hidden_states: [embedded] } = declared;
  const accumulator = (name: string) =>
    accumulates ? graph.input(`grad.${name}`, "float32", parameters.get(name).shape) : undefined;
  const targets = declareTargets(declared);
  const head = lossHead({
    ...targets,
    final,
    embed_out: parameters.get(EMBED_OUT),
    gradient: accumulator(EMBED_OUT),
  });
  graph.output("loss", head.loss);
  const names = [...parameters.values.keys()].filter((name) =>
    name !== EMBED_IN && name !== EMBED_OUT
  );
  const wanted = [embedded, ...names.map((name) => parameters.get(name))];
  const [d_embedded, ...grads] = backpropagate(new Map([[final, head.final_gradient]]), wanted);
  names.forEach((name, i) => {
    const before = accumulator(name);
    graph.output(`grad.${name}.next`, before ? accumulate(before, grads[i]) : grads[i]);
  });
  if (sparse_updates) {
    const d_embed_in = accumulator(EMBED_IN) ?? zeros(parameters.get(EMBED_IN));
    const { labels } = targets;
    const less = neg(head.weighted_final);
    graph.output(`grad.${EMBED_IN}.next`, addSlices(d_embed_in, input_ids, d_embedded, 0));
    graph.output(`grad.${EMBED_OUT}.next`, addSlices(head.embed_out_gradient, labels, less, 1));
  } else {
    graph.output("grad_embedded", d_embedded);
    graph.output(`grad.${EMBED_OUT}.next`, head.embed_out_gradient);
    graph.output("weighted_final", head.weighted_final);
  }
  return graph;
}

/** Forward only, with the inputs `labels` and `weights` and the output `loss` of {@linkcode trainGraph}. */
export function lossGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const declared = declareForward(config, shape);
  const { graph, parameters, final } = declared;
  const embed_out = parameters.get(EMBED_OUT);
  graph.output("loss", chunkedLoss({ ...declareTargets(declared), final, embed_out }));
  return graph;
}

function declareTargets({ graph, final }: Declared): { labels: Value; weights: Value } {
  const [positions] = final.shape;
  return {
    labels: graph.input("labels", "int32", [positions]),
    weights: graph.input("weights", "float32", [positions]),
  };
}

/** Forward only: outputs `hidden_states.I`, float32 [N, D], I from 0 to L, as Hugging Face numbers them. */
export function hiddenStatesGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const { graph, hidden_states } = declareForward(config, shape);
  hidden_states.forEach((value, i) => graph.output(`hidden_states.${i}`, value));
  return graph;
}

/** Forward only: output `logits`, float32 [N, V]. */
export function logitsGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const { graph, final, parameters } = declareForward(config, shape);
  graph.output("logits", parameters.linear(final, EMBED_OUT));
  return graph;
}
