/**
 * The training loop that pretraining, midtraining and fine-tuning share.
 *
 * @module
 */
import { partOf, sharedSize } from "../batches/mod.ts";
import { hostWeights, type ParameterArrays, toHuggingFace } from "../model/mod.ts";
import type { KeptCheckpoint } from "../stage/mod.ts";
import { encodeCheckpoint, encodeWeights } from "./checkpoint.ts";
import { Checkpointing, keptSteps } from "./checkpointing.ts";
import { DocumentSums } from "./document_losses.ts";
import { bitsPerByte, type EvalLoss, type EvalSet, Evaluator } from "./evaluator.ts";
import { learningRate } from "./learning_rate.ts";
import { DrawnTokens, type MetricsHistory } from "./metrics.ts";
import {
  beginPhase,
  type LoopContext,
  type Phase,
  type PhaseResult,
  type Progress,
} from "./phase.ts";
import { openTokenizer, type TokenIds, withTokenIds } from "../tokenizer/mod.ts";
import { counted } from "../words/mod.ts";
import { TrainingSamples } from "./samples.ts";
import { Speed } from "./speed.ts";
import { NonFiniteError, type Trainer, type TrainingArrays } from "./trainer.ts";
import { averageRate, moveTowards } from "./weight_average.ts";

/**
 * Seconds between checkpoints for resuming. Not a config field, since it changes no result and must not change keys. Tests
 * that interrupt short runs set `CAUSEWAY_CHECKPOINT_SECONDS`.
 */
const CHECKPOINT_SECONDS = Number(Deno.env.get("CAUSEWAY_CHECKPOINT_SECONDS") ?? 60);

/**
 * Trains for one phase. Resumes from a checkpoint of an interrupted run when there is one; the result has the same bits.
 *
 * @param prepare makes weights and optimizer state at the phase's beginning; not called when resuming.
 * @throws the abort reason when `ctx.signal` is aborted, after a checkpoint has been saved.
 * @throws {Error} when a checkpoint cannot be written, or has to be kept and the runner cannot keep any.
 */
export async function trainPhase(
  ctx: LoopContext,
  phase: Phase,
  prepare: () => Promise<TrainingArrays>,
): Promise<PhaseResult> {
  const keep = keptSteps(phase.keep ?? {}, phase.start.step, phase.steps);
  if (keep.length > 0 && !(ctx.checkpoints.kept && ctx.checkpoints.openWriter)) {
    throw new Error("checkpoints cannot be kept: the runner has no writer for them");
  }
  const token_ids = await tokenIdsOf(phase);
  const checkpointing = new Checkpointing(ctx.checkpoints);
  const samples = new TrainingSamples(ctx, phase.tokenizer, phase.compute, phase.start.seed);
  const begun = await beginPhase(ctx, phase, keep, prepare);
  const { trainer, trainer: { pool } } = begun;
  const evaluator = new Evaluator({ ...phase.batches.options, compute: phase.compute }, pool);
  try {
    const shared = shareBatches(phase, ctx, pool?.size);
    const parts = { ctx, phase: shared, ...begun, token_ids, evaluator, checkpointing, samples };
    return await new Loop({ ...parts, keep }).run();
  } finally {
    await samples.release();
    await checkpointing.close();
    await evaluator.release();
    await trainer.release();
  }
}

async function tokenIdsOf({ tokenizer }: Phase): Promise<TokenIds | undefined> {
  if (!tokenizer) return undefined;
  const { bos_token_id, eos_token_ids, pad_token_id } = await openTokenizer(tokenizer);
  return { bos_token_id, eos_token_ids, pad_token_id };
}

/**
 * The phase with a micro-batch for each worker of each rank, as far as there are sequences, in all batches but a small last
 * one.
 *
 * @throws {Error} when there are fewer sequences than ranks.
 */
function shareBatches(phase: Phase, { ranks, log }: LoopContext, workers = 1): Phase {
  const size = ranks?.size ?? 1;
  if (size * workers === 1 || phase.steps === 0) return phase;
  const { batches } = phase, { micro_batch_size } = batches.options;
  const sequences = batches.sequences(0).length;
  if (sequences < size) {
    throw new Error(
      `a batch of ${counted(sequences, "sequence")} leaves ${
        size - sequences
      } of ${size} processes without work; raise global_batch_size, or start at most ${
        counted(sequences, "process", "processes")
      }`,
    );
  }
  const rows = sharedSize(micro_batch_size, sequences, size * workers);
  if (rows === micro_batch_size) return phase;
  const who = workers === 1
    ? `${size} processes`
    : `${workers} workers${ranks ? ` of each of ${size} processes` : ""}`;
  log(
    `micro-batches of ${
      counted(rows, "sequence")
    } instead of ${micro_batch_size}, so that all ${who} have work`,
  );
  return { ...phase, batches: batches.withMicroBatches(rows) };
}

