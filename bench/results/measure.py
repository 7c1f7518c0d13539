"""Times the store beside MLflow's SQLite store and Optuna.

usage: measure.py XP [--venv FOLDER] [--runs N] [--rounds N]

Runs of the systems alternate. Without --venv only xp is timed. MLflow and Optuna get fewer runs
than xp, since they take milliseconds for each; figures are per run or per point.
"""

import argparse
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
OTHERS = '''
import json, os, resource, sys, time
what, runs, points, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
def clocks():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime
if what == "mlflow":
    from mlflow.tracking import MlflowClient
    from mlflow.entities import Metric, Param
    client = MlflowClient("sqlite:///" + folder + "/mlflow.db")
    experiment = client.create_experiment("e")
    begin = clocks()
    for i in range(runs):
        run = client.create_run(experiment)
        metrics = [Metric("loss", float(k), 0, k) for k in range(points)]
        client.log_batch(run.info.run_id, metrics=metrics, params=[Param("seed", str(i))])
        client.set_terminated(run.info.run_id)
    middle = clocks()
    client.search_runs([experiment], max_results=50000)
else:
    import optuna
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage="sqlite:///" + folder + "/optuna.db")
    begin = clocks()
    def objective(trial):
        for k in range(points):
            trial.report(float(k), k)
        return 1.0
    study.optimize(objective, n_trials=runs)
    middle = clocks()
    study.trials_dataframe()
end = clocks()
print(json.dumps({"write": [middle[i] - begin[i] for i in (0, 1)],
                  "read": [end[i] - middle[i] for i in (0, 1)]}))
'''


def timed(command, folder):
    """Wall and CPU seconds of a command."""
    before = os.times()
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall = time.perf_counter() - start
    after = os.times()
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    cpu = (after.children_user - before.children_user +
           after.children_system - before.children_system)
    return wall, cpu


def time_xp(xp, folder):
    """Folding everything in from nothing, then status and report with nothing to fold."""
    for ending in ("", "-wal", "-shm"):
        (folder / "ws" / f"xp.db{ending}").unlink(missing_ok=True)
    out = {"fold": timed([xp, "status", "--workspace", "ws"], folder)}
    out["status"] = timed([xp, "status", "--workspace", "ws"], folder)
    out["report"] = timed([xp, "report", "sweep.toml", "--workspace", "ws"], folder)
    out["sql"] = timed([xp, "sql", "SELECT avg(bleu) FROM runs_wide", "--workspace", "ws"], folder)
    return out


def time_log(program):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program, folder], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        return found["points"] / found["wall_s"], found["points"] / found["cpu_s"]


def time_other(python, what, runs, points):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([python, "-c", OTHERS, what, str(runs), str(points), folder],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])


def make_venv(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "-q", "install", "mlflow", "optuna"], check=True)
    return str(python)


def median(values):
    return [statistics.median(column) for column in zip(*values)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("xp", type=pathlib.Path)
    parser.add_argument("--venv", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    xp = str(arguments.xp.resolve())
    python = make_venv(arguments.venv) if arguments.venv else None
    few, points = 50, 100
    print("command:", " ".join(["python3"] + sys.argv))
    folder = pathlib.Path(tempfile.mkdtemp()) / "synthetic"
    try:
        subprocess.run([sys.executable, HERE / "synthetic.py", xp, folder, "--runs",
                        str(arguments.runs // 2), "--points", str(points)], check=True)
        ours, others = [], {"mlflow": [], "optuna": []}
        for _ in range(arguments.rounds):
            ours.append(time_xp(xp, folder))
            for what in others if python else ():
                others[what].append(time_other(python, what, few, points))
        runs = sum(1 for kind in ("trainings", "evaluations")
                   for _ in (folder / "ws" / kind).iterdir())
        log = arguments.xp.resolve().parent / "bench_event_log"
        if log.exists():
            wall, cpu = median([time_log(log) for _ in range(arguments.rounds)])
            print(f"xp logs {wall:.0f} points a second, {cpu:.0f} a CPU-second")
        print(f"{'what':34}{'wall':>10}{'CPU':>10}")
        for key, label in (("fold", f"fold in {runs} runs"), ("status", f"status of {runs} runs"),
                           ("report", "report"), ("sql", "sql over all runs")):
            wall, cpu = median([one[key] for one in ours])
            print(f"xp {label:31}{1e3 * wall:8.0f}ms{1e3 * cpu:8.0f}ms")
        _, fold_cpu = median([one["fold"] for one in ours])
        for what, found in others.items():
            for part, label in (("write", "a run of 100 points"), ("read", "read, per run")):
                if not found:
                    continue
                wall, cpu = median([one[part] for one in found])
                print(f"{what} {label:{33 - len(what)}}{1e3 * wall / few:8.2f}ms"
                      f"{1e3 * cpu / few:8.2f}ms")
                if part == "write":
                    # Half of xp's runs are evaluations, which have no points.
                    ratio = cpu / few / (fold_cpu / (runs / 2))
                    print(f"  {what} takes {ratio:.0f} times the CPU of xp for a run")
    finally:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    main()
