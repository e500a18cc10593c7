import assert from "node:assert/strict";
import { runCommand } from "../../../tests/shared/commands.ts";
import { COMMANDS } from "../mod.ts";
import { count, defineCommand, helpText, mainOf, parseCommand, real, whole } from "./command.ts";

const command = defineCommand({
  name: "bake",
  summary: "Bakes bread",
  args: [{ name: "FLOUR", help: "kind of flour" }, {
    name: "NOTE",
    help: "a text",
    optional: true,
  }],
  flags: {
    heat: { value: "C", required: true, help: "temperature of the oven", ...real(0, 300) },
    loaves: count("2", "loaves to bake", 1),
    crust: { value: "KIND", default: "thin", choices: ["thin", "thick"], help: "kind of crust" },
    seed_mix: { value: "NAME", many: true, help: "seeds to add" },
    rest: { value: "N", help: "minutes to rest", ...whole(0) },
    dry_run: { alias: "n", help: "only print what would be done" },
  },
  examples: ["deno task bake rye --heat 230"],
  notes: "Bread keeps for days.",
});

const parse = (...args: string[]) => parseCommand(command, args);

Deno.test("values have the types of the table, and defaults", () => {
  const { flags, args } = parse("rye", "--heat=230", "--seed-mix", "a", "--seed-mix=b", "-n");
  const heat: number = flags.heat;
  const crust: "thin" | "thick" = flags.crust;
  const rest: number | undefined = flags.rest;
  assert.deepEqual([heat, flags.loaves, crust, rest], [230, 2, "thin", undefined]);
  assert.deepEqual([flags.seed_mix, flags.dry_run, args], [["a", "b"], true, ["rye"]]);
});

Deno.test("errors name the flag, what it must be, and what was given", () => {
  const cases: [string[], string][] = [
    [["--heat", "hot"], '--heat must be a number from 0 to 300, got "hot"'],
    [["--heat=1", "--loaves=0"], '--loaves must be a whole number >= 1, got "0"'],
    [["--heat=1", "--crust=soft"], '--crust must be thin or thick, got "soft"'],
    [["--heat="], "--heat needs a value"],
    [[], "--heat is missing; see deno task bake --help"],
    [["--heta", "1"], "unknown flag --heta; did you mean --heat? (see deno task bake --help)"],
    [["--seed", "1"], "unknown flag --seed; did you mean --seed-mix? (see deno task bake --help)"],
    [["--colour"], "unknown flag --colour (see deno task bake --help)"],
    [
      ["--heat=1", "b", "c"],
      'unexpected argument "c"; put a value with spaces in quotes (see deno ' +
      "task bake --help)",
    ],
  ];
  for (const [args, message] of cases) {
    assert.throws(() => parse("rye", ...args), { name: "UsageError", message }, args.join(" "));
  }
  assert.throws(() => parse("--heat=1"), {
    message: "FLOUR is missing; see deno task bake --help",
  });
});

Deno.test("help has the sentence, usage, aligned flags, examples and notes", () => {
  assert.equal(
    helpText(command),
    `Bakes bread.

Usage: deno task bake FLOUR [NOTE] [options]

  FLOUR  kind of flour
  NOTE   a text

Options:
  --heat C         temperature of the oven
  --loaves N       loaves to bake (default: 2)
  --crust KIND     kind of crust (default: thin)
  --seed-mix NAME  seeds to add; may be repeated
  --rest N         minutes to rest
  --dry-run, -n    only print what would be done
  --help, -h       print this help

Example:
  deno task bake rye --heat 230

Bread keeps for days.`,
  );
});

Deno.test("help of every command fits 100 columns", () => {
  for (const command of COMMANDS) {
    for (const line of helpText(command).split("\n")) assert.ok(line.length <= 100, line);
  }
});

Deno.test("exit codes: what the body returns, 1 after a failure, 2 for wrong usage", async () => {
  const run = (body: () => number | void, ...args: string[]) =>
    runCommand(mainOf(command, body), ["rye", "--heat=1", ...args]);
  assert.deepEqual(await run(() => {}), { code: 0, out: "", err: "" });
  assert.equal((await run(() => 75)).code, 75);
  const fail = () => {
    throw new Error("no power");
  };
  assert.deepEqual(await run(fail), { code: 1, out: "", err: "Error: no power" });
  assert.equal((await run(fail, "--x")).code, 2);
  assert.match((await run(fail, "--x", "--help")).out, /^Bakes bread\./);
});
