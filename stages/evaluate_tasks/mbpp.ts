/**
 * MBPP: programs are generated and run against the tests of their problem.
 *
 * @module
 */
import type { Columns } from "../../core/readers/mod.ts";
import { generate } from "../../core/generate/mod.ts";
import type { MbppConfig } from "./config.ts";
import { denoCommand } from "./interpreter.ts";
import { passMetric } from "./metrics.ts";
import { PythonSandbox } from "./python_sandbox.ts";
import { readRecords, spread } from "./questions.ts";
import { type Answer, type Model, promptTokens, type Task } from "./task.ts";

/** Problems by `task_id`: 11 to 510 are the test set, and of the first ten three are shown solved (Austin et al., 2021). */
const TEST = { first: 11, last: 510 };
const SHOTS = [2, 3, 4];

const STOP = ["[DONE]"];

interface Problem {
  readonly place: number;
  readonly parts: readonly string[];
  readonly code: string;
  /** What has to run before the tests, and those. */
  readonly tests: readonly string[];
}

/**
 * pass@k over the 500 test problems, from `samples` programs each. A program is right when all tests of its problem run
 * after it without an exception, in the sandbox of python_sandbox.ts.
 *
 * The prompt is that of Austin et al. (2021) and lm-evaluation-harness, with `shots` solved problems: it shows the tests,
 * without which the names of functions could not be known. A program ends at "[DONE]" or the end-of-text token.
 */
export async function mbppTask(
  config: MbppConfig,
  { resamples, seed, ...reading }: {
    signal: AbortSignal;
    log: (message: string) => void;
    resamples: number;
    seed: number;
  },
): Promise<Task> {
  const deno = denoCommand();
  const problems = readProblems((await readRecords("mbpp", config, reading)).validation, config);
  let sandbox: Promise<PythonSandbox> | undefined;
  const processes = Math.min(4, navigator.hardwareConcurrency);
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
    throw new Error(`mbpp lacks the problem of task_id ${id}, which is shown solved; lower shots`);
  };
  const shots = SHOTS.slice(0, config.shots).flatMap((id) => {
    const record = byId(id);
    return [promptOf(record), `${codeOf(record)}\n[DONE]\n\n`];
  });
  const places = records.flatMap(({ task_id }, place) =>
    Number(task_id) >= TEST.first && Number(task_id) <= TEST.last ? [place] : []
  );
  if (places.length === 0) {
    throw new Error(`mbpp holds no problem of task_id ${TEST.first} to ${TEST.last}`);
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

/** Programs of each problem, `samples` of them. */
async function writePrograms(
  model: Model,
  problems: readonly Problem[],
  { samples, temperature, top_p, max_new_tokens }: MbppConfig,
): Promise<string[][]> {
  const { decoder, weights, tokenizer, seed, pulse } = model;
  const prompts = problems.flatMap(({ place, parts }) => {
    const tokens = promptTokens(model, parts, max_new_tokens);
    return Array.from({ length: samples }, (_, i) => ({ tokens, sample: place * samples + i }));
  });
  const options = { max_new_tokens, temperature, top_p, stop: STOP, seed, onToken: pulse };
  const completions = await generate(decoder, weights, tokenizer, prompts, options);
  return problems.map((_, i) =>
    completions.slice(i * samples, (i + 1) * samples).map(({ text }) => text)
  );
}

/** Runs every program once, several at a time. @returns which pass, for each problem. */
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
