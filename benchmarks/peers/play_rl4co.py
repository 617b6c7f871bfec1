"""RL4CO's JSSPEnv, batched torch on the CPU. Usage: play_rl4co.py INSTANCE.json SECONDS; prints rows as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from rl4co.envs.scheduling.jssp.env import JSSPEnv
from timing import best_rate, load_routes

BATCHES = (1, 256)


def main(path: str, seconds: float) -> None:
    routes = load_routes(path)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # waiting threads would be counted as CPU time
    print(json.dumps([row(routes, seconds, copies) for copies in BATCHES]))


@torch.no_grad()
def row(routes: list[list[tuple[int, int]]], seconds: float, copies: int) -> dict[str, object]:
    """Whole episodes with recorded actions: masks and graph features as its step computes them."""
    env = JSSPEnv(generator_params={"num_jobs": len(routes), "num_machines": len(routes[0])})
    instance = batch(env, routes, copies)
    td = env.reset(instance.clone())
    memory = sum(t.numel() * t.element_size() for t in td.values(True, True)) // copies
    actions = []
    while not td["done"].all():
        actions.append(torch.multinomial(td["action_mask"].float(), 1).squeeze(1))
        td = advance(env, td, actions[-1])
    operations = copies * sum(len(job) for job in routes)

    def replay() -> int:
        td = env.reset(instance.clone())
        for action in actions:
            td = advance(env, td, action)
        assert td["done"].all()
        return operations

    return {
        "what": "JSSPEnv, torch on one thread of the CPU",
        "mode": "batch" if copies > 1 else "single",
        "observation": "graph",
        "copies": copies,
        "rate": best_rate(replay, seconds, 2),
        "bytes": memory,
    }


def batch(env: JSSPEnv, routes: list[list[tuple[int, int]]], copies: int) -> Any:
    """The generator's own batch with the durations of `routes` (B, M, J*M)."""
    td = env.generator([copies])
    ticks = torch.zeros(len(routes[0]), sum(len(job) for job in routes))
    for i, (machine, duration) in enumerate(pair for job in routes for pair in job):
        ticks[machine, i] = duration
    td["proc_times"] = ticks.expand(copies, *ticks.shape).clone()
    return td


def advance(env: JSSPEnv, td: Any, action: torch.Tensor) -> Any:
    td.set("action", action.clone())
    return env.step(td)["next"]


main(sys.argv[1], float(sys.argv[2]))
