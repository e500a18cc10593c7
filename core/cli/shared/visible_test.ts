/**
 * What models, documents and recipes contain reaches no terminal as it is: every way to print is tried with text that
 * would clear the screen, set its title or reverse a line.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  applyEvent,
  EventLog,
  type RunEvent,
  type RunEventBody,
  type RunState,
} from "../../runs/mod.ts";
import { runCommand, withFolder } from "../../../tests/shared/commands.ts";
import { Progress } from "../run/progress.ts";
import { main as status } from "../runs/status.ts";
import { defineCommand, mainOf } from "./command.ts";
import { ESC, paint, style } from "./console.ts";

const ATTACK = "\x1b[2J\x1b]0;title\x07\x9b31m\u202eabc\ud800\r✓ done\b";
/** What may not be printed; ESC only in front of our own codes. */
// deno-lint-ignore no-control-regex -- the characters that must not appear
const OBEYED = /(?!\x1b\[(?:0|1|2|31|32)m)[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

const assertVisible = (text: string, what: string) => {
  assert.doesNotMatch(text, OBEYED, what);
  assert.match(text, /\\u001b\[2J/, what);
};

Deno.test("errors and results of commands are visible; our own colours work", async () => {
  const command = defineCommand({ name: "x", summary: "x", flags: {}, examples: [] });
  const main = mainOf(command, (_, io) => {
    io.out(style(ATTACK, "green", true));
    io.out(JSON.stringify({ text: ATTACK }));
    throw new Error(ATTACK);
  });
  const { out, err } = await runCommand(main, []);
  assertVisible(out, "output");
  assertVisible(err, "error");
  const [colored, ...json] = out.split("\n");
  assert.ok(colored.startsWith("\x1b[32m\\u001b") && colored.endsWith("\x1b[0m"), colored);
  assert.deepEqual(JSON.parse(json.join("\n")), { text: ATTACK });
  assert.ok(!paint(`esc:[2J${ESC.slice(0, -1)}`).includes("\x1b"));
});

const EVENTS: RunEventBody[] = [
  {
    ...{ type: "run_started", run: "r", recipe: "r", description: ATTACK },
    plan: [{ id: "trunk", stage: "s", action: "run", reasons: [ATTACK] }],
  },
  { type: "step_started", step: "trunk", key: "k", reasons: [ATTACK] },
  { type: "log", step: "trunk", message: `${ATTACK}\n✓ trunk` },
  { type: "sample", step: "trunk", done: 1, prompt: ATTACK, text: ATTACK },
  { type: "step_failed", step: "trunk", message: ATTACK },
  { type: "run_failed", message: ATTACK },
];

Deno.test("progress shows samples, logs and errors on lines of their own", () => {
  for (const is_terminal of [true, false]) {
    let state: RunState | undefined, written = "";
    const write = (text: string) => written += text;
    const progress = new Progress({ is_terminal, color: true, columns: () => 80, write });
    for (const body of EVENTS) {
      const event = { time: 0, ...body } as RunEvent;
      progress.onEvent(event, state = applyEvent(state, event)!);
    }
    progress.close();
    assertVisible(written, "progress");
    assert.doesNotMatch(written, /^✓ trunk/m);
  }
});

Deno.test("the log of events and the status are visible", () =>
  withFolder(async (out) => {
    const id = "20260101-000000-recipe";
    const folder = join(out, "runs", id);
    const log = new EventLog(folder);
    for (const body of EVENTS) log.emit({ ...body, ...("run" in body && { run: id }) });
    log.close();
    const text = Deno.readTextFileSync(join(folder, "events.jsonl"));
    assertVisible(text, "log");
    assert.equal(JSON.parse(text.split("\n")[2]).message, `${ATTACK}\n✓ trunk`);
    for (const args of [[], [id], [id, "--json"]]) {
      const { code, out: printed, err } = await runCommand(status, [...args, "--out", out]);
      assert.equal(code, 0, err);
      assert.doesNotMatch(printed, OBEYED, args.join(" "));
      assert.doesNotMatch(printed, /^✓ trunk/m);
    }
  }));
