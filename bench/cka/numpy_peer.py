"""NumPy's side of the CKA benchmark: a process that computes on request (json_lines.py).

A pass is linear CKA of every layer of every state with every other, from activations in memory, in float32:

    CKA(X, Y) = ||Yc^T Xc||_F^2 / (||Xc^T Xc||_F ||Yc^T Yc||_F)

Shapes: n positions of all batches, W features per layer, K layers of all states.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "shared"))
from json_lines import serve_requests  # noqa: E402

activations, shape, algorithm = None, None, None


def centred(layer, dtype):
    """All batches of one layer, centred: [n, W]."""
    states, layers = shape["states"], shape["layers"]
    batches = activations[:, layer // layers, layer % layers].reshape(-1, shape["width"]).astype(dtype)
    return batches - batches.mean(axis=0, dtype=np.float64).astype(dtype)


def squared_norms_by_pair(dtype):
    """||Xc^T Yc||_F^2 of each pair of layers [K, K], one product per pair."""
    count = shape["states"] * shape["layers"]
    features = [centred(layer, dtype) for layer in range(count)]
    norms = np.empty((count, count))
    for i in range(count):
        for j in range(i, count):
            product = features[i].T @ features[j]
            norms[i, j] = norms[j, i] = np.vdot(product, product)
    return norms


def squared_norms_at_once(dtype):
    """The same from one product of all layers side by side, which is symmetric, so BLAS computes half of it."""
    count, width = shape["states"] * shape["layers"], shape["width"]
    features = np.concatenate([centred(layer, dtype) for layer in range(count)], axis=1)
    product = (features.T @ features).reshape(count, width, count, width)
    return np.einsum("iajb,iajb->ij", product, product, optimize=False)


ALGORITHMS = {"pair by pair": squared_norms_by_pair, "all at once": squared_norms_at_once}


def cka(squared_norms, dtype=np.float32):
    """Pairs of states in order, and for each pair [layers, layers]: a flat list."""
    norms = squared_norms(dtype)
    own = np.sqrt(np.diag(norms))
    matrix = norms / np.outer(own, own)
    states, layers = shape["states"], shape["layers"]
    blocks = matrix.reshape(states, layers, states, layers)
    return [value for a in range(states) for b in range(a, states) for value in blocks[a, :, b].ravel().tolist()]


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def prepare(**given):
    """Reads the activations and chooses the faster algorithm."""
    global activations, shape, algorithm
    shape = given["activations"]
    sizes = [shape[key] for key in ("batches", "states", "layers", "rows", "width")]
    activations = np.fromfile(shape["file"], dtype=np.float32).reshape(sizes)
    seconds = {name: timed(lambda: cka(norms)) for name, norms in ALGORITHMS.items()}
    name = min(seconds, key=seconds.get)
    algorithm = ALGORITHMS[name]
    return dict(algorithm=name, trials=seconds)


def passes(count):
    return dict(seconds=[timed(lambda: cka(algorithm)) for _ in range(count)])


def values(precision):
    """All results, in "float32" or "float64"."""
    return dict(values=cka(algorithm, np.dtype(precision)))


serve_requests(dict(prepare=prepare, passes=passes, values=values))
