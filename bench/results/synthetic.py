"""A workspace full of finished runs that nobody trained, for trying and timing reports.

usage: synthetic.py XP FOLDER [--runs N] [--points N] [--sentences N]

Writes FOLDER/sweep.toml, an experiment of N runs, asks `XP plan` for their ids, and makes their run
folders in FOLDER/ws as a training and an evaluation would have left them. Figures are drawn from
a fixed seed: scores rise with the capacity factor and fall with alpha, times the other way round.
"""

import argparse
import json
import math
import pathlib
import random
import subprocess

SPEC = """# Claim: none; synthetic figures.
schema = 1
name = "synthetic"
description = "figures that nobody measured"

[corpus]
use = "moses"
path = "text"
pairs = ["en-fr"]

[model]
preset = "tiny"
[model.moe]
every = 2
experts = 4

[train]
max_updates = 1000

[eval]
metrics = ["bleu", "chrf"]

[launch]
nodes = 2
ranks_per_node = 2

[sweep]
"model.moe.exchange.use" = ["gshard", "scomoe-seq"]
"model.moe.exchange.alpha" = [{alphas}]
"model.moe.exchange.beta" = [0.0, 0.25, 0.5]
"model.moe.capacity_factor" = [{capacities}]
"train.seed" = {{ repeat = {seeds}, base = 1 }}

[report]
columns = ["bleu", "chrf", "tokens_per_second", "step_ms", "inter_node_bytes"]
baseline = "exchange == 'gshard'"
"""


def numbers(count, low, high):
    """`count` different numbers with three decimals."""
    step = (high - low) / max(count - 1, 1)
    return [round(low + i * step, 3) for i in range(count)]


