/**
 * Training on CPUs: gradients and optimizer state are written in place, by one process or by several.
 *
 * @module
 */
import { type MicroBatch, partOf } from "../batches/mod.ts";
import {
  addTo,
  type Compute,
  type Session,
  type SessionCache,
  type SessionPool,
  sharedFloats,
  type Tensor,
  type TensorData,
} from "../engine/mod.ts";
import {
  type BatchShape,
  type GroupName,
  hostWeights,
  ParameterArrays,
  type TrainGraph,
  trainGraph,
  type Weights,
} from "../model/mod.ts";
import type { Ranks } from "../stage/mod.ts";
import { AdamW, type Constraints, type OptimizerConfig } from "./adamw.ts";
import { openPool } from "./pool.ts";
import { checkIds } from "./token_check.ts";
import {
  batchFeeds,
  batchShape,
  NonFiniteError,
  type StepResult,
  type Trainer,
  type TrainingArrays,
} from "./trainer.ts";

/** A train graph that one thread of the pool has compiled. */
interface Pass extends Omit<TrainGraph, "graph"> {
  readonly session: Session;
  /** Memory for the outputs of `row_updates`. */
  readonly rows: Readonly<Record<string, TensorData>>;
}

/** Elements of a gradient that are summed at a time: large enough for the network, small enough for its buffers. */
const BUCKET = 1 << 22;

/**
 * Trains in the given arrays.
 *
 * With ranks, each computes some micro-batches of every global batch (data parallelism). Labels are weighted over the
 * whole global batch, so losses and gradients of ranks simply add up, as those of micro-batches do (see `collate`);
 * and the update, from equal sums and equal weights, is the same on every rank. A rank without micro-batches, as a small
 * last batch may leave, adds zeros.
 *
 * In workers each micro-batch has a gradient of its own, and they are added in the order of the batch: the bits depend
 * neither on the number of workers nor on which is faster. In one thread the graph adds to the sum in place, which saves
 * that memory; it may round in another order.
 */
export class HostTrainer implements Trainer {
  readonly weights: Weights;
  readonly optimizer: AdamW;
  readonly pool: SessionPool;
  readonly #gradient: ParameterArrays;
  /** Memory for gradients of single micro-batches that no micro-batch uses now. */
  readonly #spare: ParameterArrays[] = [];
  readonly #graphs = new Map<string, TrainGraph>();
  readonly #passes = new Map<SessionCache, Map<string, Pass>>();

  /** @param pool released with the trainer; by default what `compute` says. */
  constructor(
    arrays: TrainingArrays,
    config: OptimizerConfig,
    readonly compute: Compute,
    private readonly ranks?: Ranks,
    pool?: SessionPool,
    private readonly constraints: Constraints = {},
  ) {
    const { parameters } = arrays;
    const sharded = ranks?.shard_optimizer ? ranks : undefined;
    this.optimizer = new AdamW(arrays, config, sharded, constraints);
    this.#gradient = new ParameterArrays(parameters.config, parameters.decay_scope);
    this.weights = hostWeights(parameters);
    this.pool = pool ?? openPool(compute, parameters.config);
  }

  async step(
    micro_batches: readonly MicroBatch[],
    learning_rate: number,
    signal?: AbortSignal,
  ): Promise<StepResult> {
    const { loss, gradient } = await this.gradient(micro_batches, signal);
    if (!Number.isFinite(loss)) throw NonFiniteError.atStep(this.optimizer.steps, loss);
    return { loss, grad_norm: this.optimizer.step(gradient, learning_rate) };
  }

