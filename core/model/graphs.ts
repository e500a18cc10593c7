/**
 * The graphs that are run: loss with gradients, loss alone, hidden states.
 *
 * All take every parameter as an input under its Hugging Face name, and `input_ids`, int32 [rows · length].
 *
 * @module
 */
import {
  accumulate,
  gradients,
  Graph,
  mul,
  softmaxCrossEntropy,
  sum,
  type Value,
} from "../graph/mod.ts";
import type { GptNeoXConfig } from "./config.ts";
import { type BatchShape, type Forward, gptNeoX } from "./gpt_neox.ts";
import { parameterSpecs } from "./parameters.ts";

interface Declared extends Forward {
  graph: Graph;
  parameters: Map<string, Value>;
}

function declareForward(config: GptNeoXConfig, shape: BatchShape): Declared {
  const graph = new Graph();
  const parameters = new Map(
    parameterSpecs(config).map(({ name, shape }) => [name, graph.input(name, "float32", shape)]),
  );
  const input_ids = graph.input("input_ids", "int32", [shape.rows * shape.length]);
  return {
    graph,
    parameters,
    ...gptNeoX(config, (name) => parameters.get(name)!, input_ids, shape),
  };
}

/** Σ_i weights_i · (-log p(labels_i)) as output `loss`; adds inputs `labels` int32 and `weights` float32. */
function declareLoss({ graph, logits }: Declared, shape: BatchShape): Value {
  const positions = shape.rows * shape.length;
  const labels = graph.input("labels", "int32", [positions]);
  const weights = graph.input("weights", "float32", [positions]);
  const loss = sum(mul(softmaxCrossEntropy(logits, labels), weights));
  graph.output("loss", loss);
  return loss;
}

/**
 * Forward, backward and accumulation in one graph.
 *
 * Further inputs: `labels` int32 [N]; `weights` float32 [N], the share of each position in the mean over the
 * whole global batch (0 where not supervised); `grad.NAME`, the gradients accumulated so far.
 * Outputs: `loss`, this micro-batch's part of the mean, in nats; `grad.NAME.next`.
 */
export function trainGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const declared = declareForward(config, shape);
  const { graph, parameters } = declared;
  const loss = declareLoss(declared, shape);
  const grads = gradients(loss, [...parameters.values()]);
  [...parameters].forEach(([name, value], i) => {
    const accumulator = graph.input(`grad.${name}`, "float32", value.shape);
    graph.output(`grad.${name}.next`, accumulate(accumulator, grads[i]));
  });
  return graph;
}

/** Forward only, with the inputs `labels` and `weights` and the output `loss` of {@linkcode trainGraph}. */
export function lossGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const declared = declareForward(config, shape);
  declareLoss(declared, shape);
  return declared.graph;
}

/** Forward only: outputs `hidden_states.I`, float32 [N, D], I from 0 to L, as Hugging Face numbers them. */
export function hiddenStatesGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const { graph, hidden_states } = declareForward(config, shape);
  hidden_states.forEach((value, i) => graph.output(`hidden_states.${i}`, value));
  return graph;
}

/** Forward only: output `logits`, float32 [N, V]. */
export function logitsGraph(config: GptNeoXConfig, shape: BatchShape): Graph {
  const { graph, logits } = declareForward(config, shape);
  graph.output("logits", logits);
  return graph;
}
