/**
 * Causeway's side of the evaluation benchmark: a process that computes on request.
 *
 * A pass is one batch and its loss, forward only.
 *
 * @module
 */
import { hostWeights } from "../../core/model/mod.ts";
import { type Compute, computeOptions } from "../../core/engine/mod.ts";
import { Evaluator } from "../../core/train/mod.ts";
import { serveRequests } from "../shared/json_lines.ts";
import type { Size } from "../shared/sizes.ts";
import { timed } from "../shared/timed.ts";
import { benchmarkBatches, benchmarkParameters } from "../shared/workload.ts";

let runPass: () => Promise<{ loss: number }>;

await serveRequests({
  async prepare({ size, compute: given }: { size: Size; compute: Partial<Compute> }) {
    const batches = benchmarkBatches(size);
    const compute = computeOptions(given);
    const options = { micro_batch_size: size.rows, lengths: [size.length], compute };
    const { seconds: build_s } = await timed(() => {
      const evaluator = new Evaluator(options);
      const weights = hostWeights(benchmarkParameters(size));
      runPass = () => evaluator.loss(weights, batches.next().value!);
    });
    const { seconds, result } = await timed(runPass);
    return { build_s, first_pass_s: seconds, first: { loss: result.loss } };
  },

  async passes({ count }: { count: number }) {
    const seconds = [];
    for (let i = 0; i < count; i++) seconds.push((await timed(runPass)).seconds);
    return { seconds };
  },

  parts: () => ({}),
});
