"""Estimates of a gradient by REINFORCE on the trace, as a samples file for `recursive-gumbel check`.

    python3 examples/python/reinforce.py examples/models/k4.json 20000 > samples.jsonl
    recursive-gumbel check examples/models/k4.json samples.jsonl --loss default

Each estimate is the mean over three draws; the baseline of a draw is the mean loss of the others.
"""
import json, random, sys

from kruskal import draw, read


def loss(tree):
    return sum(0 not in edge for edge in tree)


def estimate(draws):
    losses = [loss(one["structure"]) for one in draws]
    gradient = [0.0] * len(draws[0]["score"])
    for i, one in enumerate(draws):
        others = losses[:i] + losses[i + 1:]
        advantage = losses[i] - sum(others) / len(others)
        for k, score in enumerate(one["score"]):
            gradient[k] += advantage * score / len(draws)
    return gradient


if __name__ == "__main__":
    model = read(sys.argv[1])
    rng = random.Random(1)
    for _ in range(int(sys.argv[2])):
        print(json.dumps({"gradient": estimate([draw(*model, rng) for _ in range(3)])}))
