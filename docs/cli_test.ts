import assert from "node:assert/strict";
import { COMMANDS, parseCommand } from "@causeway/core/cli";
import { cliReference } from "./make_cli_reference.ts";

const config = JSON.parse(Deno.readTextFileSync(new URL("../deno.json", import.meta.url)));

Deno.test("docs/cli.md is what the flag tables say (deno run -A docs/make_cli_reference.ts)", async () => {
  const committed = Deno.readTextFileSync(new URL("cli.md", import.meta.url));
  assert.equal(committed, await cliReference());
});

Deno.test("every command is a task of deno.json, described by its summary", () => {
  for (const { name, summary } of COMMANDS) assert.equal(config.tasks[name]?.description, summary);
  const commands = Object.entries<{ command: string }>(config.tasks)
    .filter(([name, { command }]) => command.includes("core/cli/") && !name.includes(":"));
  const names = COMMANDS.map(({ name }) => name);
  assert.deepEqual(commands.map(([name]) => name).toSorted(), names.toSorted());
});

Deno.test("flags are described in full: defaults are valid, and no help line is empty", () => {
  for (const command of COMMANDS) {
    const required = Object.entries(command.flags).filter(([, { required }]) => required);
    const args = required.flatMap(([name]) => [`--${name}`, "x"]);
    const positional = (command.args ?? []).map(() => "x");
    assert.doesNotThrow(() => parseCommand(command, [...args, ...positional]), command.name);
    for (const [name, { help }] of Object.entries(command.flags)) assert.ok(help.length > 4, name);
  }
});
