/**
 * The evaluate_tasks stage: accuracy of models on downstream tasks. A task is a file with its config schema and a function
 * that makes a {@linkcode Task}.
 *
 * @module
 */
import { computeNeeds } from "@causeway/core/engine";
import { Decoder } from "@causeway/core/generate";
import { checkVocabulary, placeWeights } from "@causeway/core/model";
import {
  batchOf,
  defineStage,
  type FilesInput,
  many,
  ports,
  type StageContext,
  study_ports,
} from "@causeway/core/stage";
import { openTokenizer } from "@causeway/core/tokenizer";
import { checkpointReader, loadParameters } from "@causeway/core/train";
import { type Config, config } from "./config.ts";
import { forecastTasks } from "./forecast.ts";
import { gsm8kTask } from "./gsm8k.ts";
import { mbppTask } from "./mbpp.ts";
import { PYODIDE } from "./python_sandbox.ts";
import { hubQuestions } from "./questions.ts";
import { sciqTask } from "./sciq.ts";
import { type Answer, caution, type Metric, type Model, type Task } from "./task.ts";

const inputs = { models: many(ports.checkpoint) };
const outputs = { results: study_ports.task_results, samples: study_ports.task_samples };

type Context = StageContext<Config, typeof inputs, typeof outputs>;

/** Minimum number of questions between two checkpoints of the stage. */
const MIN_PORTION = 32;

/**
 * Asks each model the questions of each task: GSM8K ({@linkcode gsm8kTask}), SciQ ({@linkcode sciqTask}) and MBPP
 * ({@linkcode mbppTask}). Every metric has the number of questions and a 95% interval: Wilson's for proportions, a
 * bootstrap over questions for pass@k. The log warns about metrics that are not above chance, as with small models.
 *
 * All models see the same questions and random numbers.
 */
export const evaluate_tasks = defineStage({
  name: "evaluate_tasks",
  version: "2",
  description: "Asks models questions of GSM8K, SciQ and MBPP, and scores their answers.",
  config,
  inputs,
  outputs,
  // MBPP programs run in separate processes without permissions.
  permissions: { run: ["deno"] },
  requires: ({ tasks, device }) => ({
    compute: computeNeeds({ device }),
    hub: hubQuestions(tasks),
    ...(tasks.mbpp && { permissions: { run: ["deno"] }, packages: [PYODIDE] }),
  }),
  forecast: forecastTasks,
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
        await writeResults(ctx, { model: name, task: task.name }, answers, metrics);
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
      `the checkpoint of model "${name}" has no tokenizer.json; put the tokenizer's files beside its weights`,
    );
  }
  const parameters = await loadParameters(checkpointReader(input));
  const tokenizer = await openTokenizer(input);
  checkVocabulary(tokenizer.vocab_size, parameters.config, `model "${name}"`);
  const weights = await placeWeights(parameters, config.device);
  return { weights, tokenizer, seed, signal };
}

/** Writes the answers and metrics of a model on a task. */
async function writeResults(
  { outputs, log }: Context,
  { model, task }: { readonly model: string; readonly task: string },
  answers: readonly Answer[],
  metrics: readonly Metric[],
): Promise<void> {
  const samples = answers.map(({ scores, output, ...answer }) => {
    const correct = Object.values(scores)[0];
    return { ...answer, model, task, output: output.toWellFormed(), correct };
  });
  await outputs.samples.write(batchOf(study_ports.task_samples, samples));
  const results = metrics.map((metric) => ({ ...metric, model, task }));
  await outputs.results.write(batchOf(study_ports.task_results, results));
  for (const metric of metrics) {
    const line = caution(model, task, metric);
    if (line) log(line);
  }
}

const FILE = "answers.json";

/** Milliseconds between progress reports while questions are being answered. */
const PULSE_MS = 1000;

/** Answers so far: reported as progress, and kept in checkpoints so that an interrupted run can resume. */
class Progress {
  /** Number of answered questions. */
  done = 0;
  #portion = 0;
  #next_report = Date.now() + PULSE_MS;

  private constructor(
    readonly context: Context,
    readonly total: number,
    readonly portions: Answer[][],
  ) {}

  /** Resumes an interrupted run, if there is one. */
  static async begin(context: Context, total: number): Promise<Progress> {
    const saved = await context.checkpoints.latest();
    const text = saved && new TextDecoder().decode(await saved.read(FILE));
    return new Progress(context, total, text === undefined ? [] : JSON.parse(text));
  }

  /** The answers to the next questions: from the checkpoint, or computed and saved. */
  async next(questions: number, make: () => Promise<Answer[]>): Promise<Answer[]> {
    this.context.signal.throwIfAborted();
    const portion = this.#portion++;
    if (portion === this.portions.length) {
      this.portions.push(await make());
      const content = new TextEncoder().encode(JSON.stringify(this.portions));
      await this.context.checkpoints.save(this.portions.length, { [FILE]: content });
    }
    this.done += questions;
    this.context.report(this.done, {}, this.total);
    return this.portions[portion];
  }

  /** Must be called while a portion is computed: reports progress. @throws the reason once the run is stopped. */
  pulse(): void {
    if (Date.now() >= this.#next_report) {
      this.#next_report = Date.now() + PULSE_MS;
      this.context.report(this.done, {}, this.total);
    }
    this.context.signal.throwIfAborted();
  }
}
