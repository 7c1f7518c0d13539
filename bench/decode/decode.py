"""Beam search of `xp` beside CTranslate2: the same weights, sentences and lengths.

usage: python3 bench/decode/decode.py [--program build/decode] [--venv FOLDER] [--rounds 3]
       [--sentences 200] [--length 25] [--threads 1,2] [--precisions fp32,int8]
       [--only dense,moe,small,peer]

`ninja -C build decode` makes the program. Models have their first values, so that no translation
would end by itself: the length is pinned. Programs take turns in every round; loading is not timed.
CTranslate2 gets the best of several batch sizes. Printed are medians of CPU seconds and wall,
pieces per CPU second, and ratios. Before that, greedy fp32 translations of both must agree. FOLDER
keeps the venv with CTranslate2; without --venv it is made beside the work and removed in the end.
Options choose a part of all that: --threads 1 --precisions int8 --only dense,peer takes a minute.
"""

import argparse
import itertools
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import venv

VOCABULARY = 8000
PEER_TYPES = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8"}
BASE = {"use": "transformer", "preset": "base", "dropout": 0.0}
MODELS = {
    "dense": BASE | {"moe": {"exchange": {"use": "dense"}}},
    "moe": BASE | {"moe": {"every": 2, "experts": 8, "capacity_factor": 0.0,
                           "exchange": {"use": "gshard"}}},
    "small": BASE | {"encoder_layers": 4, "decoder_layers": 4, "width": 256, "ffn_width": 1024,
                     "heads": 4, "moe": {"exchange": {"use": "dense"}}},
}

PEER = r"""
import json, os, sys, time
import ctranslate2, numpy as np
from ctranslate2.specs import TransformerSpec

settings, folder = json.loads(sys.argv[1]), sys.argv[2]
VOCABULARY = settings["vocabulary"]

def convert():
    raw = np.fromfile(folder + "/weights.bin", np.float32)
    tensors, at = {}, 0
    for name, shape in json.load(open(folder + "/weights.json")):
        size = int(np.prod(shape))
        tensors[name] = raw[at:at + size].reshape(shape)
        at += size
    width = tensors["target_embedding.weight"].shape[1]
    layers = settings["layers"]
    spec = TransformerSpec.from_config((layers, layers), settings["heads"], pre_norm=True)

    def linear(part, name):
        part.weight, part.bias = tensors[name + ".weight"], tensors[name + ".bias"]

    def norm(part, name):
        part.gamma, part.beta = tensors[name + ".weight"], tensors[name + ".bias"]

    half = width // 2
    angle = np.arange(2, 514)[:, None] * np.exp(-np.log(10000) / (half - 1) * np.arange(half))
    positions = np.concatenate([np.sin(angle), np.cos(angle)], 1).astype(np.float32)

    def embedding(part, table):
        table.weight, table.multiply_by_sqrt_depth = tensors["target_embedding.weight"], True
        part.position_encodings.encodings = positions

    def wide(part, own):
        norm(part.layer_norm, own + "norm")
        linear(part.linear_0, own + "ffn.first")
        linear(part.linear_1, own + "ffn.second")

    embedding(spec.encoder, spec.encoder.embeddings[0])
    embedding(spec.decoder, spec.decoder.embeddings)
    norm(spec.encoder.layer_norm, "encoder_norm")
    norm(spec.decoder.layer_norm, "decoder_norm")
    for i, layer in enumerate(spec.encoder.layer):
        own = f"encoder-{i}."
        norm(layer.self_attention.layer_norm, own + "norm")
        linear(layer.self_attention.linear[0], own + "attention.in")
        linear(layer.self_attention.linear[1], own + "attention.out")
        wide(layer.ffn, own + "wide.")
    for i, layer in enumerate(spec.decoder.layer):
        own = f"decoder-{i}."
        norm(layer.self_attention.layer_norm, own + "self_norm")
        linear(layer.self_attention.linear[0], own + "self.in")
        linear(layer.self_attention.linear[1], own + "self.out")
        norm(layer.attention.layer_norm, own + "cross_norm")
        linear(layer.attention.linear[0], own + "cross.query")
        linear(layer.attention.linear[1], own + "cross.memory")
        linear(layer.attention.linear[2], own + "cross.out")
        wide(layer.ffn, own + "wide.")
    spec.decoder.projection.weight = tensors["target_embedding.weight"]
    spec.decoder.projection.bias = np.zeros(VOCABULARY, np.float32)
    pieces = ["<s>", "<pad>", "</s>", "<unk>"] + [f"p{i}" for i in range(4, VOCABULARY)]
    spec.register_source_vocabulary(pieces)
    spec.register_target_vocabulary(pieces)
    spec.config.decoder_start_token = "</s>"
    spec.validate()
    os.makedirs(folder + "/peer", exist_ok=True)
    spec.save(folder + "/peer")
    return pieces

names = {piece: i for i, piece in enumerate(convert())}
pieces = list(names)
sources = [[pieces[int(word)] for word in line.split()] + ["</s>"]
           for line in open(folder + "/sources.txt")]
model = ctranslate2.Translator(folder + "/peer", device="cpu",
                               compute_type=settings["compute_type"],
                               intra_threads=settings["threads"], inter_threads=1)

def run(tokens):
    before = time.process_time(), time.perf_counter()
    found = model.translate_batch(
        sources, beam_size=settings["beam"], max_batch_size=tokens, batch_type="tokens",
        min_decoding_length=settings["length"], max_decoding_length=settings["length"],
        suppress_sequences=[["<s>"], ["<pad>"]])
    return time.process_time() - before[0], time.perf_counter() - before[1], found

rows = []
for tokens in settings["batches"]:
    run(tokens)
    for _ in range(settings["repeats"]):
        cpu, wall, found = run(tokens)
        rows.append({"cpu_s": cpu, "wall_s": wall, "batch": tokens})
with open(folder + "/peer.txt", "w") as out:
    for one in found:
        out.write(" ".join(str(names[piece]) for piece in one.hypotheses[0]) + "\n")
print(json.dumps(rows))
"""


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def write_sources(folder, count, length):
    draw = random.Random(7)
    with open(folder / "sources.txt", "w") as out:
        for _ in range(count):
            size = min(50, max(8, round(draw.gauss(length, 6))))
            out.write(" ".join(str(draw.randrange(4, VOCABULARY)) for _ in range(size)) + "\n")


