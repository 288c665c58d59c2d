"""Batches in NumPy, as Gumbel-Max has it: log-rates plus Gumbels, of which the largest wins; answering line by line.

    recursive-gumbel harness examples/models/k4.json -- python3 examples/adapters/gumbels.py

Its weights are Gumbels and its scores derivatives in the log-rates: `conventions` in its `hello` says so. Arrays are batch × entries. The
protocol is in docs/src/protocol.md.
"""
import json, math, sys

import numpy as np


def logsumexp(values):
    top = values.max(axis=-1, initial=-np.inf)
    return top + np.log(np.exp(values - top[..., None]).sum(axis=-1))


class Model:
    def __init__(self, file, rates):
        self.kind = file["structure"]
        self.rate = np.array(rates)
        self.log_rate = np.array([math.log(rate) if rate > 0 else -math.inf for rate in rates])
        n = len(file.get("rates") or file.get("logits") or [])
        if self.kind == "spanning_tree":
            if "edges" in file:
                n, self.pair = file["vertices"], [tuple(edge[:2]) for edge in file["edges"]]
            else:
                matrix = file.get("rates") or file["logits"]
                self.pair = [(u, v) for u in range(n) for v in range(u + 1, n) if matrix[u][v] is not None]
        elif self.kind == "matching":
            self.pair = [(row, column) for row in range(n) for column in range(n)]
        else:
            self.pair = [(position, position) for position in range(n)]
        self.size, self.end = n, np.array(self.pair, dtype=int).reshape(-1, 2)
        self.races = {"spanning_tree": n - 1, "top_k": file.get("k"), "categorical": 1}.get(self.kind, n)

    def hold(self, batch, choose):
        """Holds all races of a batch: `choose(race, mask)` says who wins among those who take part, batch × entries. Returns winners and masks,
        batch × races and batch × races × entries."""
        rows = np.arange(batch)
        # Kruskal: the component of each vertex; crossing: which rows and columns are taken; lists: which positions.
        state = np.tile(np.arange(self.size), (batch, 1)) if self.kind == "spanning_tree" else np.zeros((batch, 2, self.size), bool)
        winners, masks = [], []
        for race in range(self.races):
            if self.kind == "spanning_tree":
                mask = state[:, self.end[:, 0]] != state[:, self.end[:, 1]]
            else:
                mask = ~state[:, 0, self.end[:, 0]] & ~state[:, 1, self.end[:, 1]]
            masks.append(mask & (self.rate > 0))
            winners.append(choose(race, masks[-1]))
            first, second = self.end[winners[-1]].T
            if self.kind == "spanning_tree":
                state = np.where(state == state[rows, first, None], state[rows, second, None], state)
            else:
                state[rows, 0, first] = state[rows, 1, second] = True
        shape = (batch, self.races, len(self.rate))
        return np.array(winners, dtype=int).reshape(self.races, batch).T, np.array(masks, dtype=bool).reshape(
            shape[1], shape[0], shape[2]).swapaxes(0, 1)

    def run(self, gumbel):
        return self.hold(len(gumbel), lambda race, mask: np.where(mask, gumbel, -np.inf).argmax(axis=1))

    def replay(self, traces):
        if self.kind == "categorical":
            traces = [[trace] for trace in traces]
        entry = {pair: k for k, pair in enumerate(self.pair)}
        key = lambda item: tuple(item) if isinstance(item, list) else (item, item)
        winners = np.array([[entry[key(item)] for item in trace] for trace in traces], dtype=int).reshape(len(traces), -1)
        if winners.shape[1] != self.races:
            raise ValueError(f"{winners.shape[1]} races: want {self.races}")
        held = self.hold(len(traces), lambda race, mask: winners[:, race])
        if not np.take_along_axis(held[1], winners[:, :, None], axis=2).all():
            raise ValueError("no trace of this model")
        return held

    def totals(self, masks):
        return logsumexp(np.where(masks, self.log_rate, -np.inf))

    def log_prob(self, held):
        winners, masks = held
        return (self.log_rate[winners] - self.totals(masks)).sum(axis=1)

    def score(self, held):
        winners, masks = held
        shares = np.exp(np.where(masks, self.log_rate, -np.inf) - self.totals(masks)[:, :, None])
        won = np.zeros_like(masks, dtype=float)
        np.put_along_axis(won, winners[:, :, None], 1.0, axis=2)
        return (won - shares).sum(axis=1)

    def conditional(self, held, uniform):
        winners, masks = held
        times = -np.log(np.take_along_axis(uniform, winners, axis=1)) * np.exp(-self.totals(masks))
        left = -np.log(uniform) * np.exp(-self.log_rate)
        np.put_along_axis(left, winners, 0.0, axis=1)
        return -np.log((masks * times[:, :, None]).sum(axis=1) + left)

    def uniforms(self, count, rng):
        return 1.0 - rng.random((count, len(self.rate)))

    def read(self, held):
        """Structures and traces in canonical form."""
        winners = held[0].tolist()
        if self.kind == "spanning_tree":
            traces = [[list(self.pair[k]) for k in row] for row in winners]
            return [sorted(trace) for trace in traces], traces
        if self.kind == "matching":
            traces = [[list(self.pair[k]) for k in row] for row in winners]
            return [[column for _, column in sorted(trace)] for trace in traces], traces
        if self.kind == "categorical":
            return [row[0] for row in winners], [row[0] for row in winners]
        return [sorted(row) if self.kind == "top_k" else row for row in winners], winners

    def rows(self, values):
        return [[value if rate > 0 else None for value, rate in zip(row, self.rate)] for row in values.tolist()]


def numbers(rows, absent):
    return np.array([[absent if value is None else value for value in row] for row in rows])


def ops(model, request):
    op = request["op"]
    if op == "run":
        structures, traces = model.read(model.run(numbers(request["exponentials"], -math.inf)))
        return {"structure": structures, "trace": traces}
    if op == "sample":
        rng, count = np.random.default_rng(request["seed"]), request["count"]
        perturbed = model.log_rate - np.log(-np.log(model.uniforms(count, rng)))
        held = model.run(perturbed)
        structures, traces = model.read(held)
        draws = {"structure": structures, "trace": traces, "exponentials": model.rows(perturbed),
                 "log_prob": model.log_prob(held).tolist(), "score": model.rows(model.score(held)),
                 "conditional": model.rows(model.conditional(held, model.uniforms(count, rng)))}
        return {field: draws[field] for field in request["fields"]}
    held = model.replay(request["traces"])
    if op == "log_prob":
        return {op: model.log_prob(held).tolist()}
    if op == "score":
        return {op: model.rows(model.score(held))}
    if op == "conditional":
        count = len(request["traces"])
        given = "uniforms" in request
        uniform = numbers(request["uniforms"], 0.5) if given else model.uniforms(count, np.random.default_rng(request["seed"]))
        return {op: model.rows(model.conditional(held, uniform))}
    raise ValueError(f"unknown op {op}")


HELLO = {
    "name": "gumbels.py", "version": "1", "report_to": "whoever copied it", "dtype": "f64", "loss_names": [],
    "structures": ["spanning_tree", "matching", "top_k", "permutation", "categorical"],
    "ops": ["hello", "model", "run", "sample", "log_prob", "score", "conditional", "stop"],
    "fields": ["structure", "trace", "log_prob", "score", "exponentials", "conditional"],
    "conventions": {"parameter": "log_rate", "weights": "gumbel"},
}


def main():
    np.seterr(all="ignore")  # log 0 is meant
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