  async gradient(micro_batches: readonly MicroBatch[], signal?: AbortSignal) {
    const { ranks, pool } = this, sum = this.#gradient;
    const own = ranks ? partOf(micro_batches, ranks) : micro_batches;
    sum.fill(0);
    let loss = 0;
    await pool.each(own, {
      signal,
      compute: async (batch, sessions, index) => {
        const gradient = index === 0 || !pool.in_workers ? sum : this.#spareGradient();
        return { part: await this.#accumulate(batch, sessions, gradient), gradient };
      },
      take: ({ part, gradient }) => {
        loss += part;
        if (gradient === sum) return;
        for (const group of Object.keys(sum.groups) as GroupName[]) {
          addTo(sum.groups[group], gradient.groups[group]);
        }
        this.#spare.push(gradient);
      },
    });
    return { loss: ranks ? this.#sumOverRanks(ranks, loss) : loss, gradient: sum };
  }

  /** Sums losses, and gradients in place. @returns the sum of the losses. */
  #sumOverRanks(ranks: Ranks, loss: number): number {
    const total = Float64Array.of(loss);
    ranks.allReduceSum(total);
    for (const data of Object.values(this.#gradient.groups)) {
      for (let start = 0; start < data.length; start += BUCKET) {
        ranks.allReduceSum(data.subarray(start, start + BUCKET));
      }
    }
    return total[0];
  }

  get parameters(): ParameterArrays {
    return this.optimizer.parameters;
  }

  arrays(): Promise<TrainingArrays> {
    return Promise.resolve(this.optimizer.arrays());
  }

  #spareGradient(): ParameterArrays {
    const { config, decay_scope } = this.#gradient;
    const gradient = this.#spare.pop() ?? new ParameterArrays(config, decay_scope);
    gradient.fill(0);
    return gradient;
  }

  /** Forward and backward, added to a gradient; returns the micro-batch's part of the mean loss. */
  async #accumulate(
    batch: MicroBatch,
    sessions: SessionCache,
    gradient: ParameterArrays,
  ): Promise<number> {
    checkIds(batch, this.weights.config);
    const { session, gradients, row_updates, rows } = await this.#pass(batchShape(batch), sessions);
    const feeds: Record<string, Tensor> = { ...this.weights.feeds, ...batchFeeds(batch) };
    const into = { ...rows };
    for (const [name, { input, output }] of gradients) {
      if (input) feeds[input] = gradient.get(name);
      into[output] = gradient.get(name);
    }
    const results = await session.run(feeds, into);
    for (const { parameter, output, ids, sign, columns } of row_updates) {
      const add = columns ? addColumns : addRows;
      add(gradient.get(parameter), batch[ids], results[output] as Float32Array, sign);
    }
    return Number(results.loss[0]);
  }

  async #pass(shape: BatchShape, sessions: SessionCache): Promise<Pass> {
    const key = JSON.stringify(shape);
    const passes = this.#passes.get(sessions) ?? new Map<string, Pass>();
    this.#passes.set(sessions, passes);
    let pass = passes.get(key);
    if (!pass) {
      const { config } = this.weights, accumulate = !this.pool.in_workers;
      const { graph, ...names } = this.#graphs.get(key) ??
        trainGraph(config, shape, { accumulate, frozen: this.constraints.frozen });
      this.#graphs.set(key, { graph, ...names });
      const size = shape.rows * shape.length * config.hidden_size;
      const rows = names.row_updates.map(({ output }) => [output, sharedFloats(size)]);
      const session = await sessions.get(`train ${key}`, () => graph);
      passes.set(key, pass = { session, ...names, rows: Object.fromEntries(rows) });
    }
    return pass;
  }

  async release(): Promise<void> {
    await this.pool.release();
  }
}

/** table[ids[i], :] += sign · rows[i, :], in the order of i, so that the sum has the same bits every time. */
function addRows(table: Float32Array, ids: Int32Array, rows: Float32Array, sign: 1 | -1): void {
  const width = rows.length / ids.length;
  for (let i = 0; i < ids.length; i++) {
    const at = ids[i] * width, from = i * width;
    for (let j = 0; j < width; j++) table[at + j] += sign * rows[from + j];
  }
}

/** table[:, ids[i]] += sign · rows[i, :], in the order of i; row by row of the table, which stays in the cache. */
function addColumns(table: Float32Array, ids: Int32Array, rows: Float32Array, sign: 1 | -1): void {
  const width = rows.length / ids.length, columns = table.length / width;
  for (let j = 0; j < width; j++) {
    const row = j * columns;
    for (let i = 0; i < ids.length; i++) table[row + ids[i]] += sign * rows[i * width + j];
  }
}
