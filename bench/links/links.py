"""Steps of training on slow links: xp beside fairscale's MOELayer, on two nodes.

usage: links.py BUILD_FOLDER --python PYTHON [--rate RATE]... [--tokens T]... [--rounds N]
                [--updates N] [--ranks-per-node N] [--only PATTERN]... [--folder FOLDER]

Brings up an emulated cluster (scripts/cluster.sh; needs root), and runs all systems in turn at each
rate. PYTHON has torch and fairscale (pip install torch fairscale). Printed: the median step of the
slowest rank, CPU-seconds of all ranks and what node 0 sent through its port, per step, by the
counters of the interface; of xp also the step that `xp plan` predicts from a probe, before any
run, the milliseconds in which rank 0 waited for others, and what it counted and predicted for
the port. FOLDER keeps runs and figures, so that a bench may be done in pieces: what has ROUNDS
figures is not measured again, and --rounds 0 prints all.
"""

import argparse
import contextlib
import itertools
import json
import pathlib
import re
import shlex
import statistics
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER = HERE.parents[1] / "scripts" / "cluster.sh"
NODES = 2

SPEC = """# Claim: none; the cost of a step.
schema = 1
name = "links"
description = "4+4 layers of width 256, 4 experts in every second one"
[corpus]
use = "dummy"
train = 20000
valid = 2
test = 2
words = 8000
mean_length = 24
[corpus.vocabulary]
size = 8000
[model]
use = "transformer"
encoder_layers = 4
decoder_layers = 4
width = 256
ffn_width = 1024
heads = 4
[model.moe]
every = 2
experts = 4
{moe}
[train]
max_updates = {updates}
max_tokens = {tokens}
seed = {seed}
{train}
[launch]
use = "slurm"
nodes = 2
ranks_per_node = {ranks_per_node}
device = "cpu"
{launch}
[launch.slurm]
time = "00:30:00"
"""
SHARES = "alpha = 0.2\nbeta = 0.5\n"
EXCHANGES = {
    "dense": 'use = "dense"\n',
    "no communication": 'use = "stay"\n',
    "GShard": 'use = "gshard"\n',
    "SCoMoE-seq, first = same": 'use = "scomoe-seq"\nfirst = "same"\n' + SHARES,
    "SCoMoE-feat, first = gshard": 'use = "scomoe-feat"\nfirst = "gshard"\n' + SHARES,
    "SCoMoE-feat, first = same": 'use = "scomoe-feat"\nfirst = "same"\n' + SHARES,
}
PEERS = {"fairscale, flat reduction": "flat", "fairscale, DDP": "ddp",
         "PyTorch, dense, flat reduction": "dense"}


def tables_of(name, wire="fp32", packing=False, in_turns=False):
    """What SPEC lacks. In turns, each micro-batch is half of the tokens."""
    tables = {"moe": f"[model.moe.exchange]\n{EXCHANGES[name]}", "train": "",
              "launch": "packing = true" if packing else "", "parts": 2 if in_turns else 1}
    if in_turns:
        tables["train"] = "accumulate = 2\nbatches_in_flight = 2\n"
    if wire == "bf16":
        tables["train"] += 'gradient_wire = "bf16"'
        if name != "dense":
            tables["moe"] = 'wire = "bf16"\n' + tables["moe"]
    return tables


def cases():
    """Name -> what runs it."""
    for name, reduce in PEERS.items():
        yield name, lambda bench, tokens, seed, reduce=reduce: bench.peer(reduce, tokens)
    for name in EXCHANGES:
        for wire, packing, in_turns in itertools.product(("fp32", "bf16"), *[(False, True)] * 2):
            if in_turns and name in ("dense", "no communication"):
                continue
            tables = tables_of(name, wire, packing, in_turns)
            yield (f"xp {name}, {wire}{', packed' if packing else ''}"
                   f"{', in turns' if in_turns else ''}",
                   lambda bench, tokens, seed, tables=tables: bench.run(tables, tokens, seed))


class Port:
    """Bytes that a node has sent through its interface."""

    def __init__(self, folder):
        first_process = (folder / "run/node0.pid").read_text().strip()
        self.file = pathlib.Path("/proc", first_process, "net/dev")

    def sent(self):
        for line in self.file.read_text().splitlines():
            name, _, words = line.partition(":")
            if name.strip() == "eth0":
                return int(words.split()[8])
        raise SystemExit("node0 has no eth0")


