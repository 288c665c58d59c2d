"""Random spanning trees in NumPy, as arrays for `recursive-gumbel check`, in double or single precision.

    python3 examples/python/kruskal_numpy.py examples/models/k4.json 20000 samples.npz float32
    recursive-gumbel check examples/models/k4.json samples.npz

O(n²) per draw beside the sorting: the race in which each edge leaves is known as components are joined.
"""
import json, sys
from fractions import Fraction

import numpy as np


def draw(vertices, ends, rate, rng):
    def exponential(rate):
        return (rng.exponential(size=rate.shape) / rate).astype(rate.dtype)

    weight = exponential(rate)
    component = np.arange(vertices)
    joined = np.zeros((vertices, vertices), dtype=int)  # the race that joined two vertices
    trace = []
    for k in np.argsort(weight, kind="stable"):
        u, v = component[ends[k]]
        if u != v:
            ours, theirs = np.flatnonzero(component == u), np.flatnonzero(component == v)
            joined[np.ix_(ours, theirs)] = joined[np.ix_(theirs, ours)] = len(trace)
            component[theirs] = u
            trace.append(k)
    last = joined[ends[:, 0], ends[:, 1]]
    # Who still races in race r: the edges that leave in r or later. Sums from the last race back.
    total = np.cumsum(np.bincount(last, rate, vertices - 1)[::-1])[::-1].astype(rate.dtype)
    log_prob = np.sum(np.log(rate[trace]) - np.log(total), dtype=rate.dtype)
    score = rate * np.cumsum(1 / total, dtype=rate.dtype)[last]
    score[trace] -= 1
    conditional = np.cumsum(exponential(total), dtype=rate.dtype)[last]
    loses = np.ones(len(ends), dtype=bool)
    loses[trace] = False
    conditional[loses] += exponential(rate[loses])
    return ends[np.sort(trace)], ends[trace], log_prob, score, weight, conditional


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        model = json.load(file)
    ends = np.array([edge[:2] for edge in model["edges"]])
    rate = np.array([float(Fraction(str(edge[2]))) for edge in model["edges"]], dtype=sys.argv[4])
    rng = np.random.default_rng(1)
    draws = [draw(model["vertices"], ends, rate, rng) for _ in range(int(sys.argv[2]))]
    names = ["structure", "trace", "log_prob", "score", "exponentials", "conditional"]
    np.savez(sys.argv[3], **{name: np.array(column) for name, column in zip(names, zip(*draws))})
