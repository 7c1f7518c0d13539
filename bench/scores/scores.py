"""BLEU, chrF and a paired bootstrap: `xp score` beside sacreBLEU.

usage: python3 bench/scores/scores.py REFERENCE [--sentences 2000] [--rounds 5] [--xp build/xp]

REFERENCE is a text of one sentence per line. Three systems are made of it by dropping, repeating
and swapping words, always the same ones. Both programs then score them with BLEU and chrF and
compare them by 1000 bootstrap resamples, in turn; printed are CPU seconds (children included) as
medians, and their ratio, after the figures were compared. Makes a venv with sacreBLEU beside the
work and removes it in the end.
"""

import argparse
import json
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import venv

# What sacreBLEU's command line does; its own JSON fails with NumPy 2.
PEER = r"""
import json, sys
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

def lines(path):
    return open(path, encoding="utf-8").read().splitlines()

systems = [(path, lines(path)) for path in sys.argv[2:]]
found = PairedTest(systems, {"bleu": BLEU(), "chrf": CHRF()}, [lines(sys.argv[1])],
                   test_type="bs")()[1]
print(json.dumps([{"system": path, "metric": metric, "score": found[key][i].score,
                   "p": found[key][i].p_value}
                  for key, metric in (("BLEU", "bleu"), ("chrF2", "chrf"))
                  for i, (path, _) in enumerate(systems)]))
"""

SYSTEMS = {"a": 0.05, "b": 0.08, "c": 0.15}  # share of words that are changed


def worsened(line, share, draw):
    words = line.split()
    out = []
    for word in words:
        chance = draw.random()
        if chance < share / 3:
            continue
        out.append(word)
        if chance > 1 - share / 3:
            out.append(word)
    for i in range(len(out) - 1):
        if draw.random() < share / 3:
            out[i], out[i + 1] = out[i + 1], out[i]
    return " ".join(out) or line


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, done.stdout


def difference(ours, theirs):
    """Where score or p differ, or nothing."""
    expected = {(one["system"], one["metric"]): one for one in theirs}
    for found in ours:
        other = expected[found["system"], found["metric"]]
        if abs(found["score"] - other["score"]) > 1e-9:
            return f"{found['system']} {found['metric']}: {found['score']} and {other['score']}"
        if other["p"] is not None and abs(found["p"] - other["p"]) > 2e-3:
            return f"{found['system']} {found['metric']}: p {found['p']} and {other['p']}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--xp", default="build/xp")
    options = parser.parse_args()
    lines = options.reference.read_text().splitlines()[:options.sentences]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "ref").write_text("\n".join(lines) + "\n")
        draw = random.Random(1)
        for name, share in SYSTEMS.items():
            text = [worsened(line, share, draw) for line in lines]
            (work / name).write_text("\n".join(text) + "\n")
        venv.create(work / "venv", with_pip=True)
        subprocess.run([work / "venv/bin/pip", "-q", "install", "sacrebleu==2.6.0"], check=True)
        systems = [str(work / name) for name in SYSTEMS]
        ours = [options.xp, "score", "--hypotheses", *systems, "--references", str(work / "ref"),
                "--metrics", "bleu,chrf", "--test", "--json"]
        theirs = [str(work / "venv/bin/python"), "-c", PEER, str(work / "ref"), *systems]
        seconds = {"xp": [], "sacrebleu": []}
        for _ in range(options.rounds):
            used, found = cpu_seconds(ours)
            seconds["xp"].append(used)
            used, expected = cpu_seconds(theirs)
            seconds["sacrebleu"].append(used)
        problem = difference(json.loads(found)["scores"], json.loads(expected))
    xp, other = (statistics.median(seconds[name]) for name in ("xp", "sacrebleu"))
    print(f"{len(SYSTEMS)} systems of {len(lines)} sentences, 1000 resamples, CPU seconds:")
    print(f"  xp        {xp:8.3f}\n  sacrebleu {other:8.3f}\n  ratio     {other / xp:8.1f}")
    if problem:
        sys.exit(f"the figures differ: {problem}")


if __name__ == "__main__":
    main()
