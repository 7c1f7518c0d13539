"""One rank of the peer of links.py: a Transformer with fairscale's MOELayer in every second FFN.

usage: fairscale_peer.py --reduce flat|ddp|dense --tokens T --steps N

Run by srun, one process per rank; MASTER_ADDR, MASTER_PORT and GLOO_SOCKET_IFNAME are set. "flat"
sums the gradients of shared parameters in one all-reduce after the backward pass, as fairseq's
legacy_ddp does; "ddp" in PyTorch's DistributedDataParallel, whose buckets are reduced while the
backward pass runs; "dense" is flat, without experts. Rank 0 prints one line of JSON: of every step
after the first, milliseconds of the slowest rank and CPU-seconds of all ranks.
"""

import argparse
import json
import os
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from fairscale.nn.moe import MOELayer, Top2Gate
from torch import nn

WIDTH, INNER, HEADS, LAYERS, EXPERTS = 256, 1024, 4, 4, 4
VOCABULARY, LENGTH, DROPOUT = 8000, 32, 0.1


class FeedForward(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(WIDTH, INNER), nn.ReLU(), nn.Linear(INNER, WIDTH))


def position_wise(has_experts):
    if not has_experts:
        return FeedForward()
    own = nn.ModuleList(FeedForward() for _ in range(EXPERTS // dist.get_world_size()))
    for parameter in own.parameters():
        parameter.is_expert = True
    return MOELayer(Top2Gate(WIDTH, EXPERTS), own)


class Block(nn.Module):
    def __init__(self, is_decoder, has_experts):
        super().__init__()
        def attention():
            return nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.self_norm, self.self_attention = nn.LayerNorm(WIDTH), attention()
        self.is_decoder = is_decoder
        if is_decoder:
            self.cross_norm, self.cross_attention = nn.LayerNorm(WIDTH), attention()
        self.norm, self.feed_forward = nn.LayerNorm(WIDTH), position_wise(has_experts)

    def forward(self, x, memory, mask):
        def add(to, y):
            return to + F.dropout(y, DROPOUT, self.training)
        y = self.self_norm(x)
        x = add(x, self.self_attention(y, y, y, attn_mask=mask, need_weights=False)[0])
        if self.is_decoder:
            y = self.cross_norm(x)
            x = add(x, self.cross_attention(y, memory, memory, need_weights=False)[0])
        return add(x, self.feed_forward(self.norm(x)))


class Model(nn.Module):
    """Returns the loss, so that DistributedDataParallel sees the whole graph."""

    def __init__(self, has_experts):
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, WIDTH)
        nn.init.normal_(self.table.weight, 0, WIDTH ** -0.5)
        def stack(is_decoder):
            return nn.ModuleList(Block(is_decoder, has_experts and i % 2 == 1)
                                 for i in range(LAYERS))
        self.encoder, self.decoder = stack(False), stack(True)

    def forward(self, source, target):
        memory = self.table(source) * WIDTH ** 0.5
        for block in self.encoder:
            memory = block(memory, None, None)
        x, length = self.table(target[:, :-1]) * WIDTH ** 0.5, target.size(1) - 1
        mask = torch.triu(torch.full((length, length), float("-inf")), 1)
        for block in self.decoder:
            x = block(x, memory, mask)
        logits = F.linear(x, self.table.weight).view(-1, VOCABULARY)
        return F.cross_entropy(logits, target[:, 1:].reshape(-1))


def shared_of(model):
    return [p for p in model.parameters() if not getattr(p, "is_expert", False)]


def reduce_flat(parameters, buffer):
    torch.cat([p.grad.reshape(-1) for p in parameters], out=buffer)
    dist.all_reduce(buffer)
    buffer /= dist.get_world_size()
    at = 0
    for p in parameters:
        p.grad.copy_(buffer[at:at + p.numel()].view_as(p))
        at += p.numel()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduce", choices=["flat", "ddp", "dense"], required=True)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    os.environ.update(RANK=os.environ["SLURM_PROCID"], WORLD_SIZE=os.environ["SLURM_NTASKS"])
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    model = Model(options.reduce != "dense")
    shared = shared_of(model)
    call, buffer = model, torch.empty(sum(p.numel() for p in shared))
    if options.reduce == "ddp":
        model._ddp_params_and_buffers_to_ignore = [
            name for name, p in model.named_parameters() if getattr(p, "is_expert", False)]
        call = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4, betas=(0.9, 0.98), fused=True)
    draws = torch.Generator().manual_seed(dist.get_rank())
    milliseconds, cpu_seconds = [], []
    for step in range(options.steps + 1):
        source, target = (torch.randint(4, VOCABULARY, (options.tokens // LENGTH, n),
                                        generator=draws) for n in (LENGTH, LENGTH + 1))
        dist.barrier()
        begin, cpu = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        call(source, target).backward()
        for p in model.parameters():
            if p.grad is None:
                p.grad = torch.zeros_like(p)  # an expert without tokens
        if options.reduce != "ddp":
            reduce_flat(shared, buffer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        slowest, used = (torch.tensor([value]) for value in
                         (time.perf_counter() - begin, time.process_time() - cpu))
        dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
        dist.all_reduce(used)
        if step:
            milliseconds.append(1e3 * slowest.item())
            cpu_seconds.append(used.item())
    if dist.get_rank() == 0:
        print(json.dumps({"ms": milliseconds, "cpu_s": cpu_seconds}), flush=True)


main()
