/**
 * `deno task bench:evaluate`: the forward pass with its loss, Causeway against PyTorch without gradients.
 *
 * @module
 */
import { main } from "../shared/command.ts";

const task = { name: "evaluate", ours: new URL("ours.ts", import.meta.url) } as const;

if (import.meta.main) Deno.exit(await main(task, "Evaluation speed against PyTorch", Deno.args));
