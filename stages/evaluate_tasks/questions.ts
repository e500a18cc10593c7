/**
 * The questions of tasks: records of datasets, found where the datasets are, with the columns that scoring needs.
 *
 * @module
 */
import { join } from "node:path";
import {
  type Columns,
  compileTemplate,
  type DatasetCard,
  findSplitFiles,
  recordCard,
  type RecordPath,
  type Render,
  type Split,
} from "../../core/readers/mod.ts";
import { RECORD_SETS, type RecordSet } from "../../datasets/mod.ts";

/** Tasks are named after their datasets. */
export type TaskName = "gsm8k" | "sciq" | "mbpp";

interface Source {
  /** Columns that prompts and scores are made from. */
  readonly columns: readonly string[];
  /** Where the hub has the questions, where that is not all that the dataset holds out. */
  readonly hub?: string;
  /** Whether solved examples come from the training set. */
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
export function datasetOf(task: TaskName): RecordSet {
  return RECORD_SETS.find(({ name }) => name === task)!;
}

/** What a task's config says of its records. */
export interface QuestionOptions {
  /** Solved examples before each question. */
  readonly shots?: number;
  readonly path?: Paths | undefined;
}

interface Paths {
  readonly validation: RecordPath;
  readonly train?: RecordPath | undefined;
}

/**
 * The card of a task's questions: of the records that its dataset holds out, and with `shots` of those it trains on.
 *
 * @throws {Error} naming the folder of the data root that holds no questions, or the lack of solved examples.
 */
export function questionCard(task: TaskName, { shots = 0, path }: QuestionOptions): DatasetCard {
  const { columns, shots_from_train } = SOURCES[task];
  const { name, title, role, licence, format } = datasetOf(task);
  const { validation, train } = path ?? datasetPaths(task);
  const wants_train = shots > 0 && shots_from_train;
  if (wants_train && (train === undefined || train.length === 0)) {
    throw new Error(
      `task "${task}" takes its ${shots} shots from a training set, and there is none; add train… beside the ` +
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

/** Where the dataset is: in the data root if there is one, else on the hub. */
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
    `task "${task}": ${folder} holds no file named test… or validation…; put test.jsonl or the like there, or leave ` +
      "--data-root (CAUSEWAY_DATA_ROOT) out to read the questions from the Hugging Face hub",
  );
}

/** `CAUSEWAY_DATA_ROOT`; undefined where it is empty, unset or may not be read. */
function dataRoot(): string | undefined {
  try {
    return Deno.env.get("CAUSEWAY_DATA_ROOT") || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/**
 * Reads the records of a task in their order, held-out ones and those to learn from.
 *
 * @param revision that of the config: what is kept under its key must have been made from it.
 * @throws {Error} when the data are not at the revision.
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
  if (await card.revision() === revision) return records;
  throw new Error(`the questions of "${task}" changed since the recipe was loaded; run it again`);
}

/** `max` items at even distances over all of them. @returns them with their places. */
export function spread<T>(items: readonly T[], max = items.length): [place: number, item: T][] {
  const taken = Math.min(items.length, max);
  return Array.from({ length: taken }, (_, i) => {
    const place = Math.floor(i * items.length / taken);
    return [place, items[place]];
  });
}

/** The prompt and the answer of a record as the dataset's card has them for fine-tuning. */
export function asInTuning(task: TaskName): { prompt: Render; answer: Render } {
  const { prompt = "", text } = datasetOf(task);
  const render = (part: string | Render) => typeof part === "string" ? compileTemplate(part) : part;
  return { prompt: render(prompt), answer: render(text) };
}
