"""Top-k by Gumbel-Max in PyTorch, all draws at once and in single precision, as arrays for `recursive-gumbel check`.

    python3 examples/python/top_k_torch.py examples/models/top_k.json 200000 samples.npz
    recursive-gumbel check examples/models/top_k.json samples.npz

The logit of a position is the log of the mean of its weight, minus the log of its rate.
"""
import json, sys
from fractions import Fraction

import numpy as np
import torch


def draw(logits, k, count):
    n = len(logits)
    rate = torch.exp(-logits)
    weights = torch.empty(count, n).exponential_() * torch.exp(logits)
    order = weights.argsort(dim=1)
    trace = order[:, :k]
    # Who races in race r: the positions that did not win before. Sums from the last backwards.
    totals = rate[order].flip(1).cumsum(1).flip(1)[:, :k]
    shares = rate[trace] / totals
    arrival = (torch.empty(count, k).exponential_() / totals).cumsum(1)
    conditional = arrival[:, -1:] + torch.empty(count, n).exponential_() / rate
    conditional.scatter_(1, trace, arrival)
    held = (1 / totals).cumsum(1)
    score = (held[:, -1:] * rate).scatter_(1, trace, held * rate[trace] - 1)
    return {
        "structure": trace.sort(dim=1).values,
        "trace": trace,
        "log_prob": shares.log().sum(1),
        "score": score,
        "exponentials": weights,
        "conditional": conditional,
    }


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        model = json.load(file)
    rate = torch.tensor([float(Fraction(str(rate))) for rate in model["rates"]])
    torch.manual_seed(1)
    draws = draw(-rate.log(), model["k"], int(sys.argv[2]))
    np.savez(sys.argv[3], **{name: column.numpy() for name, column in draws.items()})
