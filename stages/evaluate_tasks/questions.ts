/**
 * The questions of tasks: records of datasets with the columns that scoring needs, and their config fields.
 *
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { pinRevision, positive_int } from "@causeway/core/config";
import {
  type Columns,
  compileTemplate,
  type DatasetCard,
  findSplitFiles,
  hubOrigins,
  recordCard,
  type RecordPath,
  type Render,
  type Split,
} from "@causeway/core/readers";
import { RECORD_SETS, type RecordSet } from "@causeway/datasets";
import { counted } from "@causeway/core/words";

/** Tasks are named after their datasets. */
type TaskName = "gsm8k" | "sciq" | "mbpp";

interface Source {
  /** Columns used in prompts and scoring. */
  readonly columns: readonly string[];
  /** Location of the questions on the hub, if not the dataset's validation split. */
  readonly hub?: string;
  /** Whether few-shot examples come from the training set. */
  readonly shots_from_train: boolean;
}

const SCIQ = "hf://allenai/sciq@2c94ad3e1aafab77146f384e23536f97a4849815";

const SOURCES: Readonly<Record<TaskName, Source>> = {
  gsm8k: { columns: ["question", "answer"], shots_from_train: true },
  sciq: {
    columns: [
      ...["question", "correct_answer", "support"],
      ...["distractor1", "distractor2", "distractor3"],
    ],
    hub: `${SCIQ}/data/test-*.parquet`,
    shots_from_train: false,
  },
  mbpp: {
    columns: ["task_id", "text", "code", "test_list", "test_setup_code"],
    shots_from_train: false,
  },
};

/** The dataset of a task. */
function datasetOf(task: TaskName): RecordSet {
  return RECORD_SETS.find(({ name }) => name === task)!;
}

/** Config fields of every task. */
export const question_fields = {
  /** Location of the records in any supported file format; the dataset's own when not set. */
  path: z.strictObject({
    /** The questions: a file, glob or folder, or `hf://org/name@revision/glob` on the Hugging Face Hub. */
    validation: z.string(),
    /** Few-shot examples, if `shots` takes them from a training set. */
    train: z.string().optional(),
  }).optional(),
  /** Asks this many questions, evenly spaced over all; all when not set. */
  max_questions: positive_int.optional(),
  /** Revision of the data, part of the artifact key. Filled in automatically; if set, it must be the current one. */
  revision: z.string().optional(),
};

type QuestionFields = z.output<z.ZodObject<typeof question_fields>>;

/** The part of a task's config that selects its records. */
interface QuestionOptions extends Partial<Pick<QuestionFields, "path" | "revision">> {
  readonly shots?: number;
}

interface Paths {
  readonly validation: RecordPath;
  readonly train?: RecordPath | undefined;
}

/**
 * The dataset card of a task's questions: the dataset's validation records, and its training records if `shots` needs
 * them.
 *
 * @throws {Error} when the data root has no questions, or there are no few-shot examples.
 */
function questionCard(task: TaskName, { shots = 0, path }: QuestionOptions): DatasetCard {
  const { columns, shots_from_train } = SOURCES[task];
  const { name, title, role, licence, format } = datasetOf(task);
  const { validation, train } = path ?? datasetPaths(task);
  const wants_train = shots > 0 && shots_from_train;
  if (wants_train && (train === undefined || train.length === 0)) {
    throw new Error(
      `task "${task}" takes its ${
        counted(shots, "shot")
      } from a training set, and there is none; add a train… file beside the ` +
        "questions, or set shots to 0",
    );
  }
  return recordCard({
    ...{ name, title, role, licence, format, columns },
    path: { validation, ...(wants_train ? { train } : {}) },
    text: (record) => JSON.stringify(columns.map((column) => record[column])),
    reader_version: 1,
  });
}

/** The location of the dataset: in the data root if one is set, else on the hub. */
function datasetPaths(task: TaskName): Paths {
  const data_root = dataRoot();
  if (data_root !== undefined) return filesIn(join(data_root, task), task);
  const { train, validation } = datasetOf(task).hub as Paths;
  return { train, validation: SOURCES[task].hub ?? validation };
}

function filesIn(folder: string, task: TaskName): Paths {
  const files = findSplitFiles(folder, datasetOf(task).format);
  if (files && files.validation.length > 0) return files;
  throw new Error(
    `task "${task}": ${folder} has no file named test… or validation…; put test.jsonl or similar there, or remove ` +
      "--data-root (CAUSEWAY_DATA_ROOT) to read the questions from the Hugging Face Hub",
  );
}

/** `CAUSEWAY_DATA_ROOT`; undefined if it is unset, empty or not readable. */
function dataRoot(): string | undefined {
  try {
    return Deno.env.get("CAUSEWAY_DATA_ROOT") || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/**
 * Reads the records of a task in order, by split.
 *
 * @param revision the config's, which is part of the artifact key.
 * @throws {Error} when the data are no longer at this revision, or have no questions.
 */
export async function readRecords(
  task: TaskName,
  { revision, ...where }: QuestionOptions & { revision: string },
  options: { signal: AbortSignal; log: (message: string) => void },
): Promise<Record<Split, Columns[]>> {
  const card = questionCard(task, where);
  const records: Record<Split, Columns[]> = { train: [], validation: [] };
  for await (const { text, split = "validation" } of card.documents(options)) {
    const values: unknown[] = JSON.parse(text);
    const { columns } = SOURCES[task];
    records[split].push(Object.fromEntries(columns.map((column, i) => [column, values[i]])));
  }
  if (records.validation.length === 0) {
    throw new Error(`task "${task}" has no questions: no row of its files can be asked`);
  }
  if (await card.revision(options) === revision) return records;
  throw new Error(`the questions of "${task}" changed after the recipe was loaded; run it again`);
}

/** Where on the hub the questions of tasks are. */
export function hubQuestions(tasks: { readonly [T in TaskName]?: QuestionOptions }): string[] {
  return (Object.keys(tasks) as TaskName[]).flatMap((task) =>
    tasks[task] ? hubOrigins(questionCard(task, tasks[task])) : []
  );
}

/** Up to `max` evenly spaced items, with their positions. */
export function spread<T>(items: readonly T[], max = items.length): [place: number, item: T][] {
  const taken = Math.min(items.length, max);
  return Array.from({ length: taken }, (_, i) => {
    const place = Math.floor(i * items.length / taken);
    return [place, items[place]];
  });
}

/** The prompt and answer templates of the dataset card, as used in fine-tuning. */
export function asInTuning(task: TaskName): { prompt: Render; answer: Render } {
  const { prompt = "", text } = datasetOf(task);
  const render = (part: string | Render) => typeof part === "string" ? compileTemplate(part) : part;
  return { prompt: render(prompt), answer: render(text ?? "text") };
}

/** Adds the revision of the questions to a task's config, see {@linkcode pinRevision}. */
export function pin(task: TaskName) {
  return <T extends QuestionOptions>(given: T, context: z.core.$RefinementCtx) =>
    pinRevision(given, context, `dataset "${task}"`, () => questionCard(task, given).revision());
}
