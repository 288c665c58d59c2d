"""Golden vectors of the spanning tree on a sampler of one's own: put yours in the place of `kruskal` and `log_prob_and_score`.

    python3 examples/vectors/spanning_tree.py vectors
"""
import json, math, sys


def kruskal(vertices, edges, weights):
    """The edges of the minimum spanning tree in the order in which they are chosen; `weights` has None where there is no edge."""
    component, chosen = list(range(vertices)), []
    for k in sorted((k for k, w in enumerate(weights) if w is not None), key=lambda k: weights[k]):
        u, v = edges[k]
        if component[u] != component[v]:
            chosen.append(edges[k])
            component = [component[u] if c == component[v] else c for c in component]
    return chosen


def log_prob_and_score(vertices, edges, rates, trace):
    component, log_prob, score = list(range(vertices)), 0.0, [0.0] * len(edges)
    for u, v in trace:
        race = [k for k, (i, j) in enumerate(edges) if rates[k] and component[i] != component[j]]
        total, winner = sum(rates[k] for k in race), edges.index([u, v])
        log_prob += math.log(rates[winner] / total)
        score = [s + (k in race) * rates[k] / total - (k == winner) for k, s in enumerate(score)]
        component = [component[u] if c == component[v] else c for c in component]
    return log_prob, score


wrong = count = 0
for operation in "run", "trace":
    for group in json.load(open(f"{sys.argv[1]}/spanning_tree_{operation}.json"))["groups"]:
        vertices, edges = group["model"]["vertices"], group["entries"]
        for case in group["cases"]:
            given, want = case["input"], case["expected"]
            if operation == "run":
                trace = kruskal(vertices, edges, given["exponentials"])
                right = trace == want["trace"] and sorted(trace) == want["structure"]
            else:
                log_prob, score = log_prob_and_score(vertices, edges, group["rates"], given["trace"])
                pairs = [(log_prob, want["log_prob"]), *zip(score, want["score"])]
                right = all(math.isclose(found, exact, rel_tol=1e-12, abs_tol=1e-12) for found, exact in pairs)
            count, wrong = count + 1, wrong + (not right)
            if not right:
                print(f"{case['id']}: {case['comment']}; so do {', '.join(case['catches'])}")
print(f"{wrong} of {count} cases are wrong" if wrong else f"All {count} cases held")
sys.exit(wrong > 0)
