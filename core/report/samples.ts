/**
 * Rows of training batches on the page: what loss is taken on, and where it comes from.
 *
 * @module
 */
import type { ports } from "../stage/mod.ts";
import type { RowOf } from "./rows.ts";

type SampleRow = RowOf<typeof ports.batch_samples>;

/** One row of a batch. */
export interface ShownSample {
  readonly head: string;
  readonly runs: readonly { text: string; supervised: boolean; begins_document: boolean }[];
}

/** Rows of the first batch of one phase. */
export interface SampleBlock {
  readonly phase: string;
  readonly rows: readonly ShownSample[];
}

/** Longer rows are cut on the page; the whole of them is in the table. */
const MAX_CHARS = 1200;

/** Groups runs by phase and row. */
export function sampleBlocks(samples: Record<string, SampleRow[]>): SampleBlock[] {
  return Object.entries(samples).filter(([, runs]) => runs.length > 0).map(([phase, runs]) => ({
    phase,
    rows: [...Map.groupBy(runs, ({ row }) => row).values()].map(shownSample),
  }));
}

function shownSample(runs: SampleRow[]): ShownSample {
  const count = (some: SampleRow[]) => some.reduce((sum, { tokens }) => sum + tokens, 0);
  const learned = count(runs.filter(({ supervised }) => supervised));
  let room = MAX_CHARS;
  const shown = runs.map((run, i) => {
    const text = run.text.length <= room ? run.text : `${run.text.slice(0, room)} …`;
    room = Math.max(0, room - run.text.length);
    const begins_document = i > 0 && run.document !== runs[i - 1].document;
    return { text, supervised: Boolean(run.supervised), begins_document };
  });
  return {
    head: `${runs[0].source}: ${count(runs)} tokens, ${learned} supervised`,
    runs: shown.filter(({ text }, i) => i === 0 || text !== " …" || shown[i - 1].text !== " …"),
  };
}
