"""Writes tests/fixtures/schedule/golden.json: learning rates of transformers' schedules.

    python tests/parity/make_schedule_fixtures.py

transformers starts the warm-up at 0: step k, counted from 0, uses the rate at k. Causeway uses the rate at k + 1, so
that the first step is not lost and the last one is at the end of the curve. The file has transformers' factors at 1
to T.
"""

import json
import pathlib

import torch
import transformers

WARMUP, HORIZON, DECAY = 7, 60, 12


def factors(make, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer, num_warmup_steps=WARMUP, **options)
    (factor,) = scheduler.lr_lambdas
    return [factor(step) for step in range(1, HORIZON + 1)]


stable = {"num_decay_steps": DECAY, "num_stable_steps": HORIZON - WARMUP - DECAY}
golden = {
    "transformers": transformers.__version__,
    "warmup_steps": WARMUP,
    "horizon_steps": HORIZON,
    "decay_steps": DECAY,
    "cosine": factors(transformers.get_cosine_schedule_with_warmup, num_training_steps=HORIZON),
    "linear": factors(transformers.get_linear_schedule_with_warmup, num_training_steps=HORIZON),
    "constant": factors(transformers.get_constant_schedule_with_warmup),
    "wsd_linear": factors(transformers.get_wsd_schedule, decay_type="linear", **stable),
    "wsd_1-sqrt": factors(transformers.get_wsd_schedule, decay_type="1-sqrt", **stable),
    "wsd_cosine": factors(transformers.get_wsd_schedule, decay_type="cosine", **stable),
}
path = pathlib.Path(__file__).parent.parent / "fixtures" / "schedule" / "golden.json"
path.parent.mkdir(exist_ok=True)
path.write_text(json.dumps(golden) + "\n")
