/**
 * The measurements of a phase: kept in memory, added to by each checkpoint, written as tables at the end.
 *
 * @module
 */
import type { GlobalBatch } from "../batches/mod.ts";
import type { Batch, NewRows, ports } from "../stage/mod.ts";
import type { DocumentLoss } from "./document_losses.ts";

interface TrainingRow {
  step: number;
  tokens: number;
  loss: number;
  learning_rate: number;
  grad_norm: number;
}

interface ValidationRow {
  step: number;
  source: string;
  loss: number;
  bits_per_byte: number | null;
  tokens: number;
}

/** Losses of the documents of one source, kept as one row. */
interface DocumentRow {
  step: number;
  source: string;
  documents: readonly DocumentLoss[];
}

/** Name of the rows in a checkpoint: a line of JSON for each, in the order in which they were measured. */
export const METRICS = "metrics.jsonl";

/** Rows recorded so far. Losses are finite, so JSON keeps them exactly. */
export class MetricsHistory {
  readonly training: TrainingRow[] = [];
  readonly validation: ValidationRow[] = [];
  readonly documents: DocumentRow[] = [];
  /** Lines that no checkpoint has yet, and the length of those before them in bytes. */
  #new_lines: string[] = [];
  #written = 0;

  add(row: TrainingRow | ValidationRow | DocumentRow): void {
    this.#remember(row);
    this.#new_lines.push(JSON.stringify(row) + "\n");
  }

  /** The rows since the last call, for the next checkpoint. */
  takeNew(): NewRows {
    const at = this.#written;
    const bytes = new TextEncoder().encode(this.#new_lines.join(""));
    this.#written += bytes.length;
    this.#new_lines = [];
    return { name: METRICS, at, bytes };
  }

  /** @param bytes rows of a checkpoint; decoded line by line, since all of them may be too long for one string. */
  static decode(bytes: Uint8Array): MetricsHistory {
    const history = new MetricsHistory();
    const decoder = new TextDecoder();
    for (let start = 0, end; start < bytes.length; start = end + 1) {
      end = bytes.indexOf(NEWLINE, start);
      history.#remember(JSON.parse(decoder.decode(bytes.subarray(start, end))));
    }
    history.#written = bytes.length;
    return history;
  }

  #remember(row: TrainingRow | ValidationRow | DocumentRow): void {
    if ("documents" in row) this.documents.push(row);
    else if ("source" in row) this.validation.push(row);
    else this.training.push(row);
  }

  trainingTable(): Batch<typeof ports.training_metrics.columns> {
    const column = (name: keyof TrainingRow) =>
      Float64Array.from(this.training, (row) => row[name]);
    return {
      step: Int32Array.from(this.training, (row) => row.step),
      tokens: column("tokens"),
      loss: column("loss"),
      learning_rate: column("learning_rate"),
      grad_norm: column("grad_norm"),
    };
  }

  documentTable(): Batch<typeof ports.document_losses.columns> {
    const rows = this.documents.flatMap(({ step, source, documents }) =>
      documents.map((document) => ({ step, source, ...document }))
    );
    return {
      step: Int32Array.from(rows, (row) => row.step),
      source: rows.map((row) => row.source),
      document: Int32Array.from(rows, (row) => row.document),
      loss_sum: Float64Array.from(rows, (row) => row.loss_sum),
      tokens: Int32Array.from(rows, (row) => row.tokens),
    };
  }

  validationTable(): Batch<typeof ports.validation_metrics.columns> {
    return {
      step: Int32Array.from(this.validation, (row) => row.step),
      source: this.validation.map((row) => row.source),
      loss: Float64Array.from(this.validation, (row) => row.loss),
      bits_per_byte: this.validation.map((row) => row.bits_per_byte),
      tokens: Float64Array.from(this.validation, (row) => row.tokens),
    };
  }
}

const NEWLINE = 10;

/** A phase reports its mixture about this often. */
const REPORTS = 100;

/**
 * Counts the input tokens of each source since the last report, as `drawn_tokens/SOURCE`. In a resumed phase counting
 * begins where it resumes.
 */
export class DrawnTokens {
  #drawn = new Map<string, number>();
  #steps = 0;

  /** @param steps of the phase. */
  constructor(private readonly steps: number) {}

  add(tokens: GlobalBatch["tokens"]): void {
    this.#steps++;
    for (const [source, count] of tokens) {
      this.#drawn.set(source, (this.#drawn.get(source) ?? 0) + count);
    }
  }

  /** What to report now: nothing most of the time. */
  take(is_last: boolean): Record<string, number> {
    if (!is_last && this.#steps < this.steps / REPORTS) return {};
    const report = [...this.#drawn].map(([source, tokens]) => [`drawn_tokens/${source}`, tokens]);
    this.#drawn = new Map();
    this.#steps = 0;
    return Object.fromEntries(report);
  }
}
