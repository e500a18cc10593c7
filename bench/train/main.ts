/**
 * `deno task bench:train`: whole training steps of Causeway against PyTorch's.
 *
 * @module
 */
import { main } from "../shared/command.ts";

const task = { name: "train", ours: new URL("ours.ts", import.meta.url) } as const;

if (import.meta.main) Deno.exit(await main(task, "Training speed against PyTorch", Deno.args));