interface LoopParts extends Progress {
  readonly ctx: LoopContext;
  readonly phase: Phase;
  readonly token_ids: TokenIds | undefined;
  readonly trainer: Trainer;
  readonly evaluator: Evaluator;
  readonly checkpointing: Checkpointing;
  readonly samples: TrainingSamples;
  /** The average of the weights, where one is taken. */
  readonly average?: ParameterArrays;
  /** Steps whose checkpoints are kept. */
  readonly keep: readonly number[];
}

class Loop {
  /** Steps whose checkpoints still have to be kept. */
  readonly #to_keep: Set<number>;
  readonly #drawn: DrawnTokens;
  readonly #speed = new Speed();

  /** @param parts among them the progress, which the loop advances. */
  constructor(readonly parts: LoopParts) {
    this.#to_keep = new Set(parts.keep.filter((step) => step >= parts.state.step));
    this.#drawn = new DrawnTokens(parts.phase.steps);
  }

  async run(): Promise<PhaseResult> {
    const { parts } = this;
    while (true) {
      if (this.#validationDue()) {
        await this.#validate();
        await this.#showSamples();
      }
      if (this.#to_keep.delete(parts.state.step)) await this.#save(true);
      if (parts.done === parts.phase.steps) break;
      if (this.#agreed(parts.ctx.signal.aborted)) await this.#stop();
      await this.#step();
      await this.#saveIfDue();
    }
    await parts.checkpointing.settled();
    parts.ctx.report(parts.done, {}, parts.phase.steps);
    const arrays = await parts.trainer.arrays();
    const { state, history, average } = parts;
    const json = this.#configJson(arrays);
    const files = encodeCheckpoint(arrays, state, json);
    const averaged = average && encodeWeights(average, json);
    return { state, history, files, averaged, kept: await this.#kept() };
  }

  async #step(): Promise<void> {
    const { parts } = this;
    const batch = parts.phase.batches.batch(parts.done);
    const tokens = batch.tokens.values().reduce((sum, count) => sum + count, 0);
    const learning_rate = learningRate(parts.state.schedule, parts.state.step);
    const result = await this.#stoppable((signal) =>
      parts.trainer.step(batch.micro_batches, learning_rate, signal)
    );
    parts.done++;
    parts.state = {
      ...parts.state,
      step: parts.state.step + 1,
      tokens: parts.state.tokens + tokens,
    };
    this.#addToAverage();
    const row = { ...result, learning_rate };
    parts.history.add({ step: parts.state.step, tokens: parts.state.tokens, ...row });
    this.#drawn.add(batch.tokens);
    const drawn = this.#drawn.take(parts.done === parts.phase.steps);
    const measured = { ...row, tokens: parts.state.tokens, ...this.#speed.add(tokens), ...drawn };
    parts.ctx.report(parts.done, measured, parts.phase.steps);
  }

  #addToAverage(): void {
    const { average, trainer, done, phase: { steps, start: { weight_average } } } = this.parts;
    if (!average) return;
    moveTowards(average, trainer.parameters!, averageRate(weight_average!, done, steps));
  }

  /** Work that a stop may end early; then a checkpoint is saved, of the last step. */
  async #stoppable<T>(work: (signal?: AbortSignal) => Promise<T>): Promise<T> {
    const { ranks, signal } = this.parts.ctx;
    try {
      // Other ranks would wait for this one.
      return await work(ranks ? undefined : signal);
    } catch (error) {
      if (signal.aborted && error === signal.reason) await this.#stop();
      throw error;
    }
  }

