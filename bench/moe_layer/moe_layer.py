"""One MoE layer, forward and backward, beside fairscale's MOELayer: ratios of CPU seconds and wall.

usage: python3 bench/moe_layer/moe_layer.py [--program build/moe_layer] [--rounds 5]

Needs `pip install torch fairscale` in the interpreter that runs it; builds nothing. All variants
take turns in every round, one thread a rank, so that what else the machine does meets all of them
alike.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

WIDTH, INNER, EXPERTS = 512, 2048, 8


def fairscale_rank(rank, ranks, tokens, repeats, port, out):
    import torch
    import torch.distributed as dist
    from fairscale.nn.moe import MOELayer, Top2Gate

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    torch.set_num_threads(1)
    torch.manual_seed(1 + rank)

    def expert():
        return torch.nn.Sequential(torch.nn.Linear(WIDTH, INNER), torch.nn.ReLU(),
                                   torch.nn.Linear(INNER, WIDTH))

    layer = MOELayer(Top2Gate(WIDTH, EXPERTS),
                     torch.nn.ModuleList(expert() for _ in range(EXPERTS // ranks)))
    x = torch.randn(tokens // 64, 64, WIDTH)
    for i in range(repeats + 1):
        own = x.clone().requires_grad_(True)
        dist.barrier()
        start, cpu = time.perf_counter(), time.process_time()
        y = layer(own)
        (y.square().mean() + 0.01 * layer.l_aux).backward()
        took = torch.tensor([time.process_time() - cpu])
        slowest = torch.tensor([time.perf_counter() - start])
        dist.all_reduce(took)
        dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
        if rank == 0 and i:
            out.put({"cpu_ms": 1e3 * took.item(), "wall_ms": 1e3 * slowest.item()})
    dist.barrier()


def fairscale(ranks, tokens, repeats):
    import torch.multiprocessing as mp

    context = mp.get_context("spawn")
    out = context.Queue()
    port = 20000 + os.getpid() % 20000 + int(time.time()) % 1000
    mp.spawn(fairscale_rank, (ranks, tokens, repeats, port, out), ranks)
    return [out.get() for _ in range(repeats)]


def ours(program, variant, ranks, tokens, repeats):
    done = subprocess.run([program, variant, str(ranks), str(tokens), str(repeats)], check=True,
                          capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(title, variants, rounds, base):
    found = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            found[name] += run()
    print(f"\n{title}")
    median = {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]
                     if key != "variant"} for name, rows in found.items()}
    for name, row in median.items():
        line = f"  {name:12} {row['cpu_ms']:9.1f} CPU-ms {row['wall_ms']:9.1f} ms wall"
        line += f"   {median[base]['cpu_ms'] / row['cpu_ms']:6.2f}x by CPU"
        line += f" {median[base]['wall_ms'] / row['wall_ms']:6.2f}x by wall"
        if row.get("link_bytes"):
            line += f"   {row['link_bytes'] / 1e6:6.2f} MB sent, {row['kept_rows']:.0f} rows kept"
        print(line)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--program", default="build/moe_layer")
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    print(" ".join(sys.argv))

    def own(variant, ranks, tokens):
        return lambda: ours(asked.program, variant, ranks, tokens, 2)

    for tokens in (1024, 4096):
        compare(f"2 ranks, {tokens} tokens each, d {WIDTH}, f {INNER}, E {EXPERTS}, top-2; "
                "against fairscale",
                {"fairscale": lambda tokens=tokens: fairscale(2, tokens, 2),
                 "xp": own("xp", 2, tokens), "xp-dropless": own("xp-dropless", 2, tokens)},
                asked.rounds, "fairscale")
    for tokens in (1024, 4096):
        compare(f"one rank, {tokens} tokens: a dense FFN of the same products",
                {"dense": own("dense", 1, tokens), "xp-dropless": own("xp-dropless", 1, tokens)},
                asked.rounds, "dense")
    compare("one rank, 4096 tokens: sorting rows by assignment, against the dense permutation",
            {"sort-dense": own("sort-dense", 1, 4096), "sort-index": own("sort-index", 1, 4096)},
            asked.rounds, "sort-dense")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{used.ru_utime + used.ru_stime:.0f} CPU-seconds in all")


if __name__ == "__main__":
    main()
