"""Random spanning trees in plain Python, as a samples file for `recursive-gumbel check`.

    python3 examples/python/kruskal.py examples/models/k4.json 20000 > samples.jsonl
    recursive-gumbel check examples/models/k4.json samples.jsonl

The rate of an edge is one over the mean of its weight.
"""
import json, math, random, sys
from fractions import Fraction


def draw(vertices, edges, rate, rng):
    weight = [rng.expovariate(r) for r in rate]
    component = list(range(vertices))
    trace, log_prob = [], 0.0
    score, conditional = [0.0] * len(edges), [0.0] * len(edges)
    while len(trace) < vertices - 1:
        # Who races: the edges between two components. All lose the same time, so the lightest stays the lightest.
        race = [k for k, (u, v) in enumerate(edges) if component[u] != component[v]]
        winner = min(race, key=weight.__getitem__)
        total = sum(rate[k] for k in race)
        time = rng.expovariate(total)  # a winning time of its own, for the conditional draw
        log_prob += math.log(rate[winner] / total)
        for k in race:
            score[k] += rate[k] / total
            conditional[k] += time
        score[winner] -= 1
        trace.append(winner)
        old, new = (component[end] for end in edges[winner])
        component = [new if name == old else name for name in component]
    for k in set(range(len(edges))).difference(trace):
        conditional[k] += rng.expovariate(rate[k])
    return {
        "structure": [edges[k] for k in sorted(trace)],
        "trace": [edges[k] for k in trace],
        "log_prob": log_prob,
        "score": score,
        "exponentials": weight,
        "conditional": conditional,
    }


def read(path):
    with open(path) as file:
        model = json.load(file)
    edges = [edge[:2] for edge in model["edges"]]
    rate = [float(Fraction(str(edge[2]))) for edge in model["edges"]]
    return model["vertices"], edges, rate


if __name__ == "__main__":
    vertices, edges, rate = read(sys.argv[1])
    rng = random.Random(1)
    for _ in range(int(sys.argv[2])):
        print(json.dumps(draw(vertices, edges, rate, rng)))