def ours(options, folder, **settings):
    command = [options.program, json.dumps(settings), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def theirs(python, folder, **settings):
    done = subprocess.run([python, "-c", PEER, json.dumps(settings), str(folder)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def check_equal(folder, length):
    """Greedy translations of both programs, whose sums are rounded in different orders."""
    found, expected = ([line.split()[:length] for line in open(folder / name)]
                       for name in ("found.txt", "peer.txt"))
    same = sum(a == b for a, b in zip(found, expected, strict=True))
    print(f"greedy translations that are equal: {same} of {len(found)}")
    if same < 0.9 * len(found):
        sys.exit("the programs decode differently")


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def best_batch(rows):
    by_batch = {}
    for row in rows:
        by_batch.setdefault(row["batch"], []).append(row)
    return min(by_batch.values(), key=lambda group: median(group, "cpu_s"))


def print_ratio(rows, slow, fast):
    if {slow, fast} <= rows.keys():
        ratios = (median(rows[slow], key) / median(rows[fast], key) for key in ("cpu_s", "wall_s"))
        print("  {} over {}: {:.2f} by CPU, {:.2f} by wall".format(slow, fast, *ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/decode")
    parser.add_argument("--venv", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--precisions", default="fp32,int8")
    parser.add_argument("--only", default=",".join([*MODELS, "peer"]))
    options = parser.parse_args()
    print(f"{' '.join(sys.argv)}\n{processor()}")
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        write_sources(work, options.sentences, options.length)
        common = {"vocabulary": VOCABULARY, "length": options.length, "export": False}
        asked = options.only.split(",")
        if "peer" in asked:
            place = options.venv or work / "venv"
            if not (place / "bin/python").exists():
                venv.create(place, with_pip=True)
                subprocess.run([place / "bin/pip", "-q", "install", "ctranslate2==4.8.*", "numpy"],
                               check=True)
            python = str((place / "bin/python").absolute())
            greedy = common | {"beam": 1, "repeats": 1, "threads": 1, "precision": "fp32"}
            ours(options, work, model=MODELS["dense"], **(greedy | {"export": True}))
            theirs(python, work, layers=6, heads=8, batches=[4096], compute_type="float32",
                   **greedy)
            check_equal(work, options.length - 1)
        for threads, precision in itertools.product(map(int, options.threads.split(",")),
                                                    options.precisions.split(",")):
            rule = common | {"beam": options.beam, "threads": threads, "repeats": 1,
                             "precision": precision}
            rows = {model: [] for model in asked if model != "peer"}
            peer = []
            for _ in range(options.rounds):
                for model in rows:
                    rows[model] += ours(options, work, model=MODELS[model], **rule)
                if "peer" in asked:
                    peer += theirs(python, work, layers=6, heads=8, batches=[512, 1024, 2048, 4096],
                                   compute_type=PEER_TYPES[precision], **rule)
            pieces = options.sentences * options.length
            print(f"\n{precision}, beam {options.beam}, {threads} threads, {options.sentences} "
                  f"sentences, {options.length} pieces each", flush=True)
            if peer:
                rows["CTranslate2"] = best_batch(peer)
            for model, found in rows.items():
                cpu, wall = median(found, "cpu_s"), median(found, "wall_s")
                print(f"  {model:12} {cpu:7.2f} CPU-s {wall:7.2f} s wall "
                      f"{pieces / cpu:8.1f} pieces per CPU-s")
            print_ratio(rows, "CTranslate2", "dense")
            print_ratio(rows, "dense", "moe")


if __name__ == "__main__":
    main()
