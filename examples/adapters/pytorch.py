"""Batches in PyTorch, answering line by line: plug in your own `F_struct`, `F_log_prob` and `F_cond`.

    recursive-gumbel harness examples/models/k4.json -- python3 examples/adapters/pytorch.py
    recursive-gumbel harness examples/models/k4.json -- python3 examples/adapters/pytorch.py float32

Weights, logits and uniforms are batch × n × n tensors for graphs and matchings and batch × n tensors for positions. A logit is the log of
the mean of a weight, infinite where there is no entry: below the diagonal of an undirected graph, say. What `F_struct` returns is yours;
`read` makes JSON of it, `make` is the way back. The protocol is in docs/src/protocol.md.
"""
import json, math, sys

import torch


class Races:
    """Races one after the other, in which whoever raced before and did not win takes part again, or never more.

    What it returns are the winners in order: batch × races × 2, or batch × races for positions.
    """

    def __init__(self, shape, races, start, entrants, step):
        self.shape, self.races, self.start, self.entrants, self.step = shape, races, start, entrants, step

    def masks(self, winners):
        """Who races in each race: batch × races × shape, after winners by their flat index."""
        state, masks = self.start(len(winners)), []
        for race in range(self.races):
            masks.append(self.entrants(state))
            state = self.step(state, winners[:, race])
        return torch.stack(masks, 1).flatten(2) if masks else torch.zeros(len(winners), 0, math.prod(self.shape), dtype=torch.bool)

    def F_struct(self, weight):
        flat, state, winners = weight.flatten(1), self.start(len(weight)), []
        for _ in range(self.races):
            mask = self.entrants(state).flatten(1) & flat.isfinite()
            winners.append(flat.masked_fill(~mask, float("inf")).argmin(1))
            state = self.step(state, winners[-1])
        return self.unflat(torch.stack(winners, 1) if winners else torch.zeros(len(weight), 0, dtype=torch.long))

    def F_log_prob(self, var, logits):
        winners = self.flat(var)
        total = (-logits.flatten(1)[:, None]).masked_fill(~self.masks(winners), -float("inf")).logsumexp(2)
        return (-logits.flatten(1).gather(1, winners) - total).sum(1)

    def F_cond(self, var, logits, uniform):
        winners, flat, uniform = self.flat(var), logits.flatten(1), uniform.flatten(1)
        masks = self.masks(winners)
        total = (-flat[:, None]).masked_fill(~masks, -float("inf")).logsumexp(2)
        times = (-uniform.gather(1, winners).log()) * (-total).exp()
        left = (-uniform.log() * flat.exp()).scatter(1, winners, 0.0)
        return ((masks * times[:, :, None]).sum(1) + left).view_as(logits)

    def flat(self, var):
        return var if len(self.shape) == 1 else var[..., 0] * self.shape[1] + var[..., 1]

    def unflat(self, winners):
        n = self.shape[-1]
        return winners if len(self.shape) == 1 else torch.stack([winners // n, winners % n], 2)


def kruskal(n):
    def step(component, winner):
        old, new = component.gather(1, (winner // n)[:, None]), component.gather(1, (winner % n)[:, None])
        return torch.where(component == old, new, component)

    between = lambda component: (component[:, :, None] != component[:, None, :]).triu()
    return Races((n, n), n - 1, lambda batch: torch.arange(n).repeat(batch, 1), between, step)


def crossing(n):
    def step(free, winner):
        rows, columns = free
        return rows.scatter(1, (winner // n)[:, None], False), columns.scatter(1, (winner % n)[:, None], False)

    start = lambda batch: (torch.ones(batch, n, dtype=torch.bool),) * 2
    return Races((n, n), n, start, lambda free: free[0][:, :, None] & free[1][:, None, :], step)


def first(n, k):
    start = lambda batch: torch.ones(batch, n, dtype=torch.bool)
    return Races((n,), k, start, lambda left: left, lambda left, winner: left.scatter(1, winner[:, None], False))


# For each structure: what is called, from the model file and n; and the structure of a trace. Yours can be put in their place one by one:
#
#     def mine(file, n):
#         plug = kruskal(n)
#         plug.F_struct, plug.F_log_prob, plug.F_cond = my_struct, my_log_prob, my_cond
#         return plug
#
#     PLUGGED = {"spanning_tree": (mine, sorted)}
PLUGGED = {
    "spanning_tree": (lambda file, n: kruskal(n), sorted),
    "matching": (lambda file, n: crossing(n), lambda trace: [column for _, column in sorted(trace)]),
    "top_k": (lambda file, n: first(n, file["k"]), sorted),
    "permutation": (lambda file, n: first(n, n), lambda trace: trace),
    "categorical": (lambda file, n: first(n, 1), lambda trace: trace),
}


class Model:
    def __init__(self, file, rates, dtype):
        self.kind, self.dtype = file["structure"], dtype
        if self.kind == "spanning_tree":
            if "edges" in file:
                n, pairs = file["vertices"], [tuple(edge[:2]) for edge in file["edges"]]
            else:
                matrix = file.get("rates") or file["logits"]
                n = len(matrix)
                pairs = [(u, v) for u in range(n) for v in range(u + 1, n) if matrix[u][v] is not None]
            self.place = torch.tensor([min(pair) * n + max(pair) for pair in pairs], dtype=torch.long)
        else:
            n = len(file.get("rates") or file["logits"])
            self.place = torch.arange(len(rates))
        plug, self.structure = PLUGGED[self.kind]
        self.plugged = plug(file, n)
        self.shape = (n,) if self.kind in ("top_k", "permutation", "categorical") else (n, n)
        # Rates may be beyond single precision; their logarithms are not.
        self.present = [rate > 0 for rate in rates]
        self.logits = self.tensor([[-math.log(rate) if rate > 0 else None for rate in rates]], float("inf"))[0]

    def tensor(self, rows, absent):
        """Rows of one number per entry as a batch, `absent` where there is none."""
        rows = [[absent if value is None else value for value in row] for row in rows]
        batch = torch.full((len(rows), *self.shape), absent, dtype=self.dtype)
        batch.view(len(rows), -1)[:, self.place] = torch.tensor(rows, dtype=self.dtype).view(len(rows), -1)
        return batch

    def rows(self, batch, absent=None):
        flat = batch.flatten(1)[:, self.place]
        return [[value if there else absent for value, there in zip(row, self.present)] for row in flat.tolist()]

    def read(self, var):
        traces = var.tolist()
        structures = [self.structure(trace) for trace in traces]
        if self.kind == "categorical":
            structures = traces = [trace[0] for trace in traces]
        return structures, traces

    def make(self, traces):
        if self.kind == "categorical":
            traces = [[trace] for trace in traces]
        var = torch.tensor(traces, dtype=torch.long)
        if len(self.shape) == 2:
            var = var.view(len(traces), -1, 2)  # a lone vertex has no races
        if self.kind == "spanning_tree":
            var = var.sort(2).values
        # Whoever wins must race.
        winners = self.plugged.flat(var)
        raced = self.plugged.masks(winners) & self.logits.flatten().isfinite()
        if not raced.gather(2, winners[:, :, None]).all() or winners.shape[1] != self.plugged.races:
            raise ValueError("no trace of this model")
        return var

    def batch(self, count):
        return self.logits.expand(count, *self.shape)

    def score(self, var):
        logits = self.batch(len(var)).clone().requires_grad_()
        self.plugged.F_log_prob(var, logits).sum().backward()
        return self.rows(logits.grad, 0.0)

    def uniforms(self, count, generator):
        uniform = 1 - torch.rand(count, *self.shape, generator=generator, dtype=self.dtype)
        return uniform.clamp_min(torch.finfo(self.dtype).tiny)


def ops(model, request):
    op, plugged = request["op"], model.plugged
    if op == "run":
        structures, traces = model.read(plugged.F_struct(model.tensor(request["exponentials"], float("inf"))))
        return {"structure": structures, "trace": traces}
    if op == "sample":
        count, generator = request["count"], torch.Generator().manual_seed(request["seed"])
        logits = model.batch(count)
        weight = -model.uniforms(count, generator).log() * logits.exp()
        var = plugged.F_struct(weight)
        structures, traces = model.read(var)
        draws = {
            "structure": structures, "trace": traces, "exponentials": model.rows(weight), "score": model.score(var),
            "log_prob": plugged.F_log_prob(var, logits).tolist(),
            "conditional": model.rows(plugged.F_cond(var, logits, model.uniforms(count, generator))),
        }
        return {field: draws[field] for field in request["fields"]}
    var = model.make(request["traces"])
    if op == "log_prob":
        return {op: plugged.F_log_prob(var, model.batch(len(var))).tolist()}
    if op == "score":
        return {op: model.score(var)}
    if op == "conditional":
        if "uniforms" in request:
            uniform = model.tensor(request["uniforms"], 0.5)
        else:
            uniform = model.uniforms(len(var), torch.Generator().manual_seed(request["seed"]))
        return {op: model.rows(plugged.F_cond(var, model.batch(len(var)), uniform))}
    raise ValueError(f"unknown op {op}")


def main():
    single = sys.argv[1:] == ["float32"]
    hello = {
        "name": "pytorch.py", "version": "1", "report_to": "whoever copied it", "dtype": "f32" if single else "f64",
        "structures": list(PLUGGED), "loss_names": [],
        "ops": ["hello", "model", "run", "sample", "log_prob", "score", "conditional", "stop"],
        "fields": ["structure", "trace", "log_prob", "score", "exponentials", "conditional"],
    }
    model = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "hello":
                answer = hello
            elif request["op"] == "model":
                model = Model(request["model"], request["rates"], torch.float32 if single else torch.float64)
                answer = {}
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
