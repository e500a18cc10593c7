/**
 * The measurements of a phase: kept in memory and in its checkpoints, written as tables at the end.
 *
 * @module
 */
import type { GlobalBatch } from "../batches/mod.ts";
import type { Batch, ports } from "../stage/mod.ts";

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
  /** NaN where it is unknown, which JSON writes as null. */
  bits_per_byte: number | null;
  tokens: number;
}

/** Rows recorded so far. Losses are finite, so JSON keeps them exactly. */
export class MetricsHistory {
  training: TrainingRow[] = [];
  validation: ValidationRow[] = [];

  encode(): Uint8Array {
    const { training, validation } = this;
    return new TextEncoder().encode(JSON.stringify({ training, validation }));
  }

  static decode(bytes: Uint8Array): MetricsHistory {
    return Object.assign(new MetricsHistory(), JSON.parse(new TextDecoder().decode(bytes)));
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

  validationTable(): Batch<typeof ports.validation_metrics.columns> {
    return {
      step: Int32Array.from(this.validation, (row) => row.step),
      source: this.validation.map((row) => row.source),
      loss: Float64Array.from(this.validation, (row) => row.loss),
      bits_per_byte: Float64Array.from(this.validation, (row) => row.bits_per_byte ?? NaN),
      tokens: Float64Array.from(this.validation, (row) => row.tokens),
    };
  }
}

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
