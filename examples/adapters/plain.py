"""All structures in plain Python, answering line by line: a page to copy from.

    recursive-gumbel harness examples/models/k4.json -- python3 examples/adapters/plain.py

To judge your own sampler, keep `main` and answer with your code in `ops`. The protocol is in docs/src/protocol.md.
"""
import json, math, random, sys


class Model:
    def __init__(self, file, rates):
        self.kind = file["structure"]
        self.rate = rates
        self.present = [k for k, rate in enumerate(rates) if rate > 0]
        matrix = file.get("rates") or file.get("logits")

        def is_entry(u, v):  # of a matrix: null is none, and so is a rate of 0, which may be a text
            cell = matrix[u][v]
            return cell is not None and ("logits" in file or float(str(cell).split("/")[0]) != 0)

        if self.kind in ("spanning_tree", "arborescence"):
            if "edges" in file:
                self.pair = [tuple(edge[:2]) for edge in file["edges"]]
            else:
                n = len(matrix)
                upper = self.kind == "spanning_tree"
                self.pair = [(u, v) for u in range(n) for v in range(n)
                             if (u < v if upper else u != v) and is_entry(u, v)]
            self.size = file["vertices"] if "vertices" in file else n
        elif self.kind == "matching":
            self.size = len(matrix)
            self.pair = [(u, v) for u in range(self.size) for v in range(self.size) if is_entry(u, v)]
        else:
            self.size = len(rates)
        if self.kind in ("spanning_tree", "arborescence", "matching"):
            if len(self.pair) != len(rates):
                raise ValueError(f"{len(self.pair)} entries and {len(rates)} rates")
            self.entry = {pair: k for k, pair in enumerate(self.pair)}
        self.k = {"top_k": file.get("k"), "permutation": self.size, "categorical": 1}.get(self.kind)
        self.root = file.get("root")

    def hold(self, choose):
        """Holds all races; `choose(entrants, who)` says who wins. Returns the races, the structure and the trace."""
        return getattr(self, "hold_" + self.kind)(choose)

    def hold_spanning_tree(self, choose):
        component, races = list(range(self.size)), []
        while len(races) < self.size - 1:
            between = [k for k in self.present if component[self.pair[k][0]] != component[self.pair[k][1]]]
            winner = choose(between, None)
            races.append((between, winner))
            old, new = (component[end] for end in self.pair[winner])
            component = [new if name == old else name for name in component]
        trace = [list(self.pair[winner]) for _, winner in races]
        return races, sorted(trace), trace

    def hold_arborescence(self, choose):
        parts = [frozenset([v]) for v in range(self.size) if v != self.root]
        arc, races = {}, []
        while True:
            for part in parts:
                if part not in arc:
                    entering = [k for k in self.present if self.pair[k][1] in part and self.pair[k][0] not in part]
                    arc[part] = choose(entering, part)
                    races.append((entering, arc[part]))
            before = {part: next((q for q in parts if self.pair[arc[part]][0] in q), None) for part in parts}
            circle = None
            for part in parts:
                seen = []
                while part is not None and part not in seen:
                    seen.append(part)
                    part = before[part]
                if part is not None:
                    circle = seen[seen.index(part):]
                    break
            if circle is None:
                break
            parts = [part for part in parts if part not in circle] + [frozenset().union(*circle)]
        # The largest parts first: what enters a part enters each part inside it that holds the head.
        head = {}
        for part in sorted(arc, key=len, reverse=True):
            if not any(v in part for v in head):
                head[self.pair[arc[part]][1]] = arc[part]
        trace = sorted(({"component": sorted(part), "arc": list(self.pair[k])} for part, k in arc.items()),
                       key=lambda race: (len(race["component"]), race["component"]))
        return races, sorted(list(self.pair[k]) for k in head.values()), trace

    def hold_matching(self, choose):
        rows, columns, races = set(range(self.size)), set(range(self.size)), []
        while rows:
            left = [k for k in self.present if self.pair[k][0] in rows and self.pair[k][1] in columns]
            winner = choose(left, None)
            races.append((left, winner))
            rows.remove(self.pair[winner][0])
            columns.remove(self.pair[winner][1])
        trace = [list(self.pair[winner]) for _, winner in races]
        return races, [column for _, column in sorted(trace)], trace

    def hold_binary_tree(self, choose):
        parent, races = [None] * self.size, []

        def grow(low, high, above):
            if low < high:
                segment = list(range(low, high))
                root = choose(segment, None)
                races.append((segment, root))
                parent[root] = above
                grow(low, root, root)
                grow(root + 1, high, root)

        grow(0, self.size, None)
        return races, parent, parent

    def hold_top_k(self, choose):
        left, races = list(self.present), []
        while len(races) < self.k:
            winner = choose(left, None)
            races.append((list(left), winner))
            left.remove(winner)
        trace = [winner for _, winner in races]
        if self.kind == "categorical":
            return races, trace[0], trace[0]
        return races, trace if self.kind == "permutation" else sorted(trace), trace

    hold_permutation = hold_categorical = hold_top_k

    def run(self, weight):
        """The algorithm on given weights: the smallest wins, and all who raced lose its time."""
        left = list(weight)

        def choose(entrants, who):
            winner = min(entrants, key=left.__getitem__)
            time = left[winner]
            for k in entrants:
                left[k] -= time
            return winner

        return self.hold(choose)

    def races(self, trace):
        """The races of a trace, which must be possible."""
        if self.kind == "arborescence":
            arc = {frozenset(race["component"]): self.entry[tuple(race["arc"])] for race in trace}
            races, _, found = self.hold(lambda entrants, part: arc[part])
        elif self.kind == "binary_tree":
            inside = lambda segment, k: trace[k] is not None and segment[0] <= trace[k] <= segment[-1]
            races, _, found = self.hold(lambda segment, _: [k for k in segment if not inside(segment, k)][0])
        else:
            items = [trace] if self.kind == "categorical" else trace
            order = iter([self.entry[tuple(item)] if isinstance(item, list) else item for item in items])
            races, _, found = self.hold(lambda entrants, _: next(order))
        if found != trace or any(winner not in entrants for entrants, winner in races):
            raise ValueError("no trace of this model")
        return races

    def log_prob(self, races):
        return sum(math.log(self.rate[winner] / sum(self.rate[k] for k in race)) for race, winner in races)

    def score(self, races):
        score = [0.0] * len(self.rate)
        for race, winner in races:
            total = sum(self.rate[k] for k in race)
            for k in race:
                score[k] += self.rate[k] / total
            score[winner] -= 1
        return score

    def conditional(self, races, uniform):
        weight = [0.0 if rate > 0 else None for rate in self.rate]
        for race, winner in races:
            time = -math.log(uniform[winner]) / sum(self.rate[k] for k in race)
            for k in race:
                weight[k] += time
        for k in set(self.present).difference(winner for _, winner in races):
            weight[k] -= math.log(uniform[k]) / self.rate[k]
        return weight


