"""Times the command line and planning of xp beside Hydra 1.3.

usage: measure.py XP [--venv FOLDER] [--rounds N] [--patient]

Runs of both alternate. Without --venv only xp is timed.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import venv

SPEC = """name = "sweep"
[corpus]
use = "dummy"
[model.moe]
exchange.use = "scomoe-seq"
[sweep]
"model.moe.exchange.alpha" = {{ range = [0.0, {alpha}, 0.05] }}
"model.moe.exchange.beta" = {{ range = [0.0, {beta}, 0.05] }}
"train.optimizer.lr" = {lr}
"train.seed" = {{ repeat = {seeds} }}
"""
FOUR = "[1e-3, 5e-4, 2e-4, 1e-4]"
# 100 = 5 x 5 x 4 x 1, 10,000 = 10 x 10 x 4 x 25, 100,000 = 10 x 10 x 4 x 250 points; and 10,000 of
# which no two have [train] in common: 1 x 1 x 100 x 100.
SWEEPS = {
    "plan of 100 points": (0.2, 0.2, FOUR, 1),
    "plan of 10,000 points": (0.45, 0.45, FOUR, 25),
    "plan of 10,000 points, each with a [train] of its own":
        (0.0, 0.0, "{ log = [1e-5, 1e-2, 100] }", 100),
    "plan of 100,000 points": (0.45, 0.45, FOUR, 250),
}
# Plans that are timed with Hydra too; the second one with --patient only.
ALSO_HYDRA = ("plan of 100 points", "plan of 10,000 points")

APP = """import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    pass
if __name__ == "__main__":
    main()
"""
CONFIG = """corpus: {use: dummy, max_length: 100}
model: {width: 512, heads: 8, moe: {experts: 8, exchange: {use: scomoe-seq, alpha: 0.2, beta: 0.5}}}
train: {seed: 1, optimizer: {lr: 0.0005, betas: [0.9, 0.98]}, schedule: {warmup_updates: 4000}}
eval: {beam: 5, max_tokens: 6000}
hydra: {run: {dir: .}, sweep: {dir: multirun}, hydra_logging: {disable_existing_loggers: true}}
"""


def once(command, folder, environment):
    """Wall seconds, CPU-seconds and peak memory (MB) of one run."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed with {child.returncode}: {' '.join(command)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def hydra_python(folder):
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
        pip = [folder / "bin" / "pip", "install", "--quiet", "hydra-core==1.3.*"]
        subprocess.run(pip, check=True)
    return str(folder / "bin" / "python")


def sweep_words(alpha, beta, seeds):
    shares = [",".join(f"{0.05 * i:.2f}" for i in range(round(top / 0.05) + 1))
              for top in (alpha, beta)]
    return [f"model.moe.exchange.alpha={shares[0]}", f"model.moe.exchange.beta={shares[1]}",
            "train.optimizer.lr=1e-3,5e-4,2e-4,1e-4",
            "train.seed=" + ",".join(str(i + 1) for i in range(seeds))]


def cases(xp, python, folder, patient):
    """(title, xp's command, Hydra's command or None, environment of the latter)."""
    completing = dict(os.environ, COMP_LINE="python app.py model.", COMP_CWORD="2",
                      HYDRA_SHELL="bash")
    hydra = [python, "app.py"] if python else None
    yield "--version", [xp, "--version"], hydra and [*hydra, "--version"], None
    yield ("complete a setting", [xp, "complete", "--", "plan", "--set", "model.moe."],
           hydra and [*hydra, "-sc", "query=bash"], completing)
    for number, (title, (alpha, beta, lr, seeds)) in enumerate(SWEEPS.items()):
        spec = folder / f"plan{number}.toml"
        spec.write_text(SPEC.format(alpha=alpha, beta=beta, lr=lr, seeds=seeds))
        asked = hydra and title in ALSO_HYDRA[:2 if patient else 1]
        yield (title, [xp, "plan", str(spec), "--workspace", str(folder / "ws")],
               [*hydra, "-m", *sweep_words(alpha, beta, seeds)] if asked else None, None)


def show(title, runs):
    wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
    print(f"  {title:6} wall {1e3 * wall:10.1f} ms   CPU {1e3 * cpu:10.1f} ms   {memory:6.0f} MB")
    return wall, cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("xp", type=pathlib.Path)
    parser.add_argument("--venv", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patient", action="store_true")
    options = parser.parse_args()
    python = hydra_python(options.venv.resolve()) if options.venv else None
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "conf").mkdir()
        (folder / "conf" / "config.yaml").write_text(CONFIG)
        (folder / "app.py").write_text(APP)
        walls = {}
        for title, ours, theirs, environment in cases(str(options.xp.resolve()), python, folder,
                                                      options.patient):
            print(f"{title}\n  {' '.join(ours)}")
            if theirs:
                words = " ".join(theirs)
                print("  " + (words if len(words) < 160 else words[:160] + " ..."))
            runs, others = [], []
            for _ in range(options.rounds):
                runs.append(once(ours, folder, None))
                if theirs:
                    others.append(once(theirs, folder, environment))
            wall, cpu = show("xp", runs)
            walls[title] = wall
            if others:
                wall_other, cpu_other = show("Hydra", others)
                print(f"  ratio  wall {wall_other / wall:10.1f}      CPU {cpu_other / cpu:10.1f}")
        shared, own = (walls[title] for title in SWEEPS if title.startswith("plan of 10,000"))
        print(f"a [train] of its own for each point takes {own / shared:.2f} times as long")


if __name__ == "__main__":
    main()
