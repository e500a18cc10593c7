/**
 * Answers so far: reported, and kept in checkpoints so that an interrupted run goes on.
 *
 * @module
 */
import type { StageContext } from "../../core/stage/mod.ts";
import type { Answer } from "./task.ts";

const FILE = "answers.json";

/** Milliseconds between two reports while questions are being answered. */
const PULSE_MS = 1000;

type Context = Pick<
  StageContext<unknown, Record<never, never>, Record<never, never>>,
  "checkpoints" | "report" | "signal"
>;

/** Portions of answers, in the order in which they are asked for. */
export class Progress {
  /** Questions that have been answered. */
  done = 0;
  #portion = 0;
  #next_report = Date.now() + PULSE_MS;

  private constructor(
    readonly context: Context,
    readonly total: number,
    readonly portions: Answer[][],
  ) {}

  /** Takes up what an interrupted run has left. */
  static async begin(context: Context, total: number): Promise<Progress> {
    const saved = await context.checkpoints.latest();
    const text = saved && new TextDecoder().decode(await saved.read(FILE));
    return new Progress(context, total, text === undefined ? [] : JSON.parse(text));
  }

  /** The answers to the next questions: from the checkpoint, or made and kept. */
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

  /** To be called while a portion is made: whoever reports sees a request to stop. @throws its reason. */
  pulse(): void {
    if (Date.now() >= this.#next_report) {
      this.#next_report = Date.now() + PULSE_MS;
      this.context.report(this.done, {}, this.total);
    }
    this.context.signal.throwIfAborted();
  }
}