def uniforms(model, rng):
    return [1.0 - rng.random() if rate > 0 else None for rate in model.rate]


def ops(model, request):
    """What is asked of a model, by name."""
    op = request["op"]
    if op == "run":
        runs = [model.run(weight) for weight in request["exponentials"]]
        return {"structure": [structure for _, structure, _ in runs], "trace": [trace for _, _, trace in runs]}
    if op == "sample":
        rng, columns = random.Random(request["seed"]), {field: [] for field in request["fields"]}
        for _ in range(request["count"]):
            drawn = [-math.log(u) / rate if u else None for u, rate in zip(uniforms(model, rng), model.rate)]
            races, structure, trace = model.run(drawn)
            draw = {"structure": structure, "trace": trace, "exponentials": drawn, "log_prob": model.log_prob(races),
                    "score": model.score(races), "conditional": model.conditional(races, uniforms(model, rng))}
            for field, column in columns.items():
                column.append(draw[field])
        return columns
    races = [model.races(trace) for trace in request["traces"]]
    if op == "log_prob":
        return {op: [model.log_prob(held) for held in races]}
    if op == "score":
        return {op: [model.score(held) for held in races]}
    if op == "conditional":
        rng = random.Random(request.get("seed"))
        rows = request.get("uniforms") or [uniforms(model, rng) for _ in races]
        return {op: [model.conditional(held, row) for held, row in zip(races, rows)]}
    raise ValueError(f"unknown op {op}")


HELLO = {
    "name": "plain.py", "version": "1", "report_to": "whoever copied it", "dtype": "f64", "loss_names": [],
    "structures": ["spanning_tree", "arborescence", "matching", "binary_tree", "top_k", "permutation", "categorical"],
    "ops": ["hello", "model", "run", "sample", "log_prob", "score", "conditional", "stop"],
    "fields": ["structure", "trace", "log_prob", "score", "exponentials", "conditional"],
}


def main():
    model = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "hello":
                answer = HELLO
            elif request["op"] == "model":
                model, answer = Model(request["model"], request["rates"]), {}
            elif request["op"] == "stop":
                answer = {}
            else:
                answer = ops(model, request)
            said = {"id": request["id"], "ok": answer}
        except Exception as error:  # an impossible trace, say: the harness wants to hear of it, not to lose us
            said = {"id": request["id"], "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)
        if request["op"] == "stop":
            break


if __name__ == "__main__":
    main()
