"""Times what xp does around runs, and Slurm sweeps beside submitit and Hydra's submitit launcher.

usage: measure.py BUILD_FOLDER [--venv FOLDER] [--folder FOLDER] [--rounds N] [--trainings N]

Runs are empty: a stand-in for xp-engine that only says it is done. The part with Slurm needs root
and brings up a cluster of its own (scripts/cluster.sh).
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER = HERE.parents[1] / "scripts" / "cluster.sh"
PEERS = ["submitit==1.5.4", "hydra-core==1.3.*", "hydra-submitit-launcher==1.2.0"]

SPEC = """# Claim: none; empty runs.
schema = 1
name = "empty"
description = "runs that do nothing"
[corpus]
use = "dummy"
train = 20
valid = 2
test = 2
words = 20
[corpus.vocabulary]
size = 60
[model]
preset = "tiny"
[model.moe]
experts = 2
[train]
max_updates = 1
[launch]
device = "cpu"
{launch}
[sweep]
"train.seed" = {{ repeat = {trainings}, base = 1 }}
"""
SLURM = 'use = "slurm"\nslurm.time = "00:10:00"\nslurm.pack = {pack}'

SUBMITIT = """import sys
import submitit
count = int(sys.argv[2])
executor = submitit.AutoExecutor(folder=sys.argv[1])
executor.update_parameters(timeout_min=5, slurm_array_parallelism=count)
jobs = executor.map_array(abs, list(range(count)))
assert [job.result() for job in jobs] == list(range(count))
"""
HYDRA = """import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    return config.task
if __name__ == "__main__":
    main()