  /** Whether any rank says so: all have to do the same at the same step. */
  #agreed(own: boolean): boolean {
    const { ranks } = this.parts.ctx;
    if (!ranks) return own;
    const count = Float64Array.of(own ? 1 : 0);
    ranks.allReduceSum(count);
    return count[0] > 0;
  }

  #showSamples(): Promise<void> {
    const { trainer, samples, done, phase: { compute } } = this.parts;
    // The decoder needs weights in host memory.
    const weights = async () =>
      compute.device === "cpu" ? trainer.weights : hostWeights((await trainer.arrays()).parameters);
    return samples.show(weights, done);
  }

  /** Derived from the history, so that a run stopped between a step and its evaluation evaluates after resuming. */
  #validationDue(): boolean {
    const { state, done, phase, history } = this.parts;
    const due = done === phase.steps || state.step % phase.validate_every === 0;
    return due && !history.validation.some(({ step }) => step === state.step);
  }

  async #validate(): Promise<void> {
    const { state: { step }, ctx, done, phase, history } = this.parts;
    const rows: MetricsHistory["validation"][number][] = [];
    const of_documents: MetricsHistory["documents"][number][] = [];
    const wanted = phase.document_losses && (done === 0 || done === phase.steps);
    for (const [source, eval_set] of phase.validation) {
      const by_document = eval_set.average === "document";
      const documents = wanted || by_document ? new DocumentSums(eval_set.sequences) : undefined;
      const measured = await this.#stoppable((signal) =>
        this.#evalLoss(eval_set, documents, signal)
      );
      if (by_document) measured.loss = documents!.mean();
      if (!Number.isFinite(measured.loss)) {
        const what = `validation loss on "${source}"`;
        if (done === 0) throw NonFiniteError.ofWeights(what, measured.loss);
        throw new NonFiniteError(`${what} is ${measured.loss} at step ${step}`);
      }
      rows.push({ step, source, ...measured, bits_per_byte: bitsPerByte(measured.loss, eval_set) });
      if (wanted) of_documents.push({ step, source, documents: documents!.rows() });
    }
    [...rows, ...of_documents].forEach((row) => history.add(row));
    const losses = rows.map(({ source, loss }) => [`validation_loss/${source}`, loss]);
    ctx.report(done, Object.fromEntries(losses), phase.steps);
  }

  /** Each rank measures a part of the set. */
  async #evalLoss(
    { sequences }: EvalSet,
    documents?: DocumentSums,
    signal?: AbortSignal,
  ): Promise<EvalLoss> {
    const { ctx: { ranks }, evaluator, trainer } = this.parts;
    signal?.throwIfAborted();
    if (!ranks) {
      const onBatch = () => signal?.throwIfAborted();
      return await evaluator.loss(trainer.weights, sequences, { onBatch, documents });
    }
    const own = partOf(sequences, ranks);
    const { loss, tokens } = own.length > 0
      ? await evaluator.loss(trainer.weights, own, { documents })
      : { loss: 0, tokens: 0 };
    const sums = Float64Array.of(loss * tokens, tokens);
    ranks.allReduceSum(sums);
    documents?.share((losses) => ranks.allReduceSum(losses));
    return { loss: sums[0] / sums[1], tokens: sums[1] };
  }

  async #kept(): Promise<readonly KeptCheckpoint[]> {
    const { ctx: { checkpoints, ranks }, keep } = this.parts;
    // Only rank 0 writes.
    if (keep.length === 0 || (ranks?.rank ?? 0) > 0) return [];
    const kept = (await checkpoints.kept!()).filter(({ step }) => keep.includes(step));
    const missing = keep.find((step) => !kept.some((one) => one.step === step));
    if (missing === undefined) return kept;
    throw new Error(`the checkpoint of step ${missing} is damaged; run again to make a new one`);
  }

  #save(keep: boolean): Promise<void> {
    const { state, history, checkpointing, trainer, average } = this.parts;
    return checkpointing.save(keep, async () => {
      const arrays = { ...await trainer.arrays(), average };
      return { arrays, state, config_json: this.#configJson(arrays), rows: history.takeNew() };
    });
  }

  #configJson({ parameters: { config } }: TrainingArrays): object {
    const { token_ids } = this.parts, json = toHuggingFace(config);
    return token_ids ? withTokenIds(json, token_ids) : json;
  }

  async #saveIfDue(): Promise<void> {
    const { checkpointing, state, done, phase, ctx: { ranks } } = this.parts;
    await checkpointing.listen();
    // A kept checkpoint also serves for resuming.
    if (done === phase.steps || this.#to_keep.has(state.step)) return;
    const due = !checkpointing.is_busy && checkpointing.seconds >= CHECKPOINT_SECONDS;
    // Rank 0 decides, and writes.
    if (this.#agreed(due && (ranks?.rank ?? 0) === 0)) await this.#save(false);
  }

  async #stop(): Promise<never> {
    await this.#save(false);
    await this.parts.checkpointing.settled();
    throw this.parts.ctx.signal.reason ??
      Object.assign(new Error("another process was asked to stop"), { name: "Interrupted" });
  }
}
