/**
 * Rows of batches for a terminal.
 *
 * @module
 */
import type { Batch, ports } from "../../stage/mod.ts";

type Samples = Batch<typeof ports.batch_samples.columns>;

const BOLD = "\x1b[1m", DIM = "\x1b[2m", GREEN = "\x1b[32m", RESET = "\x1b[0m";

/**
 * Text on which loss is taken in green, the rest dim; without colour the rest stands in ⟦ ⟧. A bar marks where a
 * document begins that does not see the one before it.
 */
export function renderSamples(samples: Samples, { color }: { color: boolean }): string {
  const lines: string[] = [
    color
      ? `${GREEN}supervised${RESET}  ${DIM}not supervised${RESET}`
      : "Loss is taken on all but what stands in ⟦ ⟧.",
  ];
  const rows = Map.groupBy(samples.row.keys(), (run) => samples.row[run]);
  for (const [row, runs] of rows) {
    const all = runs.reduce((sum, run) => sum + samples.tokens[run], 0);
    const learned = runs.reduce((sum, run) => {
      return sum + (samples.supervised[run] ? samples.tokens[run] : 0);
    }, 0);
    const source = visible(samples.source[runs[0]]);
    const head = `step ${samples.step[runs[0]]}, row ${row}: ${source}, ` +
      `${all} tokens, ${learned} supervised`;
    lines.push("", color ? BOLD + head + RESET : head);
    lines.push(runs.map((run, i) => renderRun(samples, run, i > 0, color)).join(""));
  }
  return lines.join("\n");
}

function renderRun(samples: Samples, run: number, after: boolean, color: boolean): string {
  const begins = after && samples.document[run] !== samples.document[run - 1];
  const text = visible(samples.text[run]);
  const shown = samples.supervised[run]
    ? (color ? GREEN + text + RESET : text)
    : (color ? DIM + text + RESET : `⟦${text}⟧`);
  return begins ? `\n── document ──\n${shown}` : shown;
}

/**
 * Control characters, C1 among them, would move the cursor or change colours, and marks of direction would turn text
 * around: they are shown as pictures or as U+FFFD. Line ends stay.
 */
function visible(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    if (code > 0x7f) return "\ufffd";
    return code === 9 ? "→   " : String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);
  });
}
