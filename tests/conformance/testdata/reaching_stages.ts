/**
 * Stages that access what a recipe must grant.
 *
 * @module
 */
import { z } from "zod";
import { defineStage, files } from "@causeway/core/stage";

const outputs = { text: files("text", "what was found") };

/** Kinds of access, each to something with a name. */
const REACH = {
  env: (name: string) => Deno.env.get(name) ?? "",
  read: (path: string) => Deno.readTextFileSync(path),
  write: (path: string) => Deno.writeTextFileSync(path, "x"),
  net: async (url: string) => await (await fetch(url)).text(),
  run: async (program: string) => {
    const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout);
  },
  ffi: (library: string) => Deno.dlopen(library, {}).close(),
  sys: () => Deno.hostname(),
};

export const reaching = defineStage({
  name: "reaching",
  version: "1",
  description: "Accesses one thing.",
  config: z.strictObject({
    kind: z.enum(Object.keys(REACH) as [keyof typeof REACH]),
    name: z.string(),
  }),
  inputs: {},
  outputs,
  async run({ config, outputs }) {
    await outputs.text.write("found.txt", `${await REACH[config.kind](config.name)}`);
  },
});

/** Declares what it needs, so that the runner can refuse it before it starts. */
export const asking = defineStage({
  name: "asking",
  version: "1",
  description: "Asks for two hosts.",
  config: z.strictObject({}),
  inputs: {},
  outputs,
  permissions: { net: ["example.org", "example.net:443"] },
  async run({ outputs }) {
    await outputs.text.write("text.txt", "asked");
  },
});

/** Not exported, so that it cannot be loaded alone. */
const hidden = defineStage({ ...asking, name: "hidden", permissions: {} });

export const hiddenStage = () => hidden;
