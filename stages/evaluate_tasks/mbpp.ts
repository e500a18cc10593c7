/**
 * MBPP: generates programs and runs them against the tests of their problem.
 *
 * @module
 */
import { z } from "zod";
import { positive_int } from "@causeway/core/config";
import { generate } from "@causeway/core/generate";
import type { Columns } from "@causeway/core/readers";
import { denoCommand, processCount, PythonSandbox } from "./python_sandbox.ts";
import { pin, question_fields, readRecords, spread } from "./questions.ts";
import {
  type Answer,
  type Model,
  passMetric,
  type Reading,
  type Task,
  taskPrompt,
} from "./task.ts";

/** Python problems: generates programs and runs them against the problem's tests. */
export const mbpp_schema = z.strictObject({
  /** Number of few-shot examples before each problem; the dataset has three for this purpose. */
  shots: z.int().nonnegative().max(3).default(3),
  /** Programs generated per problem. */
  samples: positive_int.default(1),
  /** Values of k for pass@k, at most `samples`. */
  k: z.array(positive_int).min(1).default([1]),
  /** Sampling temperature; 0 is greedy decoding, with `samples: 1`. */
  temperature: z.number().nonnegative().default(0.8),
  /** Nucleus sampling: samples from the most likely tokens that together have this probability. */
  top_p: z.number().positive().max(1).default(0.95),
  /** Maximum number of generated tokens per program. */
  max_new_tokens: positive_int.default(256),
  /** Time limit of a program and its tests in seconds of wall-clock time; exceeding it counts as failed. */
  timeout_seconds: z.number().positive().default(10),
  /** Memory limit of a program in MiB; exceeding it counts as failed. */
  memory_megabytes: z.int().min(64).max(2048).default(256),
  ...question_fields,
}).refine(({ k, samples }) => k.every((one) => one <= samples), "k must not exceed samples")
  .refine(
    ({ temperature, samples }) => temperature > 0 || samples === 1,
    "samples must be 1 at temperature 0, which gives the same program every time",
  ).transform(pin("mbpp"));

type MbppConfig = z.output<typeof mbpp_schema>;

/** Problems by `task_id`: 11 to 510 are the test set, and three of the first ten the few-shot examples (Austin et al., 2021). */
const TEST = { first: 11, last: 510 };
const SHOTS = [2, 3, 4];

const STOP = ["[DONE]"];

interface Problem {
  readonly place: number;
  readonly parts: readonly string[];
  readonly code: string;
  /** Set-up code, then the tests. */
  readonly tests: readonly string[];
}

/**
 * pass@k over the 500 test problems, from `samples` programs each. A program passes if all tests of its problem run after
 * it without an exception, in the sandbox of python_sandbox.ts.
 *
 * The prompt is that of Austin et al. (2021) and lm-evaluation-harness, with `shots` examples. It includes the tests,
 * since they give the function names. A program ends at "[DONE]" or the end-of-text token.
 */
export async function mbppTask(
  config: MbppConfig,
  { resamples, seed, ...reading }: Reading & { resamples: number; seed: number },
): Promise<Task> {
  const deno = denoCommand();
  const problems = readProblems((await readRecords("mbpp", config, reading)).validation, config);
  let sandbox: Promise<PythonSandbox> | undefined;
  const processes = processCount();
  return {
    name: "mbpp",
    questions: problems.length,
    async answer(model, start, end) {
      const asked = problems.slice(start, end);
      const programs = await writePrograms(model, asked, config);
      sandbox ??= PythonSandbox.create({ ...config, deno, processes });
      const passed = await judge(await sandbox, asked, programs, processes, model);
      return asked.flatMap(({ place, parts, code }, i) =>
        programs[i].map((program, sample): Answer => ({
          question: place,
          sample,
          prompt: parts.join(""),
          output: program,
          reference: code,
          scores: { pass: passed[i].get(program)! },
        }))
      );
    },
    metrics: (answers) => config.k.map((k) => passMetric(answers, k, { seed, resamples })),
    async close() {
      await sandbox?.then((open) => open.close(), () => {});
    },
  };
}

function readProblems(records: readonly Columns[], config: MbppConfig): Problem[] {
  const byId = (id: number) => {
    const record = records.find(({ task_id }) => Number(task_id) === id);
    if (record) return record;
    throw new Error(`mbpp has no problem with task_id ${id}, a few-shot example; lower shots`);
  };
  const shots = SHOTS.slice(0, config.shots).flatMap((id) => {
    const record = byId(id);
    return [promptOf(record), `${codeOf(record)}\n[DONE]\n\n`];
  });
  const places = records.flatMap(({ task_id }, place) =>
    Number(task_id) >= TEST.first && Number(task_id) <= TEST.last ? [place] : []
  );
  if (places.length === 0) {
    throw new Error(`mbpp has no problem with a task_id from ${TEST.first} to ${TEST.last}`);
  }
  return spread(places, config.max_questions).map(([, place]) => {
    const record = records[place];
    return {
      place,
      parts: [...shots, promptOf(record)],
      code: codeOf(record),
      tests: [String(record.test_setup_code ?? ""), ...record.test_list as string[]],
    };
  });
}

function promptOf({ text, test_list }: Columns): string {
  return `You are an expert Python programmer, and here is your task: ${text} Your code should pass these tests:\n\n` +
    `${(test_list as string[]).join("\n")}\n[BEGIN]\n`;
}

const codeOf = ({ code }: Columns) => String(code).replaceAll("\r\n", "\n");

/** Generates `samples` programs for each problem. */
async function writePrograms(
  model: Model,
  problems: readonly Problem[],
  { samples, temperature, top_p, max_new_tokens }: MbppConfig,
): Promise<string[][]> {
  const { decoder, weights, tokenizer, seed, pulse } = model;
  const prompts = problems.flatMap(({ place, parts }) => {
    const prompt = taskPrompt(model, parts.join(""), max_new_tokens);
    return Array.from({ length: samples }, (_, i) => ({ ...prompt, sample: place * samples + i }));
  });
  const options = { max_new_tokens, temperature, top_p, stop: STOP, seed, onToken: pulse };
  const completions = await generate(decoder, weights, tokenizer, prompts, options);
  return problems.map((_, i) =>
    completions.slice(i * samples, (i + 1) * samples).map(({ text }) => text)
  );
}

/** Runs every distinct program once, several in parallel. @returns whether it passes, by problem and program. */
async function judge(
  sandbox: PythonSandbox,
  problems: readonly Problem[],
  programs: readonly (readonly string[])[],
  processes: number,
  { signal, pulse }: Model,
): Promise<Map<string, boolean>[]> {
  const passed = problems.map(() => new Map<string, boolean>());
  const jobs = programs.flatMap((of_problem, i) =>
    [...new Set(of_problem)].map((program) => ({ i, program }))
  );
  const work = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const { i, program } = job;
      const verdict = await sandbox.run(program, problems[i].tests, signal);
      passed[i].set(program, verdict === "passed");
      pulse();
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return passed;
}
