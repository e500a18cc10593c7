/**
 * The evaluate_tasks stage: what models can do, by answers to questions.
 *
 * @module
 */
import { placeWeights } from "../../core/model/mod.ts";
import {
  defineStage,
  type FilesInput,
  many,
  ports,
  type StageContext,
  study_ports,
} from "../../core/stage/mod.ts";
import { Decoder } from "../../core/generate/mod.ts";
import { loadTokenizer } from "../../core/tokenizer/mod.ts";
import { checkpointReader, loadParameters } from "../../core/train/mod.ts";
import { type Config, config } from "./config.ts";
import { gsm8kTask } from "./gsm8k.ts";
import { mbppTask } from "./mbpp.ts";
import { caution } from "./metrics.ts";
import { Progress } from "./progress.ts";
import { sciqTask } from "./sciq.ts";
import type { Answer, Metric, Model, Task } from "./task.ts";

const inputs = { models: many(ports.checkpoint) };
const outputs = { results: study_ports.task_results, samples: study_ports.task_samples };

type Context = StageContext<Config, typeof inputs, typeof outputs>;

/** Questions that are answered between two checkpoints of the stage, at least. */
const MIN_PORTION = 32;

/**
 * Puts the questions of each task to each model: GSM8K ({@linkcode gsm8kTask}), SciQ ({@linkcode sciqTask}) and MBPP
 * ({@linkcode mbppTask}). Every metric has the number of questions and a 95% interval: Wilson's for proportions, a
 * bootstrap over questions for pass@k. Small models answer next to nothing, which a line of the log says.
 *
 * All models see the same questions and random numbers.
 */
export const evaluate_tasks = defineStage({
  name: "evaluate_tasks",
  version: "1",
  description: "Asks models questions of GSM8K, SciQ and MBPP, and scores their answers.",
  config,
  inputs,
  outputs,
  // Programs of MBPP run in processes of their own, which have no permission.
  permissions: { run: ["deno"] },
  async run(ctx: Context) {
    ctx.signal.throwIfAborted();
    const tasks = await readTasks(ctx);
    try {
      await askAll(ctx, tasks);
    } finally {
      for (const task of tasks) await task.close?.();
    }
  },
});

async function readTasks({ config, seed, signal, log }: Context): Promise<Task[]> {
  const { tasks: { gsm8k, sciq, mbpp }, resamples } = config;
  const reading = { signal, log };
  return [
    ...gsm8k ? [await gsm8kTask(gsm8k, reading)] : [],
    ...sciq ? [await sciqTask(sciq, reading)] : [],
    ...mbpp ? [await mbppTask(mbpp, { ...reading, resamples, seed })] : [],
  ];
}

async function askAll(ctx: Context, tasks: readonly Task[]): Promise<void> {
  const { config: { batch_size, threads, device }, inputs, report } = ctx;
  const names = Object.keys(inputs.models);
  const each = tasks.reduce((sum, { questions }) => sum + questions, 0);
  const progress = await Progress.begin(ctx, each * names.length);
  const decoder = new Decoder({ batch_size, threads, device });
  try {
    for (const name of names) {
      const model = { ...await loadModel(ctx, name), decoder, pulse: () => progress.pulse() };
      for (const task of tasks) {
        const answers = await ask(model, task, progress);
        const metrics = task.metrics(answers);
        await writeAnswers(ctx, name, task.name, answers);
        await writeMetrics(ctx, name, task.name, metrics);
        const values = metrics.map((m) => [`${name}/${task.name}/${m.metric}`, m.value] as const);
        report(progress.done, Object.fromEntries(values), progress.total);
      }
      model.weights.release();
    }
  } finally {
    await decoder.release();
  }
}

async function ask(model: Model, task: Task, progress: Progress): Promise<Answer[]> {
  const answers: Answer[] = [];
  const portion = Math.max(MIN_PORTION, model.decoder.options.batch_size);
  for (let start = 0; start < task.questions; start += portion) {
    const end = Math.min(start + portion, task.questions);
    answers.push(...await progress.next(end - start, () => task.answer(model, start, end)));
  }
  return answers;
}

async function loadModel(
  { config, inputs, seed, signal }: Context,
  name: string,
): Promise<Omit<Model, "decoder" | "pulse">> {
  const input: FilesInput = inputs.models[name];
  if (!input.names.includes("tokenizer.json")) {
    throw new Error(
      `the checkpoint of model "${name}" holds no tokenizer.json, without which it cannot be asked; put the ` +
        "tokenizer's files beside its weights",
    );
  }
  const [json, settings] = [
    await input.text("tokenizer.json"),
    await input.text("tokenizer_config.json"),
  ];
  const parameters = await loadParameters(checkpointReader(input));
  const weights = await placeWeights(parameters, config.device);
  return { weights, tokenizer: await loadTokenizer(json, settings), seed, signal };
}

async function writeMetrics(
  { outputs, log }: Context,
  model: string,
  task: string,
  metrics: readonly Metric[],
): Promise<void> {
  await outputs.results.write({
    model: metrics.map(() => model),
    task: metrics.map(() => task),
    metric: metrics.map(({ metric }) => metric),
    value: Float64Array.from(metrics, ({ value }) => value),
    n: Int32Array.from(metrics, ({ n }) => n),
    ci_low: Float64Array.from(metrics, ({ ci_low }) => ci_low),
    ci_high: Float64Array.from(metrics, ({ ci_high }) => ci_high),
  });
  for (const metric of metrics) {
    const line = caution(model, task, metric);
    if (line) log(line);
  }
}

async function writeAnswers(
  { outputs }: Context,
  model: string,
  task: string,
  answers: readonly Answer[],
): Promise<void> {
  await outputs.samples.write({
    model: answers.map(() => model),
    task: answers.map(() => task),
    question: Int32Array.from(answers, ({ question }) => question),
    sample: Int32Array.from(answers, ({ sample }) => sample),
    prompt: answers.map(({ prompt }) => prompt),
    output: answers.map(({ output }) => output.toWellFormed()),
    reference: answers.map(({ reference }) => reference),
    correct: Uint8Array.from(answers, ({ scores }) => Object.values(scores)[0] ? 1 : 0),
  });
}
