/**
 * Runs exported models with transformers.js: jobs as JSON on stdin, results on stdout. A project of its own, since the
 * library and what it needs (200 MB) are installed only where exports are checked.
 *
 * @module
 */
import { AutoModelForCausalLM, AutoTokenizer, env, type Tensor } from "@huggingface/transformers";
import type { Job, JobResult } from "./job.ts";

async function run({ folder, dtype, prompts, max_new_tokens, chats = [] }: Job): Promise<JobResult> {
  env.allowRemoteModels = false;
  env.localModelPath = "/";
  const tokenizer = await AutoTokenizer.from_pretrained(folder);
  const model = await AutoModelForCausalLM.from_pretrained(folder, {
    dtype,
    device: "cpu",
    session_options: { intraOpNumThreads: 1 },
  });
  const result: JobResult = { texts: [], logits: [], answers: [] };
  for (const prompt of prompts) {
    const inputs = tokenizer(prompt);
    const { logits } = await model(inputs) as { logits: Tensor };
    const [, length, vocab_size] = logits.dims;
    const last = (logits.data as Float32Array).slice((length - 1) * vocab_size);
    result.logits.push(Array.from(last));
    const generated = await model.generate({ ...inputs, max_new_tokens, do_sample: false });
    const whole = tokenizer.batch_decode(generated as Tensor, { skip_special_tokens: true });
    const given = tokenizer.batch_decode(inputs.input_ids, { skip_special_tokens: true });
    result.texts.push(whole[0].slice(given[0].length));
  }
  for (const messages of chats) {
    const options = { add_generation_prompt: true, return_dict: true } as const;
    const inputs = tokenizer.apply_chat_template([...messages], options) as { input_ids: Tensor };
    const generated = await model.generate({ ...inputs, max_new_tokens, do_sample: false });
    const { dims: [, length] } = inputs.input_ids, { dims: [, total] } = generated as Tensor;
    const whole = tokenizer.batch_decode(generated as Tensor, { skip_special_tokens: true });
    const given = tokenizer.batch_decode(inputs.input_ids, { skip_special_tokens: true });
    result.answers.push({
      text: whole[0].slice(given[0].length),
      ended: total - length < max_new_tokens,
    });
  }
  await model.dispose();
  return result;
}

const results: JobResult[] = [];
for (const job of await new Response(Deno.stdin.readable).json() as Job[]) {
  results.push(await run(job));
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(results)));
