"""transformers' side of the generation benchmark: a process that generates on request (json_lines.py)."""

import os
import sys
import time

import torch
from transformers import AutoModelForCausalLM

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../shared"))
from json_lines import serve_requests  # noqa: E402

state = {}


def run():
    model, prompts, new_tokens = state["model"], state["prompts"], state["new_tokens"]
    with torch.inference_mode():
        ids = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            do_sample=False,
            min_new_tokens=new_tokens,
            max_new_tokens=new_tokens,
            eos_token_id=None,
            pad_token_id=0,
        )
    return ids[:, prompts.shape[1] :].tolist()


def prepare(folder, prompts, new_tokens, threads, **_):
    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None
    state.update(model=model, prompts=torch.tensor(prompts), new_tokens=new_tokens)
    return {"tokens": run()}


def passes(count):
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


serve_requests({"prepare": prepare, "passes": passes})
