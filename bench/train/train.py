"""Training steps of `xp` beside PyTorch's eager mode: the same shapes and batches.

usage: train.py BUILD_FOLDER --python PYTHON [--rounds 3] [--updates 10] [--threads 1,2]
                [--precisions fp32,bf16] [--only base,small,moe,skewed]

PYTHON has torch (pip install torch numpy). All sentences have 32 pieces of a vocabulary of 8000, so
that a batch is the same rectangle for both. `xp` is measured through `xp run`: CPU-seconds and wall
between the events of updates 1 and 10. Programs take turns in every round; printed are medians.
Beside them: what the products of a step take alone, each by the faster of PyTorch's libraries.
`moe` needs no peer: 2 ranks with 8 experts, top-2, in every second layer, beside a dense model with
feed-forward layers 1.5 times as wide everywhere, which computes as many FLOPs a token; `skewed` is
the same with words drawn by Zipf's law, so that few experts get most rows.
"""

import argparse
import itertools
import json
import pathlib
import random
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY, LENGTH = 8000, 32
SHAPES = {
    "base": {"layers": 6, "width": 512, "inner": 2048, "heads": 8, "tokens": 4096},
    "small": {"layers": 4, "width": 256, "inner": 1024, "heads": 4, "tokens": 1024},
}
DENSE = 'exchange = { use = "dense" }'
EXPERTS = 'experts = 8\ncapacity_factor = 0.0\nexchange = { use = "gshard" }'

SPEC = """# Claim: none; the cost of a step.
schema = 1
name = "train"
description = "sentences of {length} pieces"
[corpus]
use = "tsv"
path = "{text}"
columns = ["a", "b"]
pairs = ["a-b"]
[corpus.vocabulary]
use = "dictionary"
[model]
use = "transformer"
encoder_layers = {layers}
decoder_layers = {layers}
width = {width}
ffn_width = {inner}
heads = {heads}
dropout = 0.1
[model.moe]
every = 2
{moe}
[train]
max_updates = {updates}
max_tokens = {tokens}
precision = "{precision}"
seed = {seed}
[launch]
ranks_per_node = {ranks}
threads_per_rank = {threads}
device = "cpu"
[eval]
subsets = ["test"]
max_length_a = 0.0
max_length_b = 2
"""


def write_text(folder, pairs, is_skewed):
    """Every word occurs, so that the dictionary has them all; each has the same chance, or one by
    Zipf's law. `pairs` is a multiple of what an update takes, so that none has fewer."""
    draw = random.Random(3)
    words = [f"w{i}" for i in range(VOCABULARY - 8)]
    chances = list(itertools.accumulate(1 / (i + 1) if is_skewed else 1
                                        for i in range(len(words))))
    def sentence(count):
        return " ".join(draw.choices(words, cum_weights=chances, k=count))
    folder.mkdir()
    for subset, count in {"train": pairs, "valid": 1, "test": 1}.items():
        with open(folder / f"{subset}.tsv", "w") as out:
            if subset == "train":
                firsts = range(0, len(words), LENGTH - 1)
                count -= len(firsts)
                for first in firsts:
                    line = (words + words)[first:first + LENGTH - 1]
                    print(" ".join(line), " ".join(reversed(line)), sep="\t", file=out)
            for _ in range(count):
                print(sentence(LENGTH - 1), sentence(LENGTH - 1), sep="\t", file=out)