"""


def timed(command, folder):
    """Wall seconds and CPU-seconds (of the process and what it waited for) of one command."""
    begin = time.perf_counter()
    with open(folder / "output.log", "ab") as log:
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed with {child.returncode}: {words(command)}\n"
                 + (folder / "output.log").read_text()[-2000:])
    return wall, usage.ru_utime + usage.ru_stime


def words(command):
    return " ".join(map(str, command))


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


class Sweep:
    """An experiment of empty trainings, with an empty evaluation each."""

    def __init__(self, build, folder, trainings, launch=""):
        self.xp, self.folder, self.number = build / "xp", folder, 0
        folder.mkdir()
        (folder / "sweep.toml").write_text(SPEC.format(launch=launch, trainings=trainings))
        timed([self.xp, "data", "prepare", "sweep.toml", "--workspace", "ws0"], folder)

    def command(self):
        return [self.xp, "run", "sweep.toml", "--workspace", f"ws{self.number}"]

    def anew(self):
        """In a new workspace with the corpus only: in place of the last one, deleted files would
        still cost something."""
        self.number += 1
        shutil.copytree(self.folder / "ws0", self.folder / f"ws{self.number}")
        return timed(self.command(), self.folder)

    def again(self):
        """Nothing is to do."""
        return timed(self.command(), self.folder)

    def rate(self):
        """Runs per second between the first start and the last end of their records."""
        attempts = list(self.folder.glob(f"ws{self.number}/*/*/attempts/1"))
        starts = [(attempt / "launcher.json").stat().st_mtime for attempt in attempts]
        ends = [(attempt / "end.json").stat().st_mtime for attempt in attempts]
        return (len(attempts) - 1) / (max(ends) - min(starts))


def bare(stand_in, folder, count):
    """Wall and CPU-seconds of starting the stand-in `count` times with nothing around it."""
    folder.mkdir()
    command = [str(stand_in), "train", str(folder), "--attempt", "1"]
    begin, cpu = time.perf_counter(), os.times()
    for _ in range(count):
        os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)
    now = os.times()
    used = sum(now[:4]) - sum(cpu[:4])
    return time.perf_counter() - begin, used


def local_part(build, folder, rounds, trainings, place):
    sweep = Sweep(build, folder / "local", trainings)
    print(f"{2 * trainings} runs on this machine, one at a time, {place}\n"
          f"  {words(sweep.command())}")
    rows = []
    for number in range(rounds):
        anew, again = sweep.anew(), sweep.again()
        alone = bare(build / "bench_stand_in", folder / f"bare{number}", 2 * trainings)
        rows.append([1e3 * (a - b) / (2 * trainings) for a, b in zip(anew, again)]
                    + [1e3 * a / (2 * trainings) for a in alone])
    wall, cpu, wall_alone, cpu_alone = medians(rows)
    print(f"  a run            wall {wall:6.2f} ms   CPU {cpu:6.2f} ms")
    print(f"  fork+exec alone  wall {wall_alone:6.2f} ms   CPU {cpu_alone:6.2f} ms")
    print(f"  difference       wall {wall - wall_alone:6.2f} ms   CPU {cpu - cpu_alone:6.2f} ms")


def rerun_part(build, folder, rounds):
    """Nothing to do in sweeps whose runs are all finished."""
    command = [build / "xp", "run", "sweep.toml", "--workspace", "ws"]
    print("nothing to do\n  " + words(command))
    for points in (5000, 10000):
        sweep = folder / f"done{points}"
        subprocess.run([sys.executable, HERE.parent / "results" / "synthetic.py", build / "xp",
                        sweep, "--runs", str(points), "--points", "1"],
                       check=True, stdout=subprocess.DEVNULL)
        runs = sum(len(list((sweep / "ws" / kind).iterdir()))
                   for kind in ("trainings", "evaluations"))
        timed(command, sweep)  # the disk's cache is warm
        wall, cpu = medians([timed(command, sweep) for _ in range(rounds)])
        print(f"  {runs:6,} runs done   wall {1e3 * wall:6.0f} ms   CPU {1e3 * cpu:6.0f} ms")


class Meter:
    """CPU-seconds of this process and all that descends from it: a control group."""

    def __init__(self):
        root = pathlib.Path("/sys/fs/cgroup")
        self.parent = root / "cpuacct" if (root / "cpuacct").exists() else root
        self.group = self.parent / f"xp-bench-{os.getpid()}"
        self.group.mkdir()
        (self.group / "cgroup.procs").write_text("0")

    def seconds(self):
        usage = self.group / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        words = (self.group / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1e6

    def close(self):
        (self.parent / "cgroup.procs").write_text("0")
        for _ in range(50):  # until the last daemon is gone
            with contextlib.suppress(OSError):
                self.group.rmdir()
                return
            time.sleep(0.1)


@contextlib.contextmanager
def slurm(folder):
    """A cluster with accounting, which submitit asks; its commands are on the PATH."""
    def cluster(*words):
        subprocess.run([CLUSTER, "--dir", folder, *words], check=True)

    before = os.environ["PATH"]
    cluster("install", "--accounting")
    meter = Meter()
    cluster("up", "--accounting", "--nodes", "2", "--cpus", "16", "--mem", "16000")
    os.environ.update(PATH=f"{folder}/bin:{before}", SLURM_CONF=f"{folder}/etc/slurm.conf")
    try:
        yield meter
    finally:
        os.environ["PATH"] = before
        cluster("down")
        meter.close()


def python_of(folder):
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *PEERS], check=True)
    return folder / "bin" / "python"


def peers(python, folder, tasks):
    """Name and command of the other systems."""
    folder.mkdir()
    (folder / "conf").mkdir()
    (folder / "conf" / "config.yaml").write_text("task: 0\n")
    (folder / "app.py").write_text(HYDRA)
    (folder / "submit.py").write_text(SUBMITIT)
    yield "submitit", [python, "submit.py", "logs", str(tasks)]
    yield "Hydra + submitit", [python, "app.py", "-m", "hydra/launcher=submitit_slurm",
                               "hydra.launcher.timeout_min=5", f"task=range({tasks})"]


def slurm_part(build, folder, rounds, trainings, python):
    """From the command to the last result, in turn. A task of the others stands against a training
    and its evaluation. CPU is that of all: the command, the jobs and Slurm's daemons."""
    packed = Sweep(build, folder / "packed", trainings, SLURM.format(pack=trainings))
    single = Sweep(build, folder / "single", trainings, SLURM.format(pack=0))
    cases = [("xp, one job", packed.command(), packed.anew),
             ("xp, a job each", single.command(), single.anew)]
    for name, command in peers(python, folder / "peers", trainings) if python else []:
        cases.append((name, command, lambda command=command: timed(command, folder / "peers")))
    rows, rates = {name: [] for name, _, _ in cases}, []
    with slurm(folder / "cluster") as meter:
        for _ in range(rounds):
            for name, _, run in cases:
                time.sleep(2)  # the daemons come to rest
                before = meter.seconds()
                wall, _ = run()
                rows[name].append((wall, meter.seconds() - before))
            rates.append(packed.rate())
    print(f"{trainings} empty trainings, or tasks, through Slurm")
    for name, command, _ in cases:
        wall, cpu = medians(rows[name])
        print(f"  {words(command)}\n    {name:20} wall {wall:6.2f} s   CPU {cpu:6.2f} s")
    print(f"  inside the one job: {statistics.median(rates):.0f} runs a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path, help="has xp, components.json and, after "
                        "`ninja bench_stand_in`, the stand-in")
    parser.add_argument("--venv", type=pathlib.Path, help="where submitit and Hydra are put")
    parser.add_argument("--folder", type=pathlib.Path, help="where workspaces are made; on a disk, "
                        "waiting for it is part of the times")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trainings", type=int, default=50)
    options = parser.parse_args()
    build = options.build.resolve()
    os.environ["XP_ENGINE"] = str(build / "bench_stand_in")
    print(f"XP_ENGINE={os.environ['XP_ENGINE']}")
    python = python_of(options.venv.resolve()) if options.venv else None
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = pathlib.Path(name)
        local_part(build, folder, options.rounds, 2 * options.trainings, "on the disk")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
            local_part(build, pathlib.Path(memory), options.rounds, 2 * options.trainings,
                       "in memory")
        rerun_part(build, folder, options.rounds)
        slurm_part(build, folder, options.rounds, options.trainings, python)


if __name__ == "__main__":
    main()