def write_spec(folder, runs):
    """An experiment of about `runs` points, three seeds each if there are enough."""
    seeds = 3 if runs >= 12 else 1
    per_seed = max(1, runs // seeds)
    capacities = max(1, round(math.sqrt(per_seed / 4)))
    # gshard has neither alpha nor beta: a capacity factor is one point of it.
    alphas = max(1, round((per_seed / capacities - 1) / 3))
    text = SPEC.format(alphas=", ".join(map(str, numbers(alphas, 0, 0.5))),
                       capacities=", ".join(map(str, numbers(capacities, 0.5, 2))), seeds=seeds)
    (folder / "sweep.toml").write_text(text)
    (folder / "text").mkdir(exist_ok=True)
    for subset in ("train", "valid", "test"):
        for language in ("en", "fr"):
            (folder / "text" / f"{subset}.{language}").write_text("a b c\n" * 20)


def plan(xp, folder):
    command = [str(pathlib.Path(xp).resolve()), "plan", "sweep.toml", "--json", "--workspace", "ws"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout)


def status(summary):
    return json.dumps({"schema": 1, "state": "done", "attempt": 1, "started_s": 1.7e9,
                       "ended_s": 1.7e9 + 600, "cause": "", "summary": summary})


def train(folder, figures, draw, points):
    """A training of 1000 updates that logged `points` numbers, five at a time."""
    attempt = folder / "attempts" / "1"
    attempt.mkdir(parents=True)
    times = max(2, points // 5)
    lines = [{"event": "start", "update": 0, "seconds": 0, "values": {}}]
    for i in range(1, times + 1):
        share = i / times
        values = {"loss": 9 - 5 * share + draw.gauss(0, 0.05), "tokens": 2000000 * share,
                  "decoder.1.global.entropy": 1.3 - 0.3 * share,
                  "decoder.1.global.unrouted": draw.random(), "gradient_norm": draw.random()}
        lines.append({"event": "update", "update": int(1000 * share), "seconds": 600 * share,
                      "values": values})
        if i % 5 == 0:
            bleu = figures["bleu"] * (1 - math.exp(-4 * share))
            lines.append({"event": "validation", "update": int(1000 * share),
                          "seconds": 600 * share,
                          "values": {"bleu": bleu, "valid_loss": 6.5 - 0.1 * bleu}})
            loads = [round(25 + TEXTURE.gauss(0, 5), 2) for _ in range(3)]
            lines.append({"event": "load", "update": int(1000 * share), "seconds": 600 * share,
                          "values": {"decoder.1": loads + [round(100 - sum(loads), 2)]}})
    lines.append({"event": "end", "update": 1000, "seconds": 600, "values": {}})
    (attempt / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "spec.toml").write_text(
        "[launch]\nnodes = 2\nranks_per_node = 2\n[train]\nseed = 1\n")
    (folder / "provenance.json").write_text(json.dumps(
        {"host": "synthetic", "cpu": "none", "revision": "0", "command": ["synthetic.py"]}))
    keys = ("tokens_per_second", "step_ms", "inter_node_bytes", "gradient_inter_node_bytes")
    (folder / "status.json").write_text(status({key: figures[key] for key in keys}))


def sentence_lines(draw, quality, sentences, orders, sides):
    """Counts as BLEU (lengths, matches, n-grams) or chrF (n-grams of both sides, matches) has."""
    lines = []
    for _ in range(sentences):
        length = draw.randint(8, 30)
        totals = [max(length - n, 0) for n in range(orders)]
        matches = [int(total * min(1, max(0, draw.gauss(quality ** (n + 1), 0.1))))
                   for n, total in enumerate(totals)]
        counts = [length, length] + matches + totals if sides else totals + totals + matches
        lines.append(" ".join(map(str, counts)))
    return "\n".join(lines) + "\n"


# What only pages show is drawn apart, so that it changes no figure.
TEXTURE = random.Random(2)
SENTENCES = ("the cat sat on the mat", "there are two files", "<b>bold</b> & plain",
             "no such file or directory", "press any key to go on")


def prepare(folder):
    """What a page reads of a prepared corpus: its statistics, and the text of the test set."""
    folder.mkdir(parents=True, exist_ok=True)
    lengths = [30, 90, 140, 80, 40, 12, 3]
    counts = {"read": 400, "kept": 395, "dropped": {"too long": 5}, "source_tokens": 9000,
              "target_tokens": 9900, "source_lengths": lengths, "target_lengths": lengths[::-1]}
    stats = {"train": {"en-fr": counts}, "test": {"en-fr": {"kept": len(SENTENCES)}}}
    (folder / "stats.json").write_text(json.dumps(stats))
    for side, text in (("source", SENTENCES), ("target", [s.upper() for s in SENTENCES])):
        (folder / f"test.en-fr.{side}.txt").write_text("".join(line + "\n" for line in text))


def translate(folder, quality):
    """Keeps most of the letters that the reference has, the better the more."""
    (folder / "hypotheses").mkdir()
    lines = ["".join(c if TEXTURE.random() < quality else "x" for c in line.upper())
             for line in SENTENCES]
    (folder / "hypotheses" / "test.en-fr.txt").write_text("".join(line + "\n" for line in lines))


def evaluate(folder, figures, draw, sentences):
    folder.mkdir(parents=True)
    translate(folder, 0.7 + figures["bleu"] / 100)
    scores = [{"subset": "test", "direction": "en-fr", "name": name, "value": figures[name],
               "unit": "", "signature": "synthetic", "higher_is_better": True}
              for name in ("bleu", "chrf")]
    (folder / "scores.json").write_text(json.dumps({"schema": 1, "scores": scores}))
    (folder / "spec.toml").write_text('[eval]\nsubsets = ["test"]\ncheckpoint = "best"\n')
    if sentences:
        (folder / "sentences").mkdir()
        quality = 0.5 + figures["bleu"] / 100
        for name, orders, sides in (("bleu", 4, True), ("chrf", 6, False)):
            (folder / "sentences" / f"test.en-fr.{name}.txt").write_text(
                sentence_lines(draw, quality, sentences, orders, sides))
    (folder / "status.json").write_text(status({name: figures[name] for name in ("bleu", "chrf")}))


def figures_of(point, draw):
    axes = point["axes"]
    alpha = axes.get("model.moe.exchange.alpha", 0)
    beta = axes.get("model.moe.exchange.beta", 0)
    capacity = axes.get("model.moe.capacity_factor", 1)
    crossing = 1 - alpha - beta
    bleu = 24 + 2 * math.log(1 + capacity) - 1.5 * alpha + draw.gauss(0, 0.25)
    step = 180 + 80 * crossing * capacity + draw.gauss(0, 3)
    return {"bleu": bleu, "chrf": 1.6 * bleu + draw.gauss(0, 0.3), "step_ms": step,
            "tokens_per_second": 2e6 / step, "inter_node_bytes": 8e6 * crossing * capacity,
            "gradient_inter_node_bytes": 1.4e7}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("xp")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--points", type=int, default=100, help="metric values of each training")
    parser.add_argument("--sentences", type=int, default=0, help="counted in each evaluation")
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True)
    write_spec(folder, arguments.runs)
    planned = plan(arguments.xp, folder)
    points = planned["points"]
    draw = random.Random(1)
    for corpus in {point["corpus"] for point in points}:
        prepare(folder / "ws" / "corpora" / corpus)
    for point in points:
        figures = figures_of(point, draw)
        train(folder / "ws" / "trainings" / point["training"], figures, draw, arguments.points)
        evaluate(folder / "ws" / "evaluations" / point["evaluation"], figures, draw,
                 arguments.sentences)
    experiment = folder / "ws" / "experiments" / "synthetic"
    experiment.mkdir(parents=True)
    (experiment / "plan.json").write_text(json.dumps({"schema": 1, "points": points}))
    print(f"{len(points)} points in {folder}; next: xp report {folder}/sweep.toml "
          f"--workspace {folder}/ws")


if __name__ == "__main__":
    main()