class Bench:
    def __init__(self, options, folder, cluster):
        self.xp, self.python, self.updates = options.build / "xp", options.python, options.updates
        self.ranks_per_node = options.ranks_per_node
        self.folder, self.cluster = folder, cluster
        self.port = Port(cluster)
        self.rate = None  # of the links

    def inside(self, *command):
        return [CLUSTER, "--dir", self.cluster, "exec", *command]

    def write_spec(self, tables, tokens, seed=1):
        spec = self.folder / "links.toml"
        spec.write_text(SPEC.format(tokens=tokens // tables["parts"], seed=seed,
                                    updates=self.updates, ranks_per_node=self.ranks_per_node,
                                    **tables))
        return spec

    def call(self, *command):
        return subprocess.run([str(word) for word in self.inside(*command)], text=True, check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout

    def predicted(self, tables, tokens):
        """The step and what the port sends, by a probe of the links as they are now, in a workspace
        without runs."""
        in_turns = tables["parts"] == 2
        probes = self.folder / "probes" / f"{self.rate}-{tokens}{'-in-turns' if in_turns else ''}"
        if not any(probes.glob("probes/*.json")):
            spec = self.write_spec(tables_of("GShard", in_turns=in_turns), tokens)
            probe = shlex.join([str(self.xp), "probe", str(spec), "--workspace", str(probes)])
            self.call("sbatch", "--wait", "--output", self.folder / "probe.log",
                      f"--nodes={NODES}", "--exclusive", "--wrap", probe)
        spec = self.write_spec(tables, tokens)
        plan = json.loads(self.call(self.xp, "plan", spec, "--json", "--workspace", probes))
        figures = plan["points"][0]["figures"]
        sent = figures["inter_node_bytes"] + figures["gradient_inter_node_bytes"]
        return {"predicted_ms": plan["steps"][0]["step_ms"], "predicted_MB": sent / NODES / 1e6}

    def run(self, tables, tokens, seed):
        """One training of xp. Bytes and CPU time are those between the events of updates 1 and 10;
        the median leaves out the first ten updates."""
        predicted = self.predicted(tables, tokens)
        spec = self.write_spec(tables, tokens, seed)
        # Its own: a training that differs only in packing would be one that is done.
        workspace = self.folder / "workspaces" / str(time.time_ns())
        marks, done = {}, threading.Event()

        def watch():
            while not done.is_set():
                for events in workspace.glob("trainings/*/attempts/1/events.jsonl"):
                    for line in events.read_text().splitlines():
                        event = json.loads(line)
                        if event["event"] == "update" and event["update"] not in marks:
                            marks[event["update"]] = (event["values"], self.port.sent())
                time.sleep(0.05)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            subprocess.run(self.inside(self.xp, "run", spec, "--workspace", workspace),
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        finally:
            done.set()
            watcher.join()
        (status,) = workspace.glob("trainings/*/status.json")
        summary = json.loads(status.read_text())["summary"]
        (first, sent_first), (tenth, sent_tenth) = marks[1], marks[10]
        return {"ms": summary["step_ms"], **predicted,
                "exposed_ms": tenth["exposed_ms"],
                "cpu_s": (tenth["cpu_seconds"] - first["cpu_seconds"]) / 9,
                "MB": (sent_tenth - sent_first) / 9e6,
                "counted_MB": (summary["inter_node_bytes"] + summary["gradient_inter_node_bytes"])
                / NODES / 1e6}

    def peer(self, reduce, tokens):
        """A training of fairscale's. The bytes of its start are among those of its steps."""
        steps = max(1, self.updates - 10)
        srun = ["srun", f"--nodes={NODES}", f"--ntasks-per-node={self.ranks_per_node}",
                "--export=ALL,MASTER_ADDR=node0,MASTER_PORT=29500,GLOO_SOCKET_IFNAME=eth0,"
                "OMP_NUM_THREADS=1"]
        before = self.port.sent()
        command = [self.python, HERE / "fairscale_peer.py", "--reduce", reduce, "--tokens", tokens,
                   "--steps", steps]
        done = subprocess.run([str(word) for word in self.inside(*srun, *command)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              check=True)
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        return {"ms": statistics.median(figures["ms"]),
                "cpu_s": statistics.median(figures["cpu_s"]),
                "MB": (self.port.sent() - before) / (steps + 1) / 1e6}


@contextlib.contextmanager
def cluster(folder):
    def call(*words):
        subprocess.run([CLUSTER, "--dir", folder, *words], check=True)

    call("install")
    call("up", "--nodes", str(NODES), "--cpus", "4", "--mem", "6000")
    try:
        yield lambda rate: call("set-rate", rate)
    finally:
        call("down")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def report(figures):
    """Medians over rounds, beside fairscale with flat reduction; then how far predictions are."""
    errors = {"ms": [], "MB": []}
    for rate, tokens in sorted({(f["rate"], f["tokens"]) for f in figures}):
        here = [f for f in figures if (f["rate"], f["tokens"]) == (rate, tokens)]
        def median(name, key):
            values = [f[key] for f in here if f["system"] == name and key in f]
            return statistics.median(values) if values else None
        base = median(next(iter(PEERS)), "ms")
        print(f"\n{rate} between nodes, {tokens} tokens a rank\n")
        print("| system | step ms | of fairscale, flat | predicted ms | waiting ms | CPU-s "
              "| port MB | counted MB | predicted MB |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name in dict.fromkeys(f["system"] for f in here):
            ms, counted = median(name, "ms"), median(name, "counted_MB")
            predicted, exposed = median(name, "predicted_ms"), median(name, "exposed_ms")
            predicted_MB = median(name, "predicted_MB")
            if predicted is not None:
                errors["ms"].append(abs(predicted / ms - 1))
            if predicted_MB is not None:
                errors["MB"].append(abs(predicted_MB / counted - 1))
            print(f"| {name} | {ms:.0f} | {f'{base / ms:.2f}x' if base else ''} "
                  f"| {f'{predicted:.0f}' if predicted is not None else ''} "
                  f"| {f'{exposed:.0f}' if exposed is not None else ''} "
                  f"| {median(name, 'cpu_s'):.1f} | {median(name, 'MB'):.1f} "
                  f"| {f'{counted:.1f}' if counted is not None else ''} "
                  f"| {f'{predicted_MB:.1f}' if predicted_MB is not None else ''} |")
    for what, off in errors.items():
        if off:
            print(f"\npredicted {what} of {len(off)}: off by {100 * statistics.median(off):.1f} % "
                  f"at the median, {100 * max(off):.1f} % at most")


def missing(options, figures):
    """What is to be measured so that every system asked for has `rounds` figures, in turn. The
    systems of a round have one seed: the same routers and batches."""
    for rate in options.rate or ["none", "400mbit", "200mbit", "100mbit"]:
        for tokens in options.tokens or [1024, 4096]:
            for number in range(options.rounds):
                for name, run in cases():
                    if options.only and not any(re.search(p, name) for p in options.only):
                        continue
                    place = {"rate": rate, "tokens": tokens, "system": name}
                    if sum(place.items() <= f.items() for f in figures) <= number:
                        yield rate, tokens, number + 1, name, run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python", default="python3")
    parser.add_argument("--rate", action="append")
    parser.add_argument("--tokens", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=16, help="more than 10; the last are timed")
    parser.add_argument("--ranks-per-node", type=int, default=2)
    parser.add_argument("--only", action="append", help="systems whose name matches")
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build.resolve()
    with contextlib.ExitStack() as stack:
        folder = options.folder or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve() / f"{NODES}x{options.ranks_per_node}"  # figures of one layout
        folder.mkdir(parents=True, exist_ok=True)
        store = folder / "figures.jsonl"
        store.touch()
        def figures():
            return [json.loads(line) for line in store.read_text().splitlines()]
        left = list(missing(options, figures()))
        if left:
            set_rate = stack.enter_context(cluster(folder / "cluster"))
            bench = Bench(options, folder, folder / "cluster")
            for rate, tokens, seed, name, run in left:
                set_rate(rate)
                bench.rate = rate
                measured = run(bench, tokens, seed)
                line = {"rate": rate, "tokens": tokens, "system": name, **measured}
                with store.open("a") as out:
                    print(json.dumps(line), file=out)
        print(f"{processor()}, {NODES} nodes x {options.ranks_per_node} ranks")
        report(figures())


main()
