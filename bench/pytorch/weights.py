"""Weights that Causeway wrote, as NumPy arrays."""

import json

import numpy as np


def read_weights(path):
    """Names and float32 arrays of a safetensors file, one at a time, so that the whole file is never in memory."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{name} is {entry['dtype']}, not F32")
        start, end = entry["data_offsets"]
        data = np.fromfile(path, dtype="<f4", count=(end - start) // 4, offset=8 + length + start)
        yield name, data.reshape(entry["shape"])
