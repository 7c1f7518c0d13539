"""Text to token file: `xp data prepare` beside SentencePiece in Python and a dictionary binariser.

usage: python3 bench/data/text_to_tokens.py ARCHIVE [--rounds 3] [--pairs 150000] [--xp build/xp]

Takes the first pairs of train.en and train.fr from the archive, learns a vocabulary once with xp,
then runs in turn, on one core:
  xp       `xp data prepare` with that vocabulary: reads, cleans, drops repeats, encodes, writes
  encode   SentencePiece's own encoding of the same lines to ids, one thread
  chain    SentencePiece to pieces, then counting and numbering them and writing 2-byte ids
and prints CPU seconds, lines per CPU-second and the two ratios that matter, as medians of the
rounds; then xp once on 1, 2, 4, ... cores. Makes a venv with `sentencepiece` and `numpy` beside
the work and removes it in the end.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import venv

SPEC = """schema = 1
name = "bench"
[corpus]
use = "moses"
path = "text"
max_length = 1000
[corpus.vocabulary]
size = 16000
model = "{model}"
"""

PEER = r"""
import collections, json, sys, time
import numpy, sentencepiece
what, model, out, *texts = sys.argv[1:]
lines = [line for text in texts for line in open(text, encoding="utf-8").read().split("\n")[:-1]]
started = time.process_time()
processor = sentencepiece.SentencePieceProcessor(model_file=model)
if what == "encode":
    processor.encode(lines, out_type=int, num_threads=1)
else:
    pieces = processor.encode(lines, out_type=str, num_threads=1)
    count = collections.Counter(piece for line in pieces for piece in line)
    order = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    number = {piece: i + 4 for i, (piece, _) in enumerate(order)}
    sizes = []
    with open(out + ".bin", "wb") as ids:
        for line in pieces:
            row = numpy.array([number[piece] for piece in line] + [2], dtype=numpy.uint16)
            ids.write(row.tobytes())
            sizes.append(len(row))
    numpy.array(sizes, dtype=numpy.int32).tofile(out + ".sizes")
print(json.dumps({"cpu_s": time.process_time() - started}))
"""


def unpacked(archive, folder, pairs):
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = pathlib.PurePosixPath(member.name).name
            if name.startswith("train.") and not name.endswith(".domain"):
                lines = tar.extractfile(member).read().decode().split("\n")[:pairs]
                (folder / name).write_text("\n".join(lines) + "\n")
            elif name.startswith(("valid.", "test.")) and not name.endswith(".domain"):
                # As good as nothing, so that what is measured are the pairs.
                lines = tar.extractfile(member).read().decode().split("\n")[:10]
                (folder / name).write_text("\n".join(lines) + "\n")


def cpu_of(command, cores=1):
    """CPU and wall seconds of a command on the first cores."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, allowed))
    wall = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stdout


def prepare(xp, spec, work, cores=1):
    workspace = work / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    cpu, wall, _ = cpu_of([xp, "data", "prepare", spec, "--workspace", workspace], cores)
    return cpu, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("archive")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=150000)
    parser.add_argument("--xp", default="build/xp")
    options = parser.parse_args()
    xp = pathlib.Path(options.xp).resolve()
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "text").mkdir()
        unpacked(options.archive, work / "text", options.pairs)
        texts = [work / "text" / "train.en", work / "text" / "train.fr"]
        num_lines = sum(text.read_bytes().count(b"\n") for text in texts)
        venv.create(work / "venv", with_pip=True)
        python = work / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "-q", "install", "sentencepiece", "numpy"], check=True)
        (work / "peer.py").write_text(PEER)
        (work / "learn.toml").write_text(SPEC.format(model=""))
        prepare(xp, work / "learn.toml", work, os.cpu_count())
        (model,) = (work / "workspace" / "corpora").glob("*/vocabulary/sentencepiece.model")
        shutil.copy(model, work / "a.model")
        spec = work / "bench.toml"
        spec.write_text(SPEC.format(model="a.model"))

        def peer(what):
            out = cpu_of([python, work / "peer.py", what, work / "a.model", work / "out", *texts])
            return json.loads(out[2])["cpu_s"]

        figures = {"xp": [], "encode": [], "chain": []}
        for _ in range(options.rounds):
            figures["xp"].append(prepare(xp, spec, work)[0])
            figures["encode"].append(peer("encode"))
            figures["chain"].append(peer("chain"))
        median = {key: statistics.median(values) for key, values in figures.items()}
        print(f"{num_lines} lines, {options.rounds} rounds in turn, one core")
        for key, value in median.items():
            print(f"{key:7} {value:7.2f} CPU-s  {num_lines / value / 1000:7.1f}k lines per CPU-s"
                  f"   of {', '.join(f'{x:.2f}' for x in figures[key])}")
        print(f"CPU of xp / SentencePiece's encoding: {median['xp'] / median['encode']:.2f}")
        print(f"lines per CPU-s of xp / chain:        {median['chain'] / median['xp']:.2f}")
        cores = 1
        while cores <= len(os.sched_getaffinity(0)):
            cpu, wall = prepare(xp, spec, work, cores)
            print(f"xp on {cores} cores: {wall:.2f} s, {cpu:.2f} CPU-s")
            cores *= 2


if __name__ == "__main__":
    main()