def fullest_expert(record):
    """The share of a layer's rows that its fullest expert got, of the fullest layer; 0 for none."""
    shares = [0]
    for line in record.read_text().splitlines() if record.exists() else []:
        for layer in json.loads(line)["layers"].values():
            experts = [sum(rows) for rows in zip(*layer["global"]["rows"])]
            shares.append(max(experts) / max(1, sum(experts)))
    return max(shares)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.num_runs = options, folder, 0

    def text(self, name):
        if not (self.folder / name).exists():
            write_text(self.folder / name, 4096, name == "skewed")
        return name

    def ours(self, shape, moe=DENSE, ranks=1, text="even", **settings):
        self.num_runs += 1
        spec = self.folder / "train.toml"
        spec.write_text(SPEC.format(length=LENGTH, moe=moe, ranks=ranks, seed=self.num_runs,
                                    text=self.text(text), updates=self.options.updates, **shape,
                                    **settings))
        workspace = self.folder / "workspace"
        known = set(workspace.glob("trainings/*"))
        done = subprocess.run([self.options.build / "xp", "run", spec, "--workspace", workspace],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stdout + done.stderr)
        (run,) = set(workspace.glob("trainings/*")) - known
        events = [json.loads(line)
                  for line in (run / "attempts/1/events.jsonl").read_text().splitlines()]
        first, last = ([e for e in events if e["event"] == "update"][i] for i in (0, -1))
        steps = last["update"] - first["update"]
        tokens = (last["values"]["tokens"] - first["values"]["tokens"]) / steps
        if tokens != shape["tokens"] * ranks:
            raise SystemExit(f"an update of xp has {tokens} tokens")
        summary = json.loads((run / "status.json").read_text())["summary"]
        return {"ms": 1e3 * (last["seconds"] - first["seconds"]) / steps,
                "cpu_s": (last["values"]["cpu_seconds"] - first["values"]["cpu_seconds"]) / steps,
                "peak_bytes": summary["memory_bytes"],
                "fullest": fullest_expert(run / "attempts/1/exchange.jsonl")}

    def theirs(self, shape, **settings):
        asked = {"vocabulary": VOCABULARY, "length": LENGTH, "dropout": 0.1,
                 "steps": self.options.updates - 1, **shape, **settings}
        done = subprocess.run([self.options.python, HERE / "torch_peer.py", json.dumps(asked)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        found = json.loads(done.stdout)
        return found | {key: statistics.median(found[key]) for key in ("ms", "cpu_s")}


def product_flops(shape):
    """Of a step of a dense model: products with weights and of attention, forward and backward."""
    width, tokens, layers = shape["width"], shape["tokens"], shape["layers"]
    ffn, projections = 2 * width * shape["inner"], 4 * width * width
    # A decoder layer also attends to the source.
    weights = layers * (2 * ffn + 3 * projections) + VOCABULARY * width
    attention = layers * 3 * 2 * LENGTH * width
    return 3 * 2 * tokens * (weights + attention)


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def report(name, rows, tokens, flops, rate):
    ms, cpu_s = median(rows, "ms"), median(rows, "cpu_s")
    share = f"  {1e-9 * flops / cpu_s / rate:4.0%} of the product's rate" if rate else ""
    print(f"  {name:8} {ms:8.0f} ms {cpu_s:8.2f} CPU-s {tokens / cpu_s:8.0f} tokens per CPU-s"
          f"{share}  {median(rows, 'peak_bytes') / 2**20:6.0f} MiB", flush=True)


def compare(bench, name, **settings):
    shape, found = SHAPES[name], {"xp": [], "PyTorch": []}
    for _ in range(bench.options.rounds):
        found["xp"].append(bench.ours(shape, **settings))
        found["PyTorch"].append(bench.theirs(shape, **settings))
    rate = max(row["product_rate"] for row in found["PyTorch"])
    print(f"\n{name}, {settings['precision']}, threads: {settings['threads']}; "
          f"product: {rate:.0f} GFLOP per CPU-s")
    for who, rows in found.items():
        report(who, rows, shape["tokens"], product_flops(shape), rate)
    alone = median(found["PyTorch"], "products_cpu_s")
    print(f"  products alone {alone:.2f} CPU-s: {alone / median(found['xp'], 'cpu_s'):.0%} of xp's "
          f"step, {alone / median(found['PyTorch'], 'cpu_s'):.0%} of PyTorch's")
    ratios = [median(found["PyTorch"], key) / median(found["xp"], key) for key in ("cpu_s", "ms")]
    print("  PyTorch over xp: {:.2f} by CPU, {:.2f} by wall".format(*ratios))


def compare_experts(bench, name, **settings):
    settings["text"] = "skewed" if name == "skewed" else "even"
    base = SHAPES["base"] | {"tokens": 2048}
    found = {"dense": [], "MoE": []}
    for _ in range(bench.options.rounds):
        found["dense"].append(bench.ours(base | {"inner": 3072}, ranks=2, **settings))
        found["MoE"].append(bench.ours(base, EXPERTS, ranks=2, **settings))
    print(f"\n{name}, {settings['precision']}, 2 ranks, threads of each: {settings['threads']}; "
          f"the fullest expert of 8 has {median(found['MoE'], 'fullest'):.0%} of a layer's rows")
    for who, rows in found.items():
        report(who, rows, 2 * base["tokens"], 0, None)
    ratios = [median(found["dense"], key) / median(found["MoE"], key) for key in ("cpu_s", "ms")]
    print("  dense over MoE: {:.2f} by CPU, {:.2f} by wall".format(*ratios))


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python", default="python3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=10, help="10 or more")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--only", default="base,small,moe,skewed")
    options = parser.parse_args()
    known = {*SHAPES, "moe", "skewed"}
    if unknown := set(options.only.split(",")) - known:
        raise SystemExit(f"--only {', '.join(unknown)}: known are {', '.join(sorted(known))}")
    options.build = options.build.resolve()
    print(f"{processor()}, {LENGTH} pieces a sentence")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        for name, threads, precision in itertools.product(options.only.split(","),
                                                          map(int, options.threads.split(",")),
                                                          options.precisions.split(",")):
            settings = {"threads": threads, "precision": precision}
            (compare if name in SHAPES else compare_experts)(bench, name, **settings)


main()
