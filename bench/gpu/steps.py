"""The steps of `make test-gpu` and bench/gpu.sh: each a process, one after the other, with what it
printed kept in one JSON file. A step that the file has already is not run again.

usage: steps.py test|speed [--device cuda|cpu] [--build FOLDER] [--seconds N] [--smoke]

  --device   cpu tries the steps themselves on a machine without a GPU
  --seconds  starts no step after so long (default 240); the next call resumes
  --smoke    small shapes
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESET = {"XP_COUNT_HOST_READS": "1"}


def main():
    options = arguments()
    build = pathlib.Path(options.build).resolve()
    out = build / f"gpu-{options.what}-{options.device}.json"
    known = read(out, stamp_of(build))
    begin = time.time()
    todo = steps(options, build)
    for name, step in todo:
        if name in known["steps"] and known["steps"][name].get("ok", True):
            continue
        if time.time() - begin > options.seconds:
            print(f"stopped after {options.seconds} s; run it again to resume", file=sys.stderr)
            break
        start = time.time()
        result = step()
        result["seconds"] = round(time.time() - start, 1)
        known["steps"][name] = result
        out.write_text(json.dumps(known, indent=2) + "\n")
        print(f"{name}: {words_of(result)} ({result['seconds']} s)", file=sys.stderr)
    table(todo, known["steps"])
    print(f"\n{out}")
    is_complete = all(name in known["steps"] for name, _ in todo)
    is_well = all(one.get("ok", True) for one in known["steps"].values())
    sys.exit(0 if is_complete and is_well else 1)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["test", "speed"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--build", default=ROOT / "build")
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--smoke", action="store_true")
    return parser.parse_args()


def stamp_of(build):
    """Another build starts anew."""
    files = [build / name for name in ("gpu", "xp-engine", "libxp_cuda.so")]
    return [int(file.stat().st_mtime) for file in files if file.exists()]


def read(file, stamp):
    if file.exists():
        known = json.loads(file.read_text())
        if known["stamp"] == stamp:
            return known
    return {"stamp": stamp, "machine": machine(), "steps": {}}


def machine():
    question = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total",
                "--format=csv,noheader"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, check=True).stdout
        return answer.strip().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def steps(options, build):
    gpu = [str(build / "gpu"), options.device]
    if options.what == "speed":
        shapes = [(tokens, experts) for experts in (8, 32) for tokens in (8192, 16384, 32768)]
        more = ["20"]
        if options.smoke:
            shapes, more = [(64, 4)], ["2", "32", "64"]
        return [(f"{tokens} tokens, {experts} experts",
                 lambda words=(str(tokens), str(experts)): program(gpu + ["layers", *words, *more]))
                for tokens, experts in shapes]
    listed = subprocess.run(gpu[:1] + ["cpu", "checks"], capture_output=True, text=True, check=True)
    out = [(name, lambda name=name: program(gpu + ["check", name]))
           for name in json.loads(listed.stdout)]
    out.append(("2 ranks on one device", lambda: program(gpu + ["ranks", "2"])))
    for exchange in ("dense", "gshard"):
        out.append((f"training, {exchange}",
                    lambda exchange=exchange: training(options, build, exchange)))
    return out


def program(command, limit=120):
    """The JSON object that a step prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit,
                              env={**os.environ, **RESET})
    except subprocess.TimeoutExpired:
        return {"ok": False, "detail": f"no end after {limit} s"}
    if done.returncode != 0:
        lines = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()
        return {"ok": False, "detail": lines[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


EXPERIMENT = """# A training of a few seconds, for one kind of layer and one device.
schema = 1
name = "gpu-{exchange}-{device}"
[corpus]
use = "dummy"
train = 2000
valid = 100
test = 10
[corpus.vocabulary]
size = 500
[model]
preset = "tiny"
dropout = 0.1
[model.moe]
experts = 4
[model.moe.exchange]
use = "{exchange}"
[train]
max_updates = 20
max_tokens = 1024
validate_every = 20
[launch]
device = "{device}"
"""


def training(options, build, exchange):
    """The validation loss after 20 updates, on the CPU and on the device."""
    folder = build / "gpu-trainings"
    folder.mkdir(exist_ok=True)
    losses = {}
    for device in dict.fromkeys(["cpu", options.device]):
        file = folder / f"{exchange}-{device}.toml"
        file.write_text(EXPERIMENT.format(exchange=exchange, device=device))
        command = [str(build / "xp"), "run", str(file), "--workspace", str(folder / device)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return {"ok": False, "detail": (done.stderr.strip().splitlines() or ["failed"])[-1]}
        losses[device] = max(
            ((status.stat().st_mtime, json.loads(status.read_text())["summary"].get("valid_loss"))
             for status in (folder / device).glob("trainings/*/status.json")))[1]
    worst = abs(losses["cpu"] - losses[options.device]) / losses["cpu"]
    return {"ok": worst < 2e-2, "worst": worst, "detail": f"losses {losses}"}


def words_of(result):
    if "moe_ms" in result:
        return f"moe {result['moe_ms']:.2f} ms, {result['moe_of_dense']:.2f} of dense"
    detail = f", {result['detail']}" if result.get("detail") else ""
    return ("ok" if result.get("ok") else "FAILED") + detail


def table(todo, results):
    rows = []
    for name, _ in todo:
        one = results.get(name)
        if one is None:
            rows.append([name, "not run"])
        elif "moe_ms" in one:
            rows.append([name, *(f"{one[key]:.3f}" for key in (
                "dense_ms", "moe_ms", "one_hot_ms", "moe_of_dense", "moe_of_one_hot",
                "moe_tflops"))])
        else:
            rows.append([name, "ok" if one.get("ok") else "FAILED",
                         f"{one.get('worst', 0):.1e}", one.get("detail", "")])
    is_speed = any("moe_ms" in one for one in results.values())
    head = ["layer", "dense ms", "moe ms", "one-hot ms", "of dense", "of one-hot", "TFLOP/s"] \
        if is_speed else ["check", "result", "worst", ""]
    widths = [max(len(row[i]) for row in [head, *rows] if i < len(row)) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main()
