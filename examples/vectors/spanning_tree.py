"""Golden vectors of the spanning tree on a sampler of one's own: put yours in the place of `kruskal`, `log_prob` and `score`.

    python3 examples/vectors/spanning_tree.py vectors
"""
import json, math, sys


def kruskal(vertices, edges, weights):
    """The edges of the minimum spanning tree in the order in which they are chosen; `weights` has None where there is no edge."""
    component, chosen = list(range(vertices)), []
    for k in sorted((k for k, w in enumerate(weights) if w is not None), key=lambda k: weights[k]):
        a, b = (component[end] for end in edges[k])
        if a != b:
            chosen.append(edges[k])
            component = [a if c == b else c for c in component]
    return chosen


def races(vertices, edges, rates, trace):
    """For each race the entrants and the winner, as numbers of edges."""
    component = list(range(vertices))
    for u, v in trace:
        yield [k for k, (i, j) in enumerate(edges) if rates[k] and component[i] != component[j]], edges.index([u, v])
        component = [component[u] if c == component[v] else c for c in component]


def log_prob_and_score(vertices, edges, rates, trace):
    log_prob, score = 0.0, [0.0] * len(edges)
    for entrants, winner in races(vertices, edges, rates, trace):
        total = sum(rates[k] for k in entrants)
        log_prob += math.log(rates[winner] / total)
        score[winner] -= 1
        for k in entrants:
            score[k] += rates[k] / total
    return log_prob, score


wrong = count = 0
for operation in "run", "trace":
    for group in json.load(open(f"{sys.argv[1]}/spanning_tree_{operation}.json"))["groups"]:
        vertices, edges, rates = group["model"]["vertices"], group["entries"], group["rates"]
        for case in group["cases"]:
            given, want = case["input"], case["expected"]
            if operation == "run":
                trace = kruskal(vertices, edges, given["exponentials"])
                right = trace == want["trace"] and sorted(trace) == want["structure"]
            else:
                log_prob, score = log_prob_and_score(vertices, edges, rates, given["trace"])
                near = lambda a, b: math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
                right = near(log_prob, want["log_prob"]) and all(map(near, score, want["score"]))
            count, wrong = count + 1, wrong + (not right)
            if not right:
                print(f"{case['id']}: {case['comment']}; so do {', '.join(case['catches'])}")
print(f"{wrong} of {count} cases are wrong" if wrong else f"All {count} cases held")
sys.exit(wrong > 0)
