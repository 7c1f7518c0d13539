"""The peer of train.py: PyTorch's eager training of a dense Transformer, one process.

usage: torch_peer.py SETTINGS

SETTINGS is JSON: layers, width, inner, heads, vocabulary, length, tokens, dropout, threads,
precision (fp32 or bf16), steps. Prints one line of JSON: of each step after the first, wall
milliseconds and CPU-seconds; peak memory; the rate of its matrix product in GFLOP per
CPU-second at the model's feed-forward shape; and the CPU-seconds that the products of a step take
alone, each repeated on the same operands, by the faster of the libraries that PyTorch links.
"""

import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Translation(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.scale, self.dropout = math.sqrt(s["width"]), s["dropout"]
        self.table = nn.Embedding(s["vocabulary"], s["width"])
        nn.init.normal_(self.table.weight, std=s["width"] ** -0.5)
        self.body = nn.Transformer(s["width"], s["heads"], s["layers"], s["layers"], s["inner"],
                                   s["dropout"], batch_first=True, norm_first=True)
        place = torch.arange(s["length"] + 1).unsqueeze(1)
        rate = torch.exp(torch.arange(0, s["width"], 2) * (-math.log(10000) / s["width"]))
        waves = torch.cat([torch.sin(place * rate), torch.cos(place * rate)], 1)
        self.register_buffer("positions", waves)
        mask = nn.Transformer.generate_square_subsequent_mask(s["length"])
        self.register_buffer("mask", mask)

    def embed(self, ids):
        rows = self.table(ids) * self.scale + self.positions[: ids.size(1)]
        return F.dropout(rows, self.dropout, self.training)

    def forward(self, source, target):
        rows = self.body(self.embed(source), self.embed(target), tgt_mask=self.mask,
                         tgt_is_causal=True)
        return F.linear(rows, self.table.weight)


def product_rate(s, type):
    """GFLOP per CPU-second of the product of all rows with a feed-forward layer's weights."""
    rows = torch.randn(s["tokens"], s["width"]).to(type)
    weights = torch.randn(s["width"], s["inner"]).to(type)
    rows @ weights
    repeats = max(1, int(2e10 / (2 * s["tokens"] * s["width"] * s["inner"])))
    best = 0
    for _ in range(3):
        before = time.process_time()
        for _ in range(repeats):
            rows @ weights
        spent = time.process_time() - before
        best = max(best, repeats * 2e-9 * s["tokens"] * s["width"] * s["inner"] / spent)
    return best


def products(s):
    """(how many in a step, rows, inputs, outputs) of the products with weights, and likewise of the
    batched products of attention, which have a count of batches before the rows."""
    width, inner, tokens, layers = s["width"], s["inner"], s["tokens"], s["layers"]
    linear = [(layers * 2, width, 3 * width),  # self-attention of encoder and decoder
              (layers, width, 2 * width), (layers, width, width),  # the decoder's of the source
              (layers * 3, width, width),
              (layers * 2, width, inner), (layers * 2, inner, width)]
    piece = min(256, tokens)  # of logits: what all tokens have does not stay in a cache
    output = (tokens // piece, piece, width, s["vocabulary"])
    weights = [(count, tokens, k, n) for count, k, n in linear] + [output]
    batches, head, length = tokens // s["length"] * s["heads"], width // s["heads"], s["length"]
    return weights, [(layers * 3, batches, length, head, length),
                     (layers * 3, batches, length, length, head)]


def quickest_cpu_s(*ways):
    """Of one call: the least of some tries of each way."""
    best = math.inf
    for way in ways:
        way()
        started = time.process_time()
        way()
        repeats = max(1, int(0.02 / max(1e-6, time.process_time() - started)))
        for _ in range(3):
            before = time.process_time()
            for _ in range(repeats):
                way()
            best = min(best, (time.process_time() - before) / repeats)
    return best


def products_cpu_s(s, type):
    """Of the products of a step, forward and backward."""
    one_dnn = torch.ops.mkldnn._linear_pointwise
    weights, attention = products(s)
    total = 0
    for count, rows, k, n in weights:
        x, w, g = (torch.randn(shape).to(type) for shape in ((rows, k), (n, k), (rows, n)))
        for a, b in ((x, w.t()), (g, w), (g.t(), x)):
            total += count * quickest_cpu_s(
                lambda: torch.mm(a, b), lambda: one_dnn(a, b.t(), None, "none", [], ""))
    for count, batches, rows, k, n in attention:
        x, w, g = (torch.randn(batches, *shape).to(type)
                   for shape in ((rows, k), (k, n), (rows, n)))
        for a, b in ((x, w), (g, w.mT), (x.mT, g)):
            total += count * quickest_cpu_s(lambda: torch.bmm(a, b))
    return total


def main():
    s = json.loads(sys.argv[1])
    torch.set_num_threads(s["threads"])
    torch.manual_seed(1)
    is_bf16 = s["precision"] == "bf16"
    model = Translation(s)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4, betas=(0.9, 0.98), fused=True)
    shape = (s["tokens"] // s["length"], s["length"] + 1)
    ms, cpu_s = [], []
    for _ in range(s["steps"] + 1):
        source = torch.randint(4, s["vocabulary"], (shape[0], s["length"]))
        target = torch.randint(4, s["vocabulary"], shape)
        wall, cpu = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_bf16):
            logits = model(source, target[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), target[:, 1:].flatten(),
                               label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        ms.append(1e3 * (time.perf_counter() - wall))
        cpu_s.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    type = torch.bfloat16 if is_bf16 else torch.float32
    with torch.no_grad():
        alone = products_cpu_s(s, type)
    print(json.dumps({"ms": ms[1:], "cpu_s": cpu_s[1:], "peak_bytes": peak,
                      "product_rate": product_rate(s, type), "products_cpu_s": alone}))


main()
