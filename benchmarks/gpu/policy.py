"""Part 4, with a policy in the loop: schedules a second of `Rollout.play`, and whether they are as good as those of the CPU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.gpu import games
from benchmarks.gpu.device import Plan, alone, forget, room, seconds_of
from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.instances.errors import InputError

COMPARED = 256  # episodes on the CPU and on the GPU, half of them greedy
COPIES = (4096, 32768, 131072)
LONGEST = 4.0  # seconds of one timing, by the rate of the smaller batch


def cases(tiny: bool) -> list[str]:
    return ["jobshop"] if tiny else [name for name, game in games.GAMES.items() if game.policy]


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """A row that compares, then one for each number of copies."""
    env = games.make(case, plan.tiny, 1, "python")
    problem, pool = env.engine.problem, list(env.engine.pool)
    policy = loaded(games.GAMES[case].policy, problem.features, plan)
    yield compared(policy, problem, pool, plan)
    policy = policy.to("cpu" if simulated() else "cuda")
    rate = 0.0
    for copies in (2,) if plan.tiny else COPIES:
        sizes = problem.sizes(pool)
        each = needed(problem, sizes, policy.config.hidden)
        row = {"copies": copies, "bytes a copy": each}
        if copies * each > room():
            yield row | {"reason": f"{copies * each / 1e9:.1f} GB, and {room() / 1e9:.1f} GB may be taken"}
            return
        if rate and copies / rate > LONGEST:
            yield row | {"reason": f"would take {copies / rate:.0f} s"}
            return
        rollout = Rollout(problem, sizes, copies, policy.config.hidden, "cuda")
        rollout.load(pool)
        rows, seeds = np.arange(copies) % len(pool), np.arange(copies)
        rollout.play(policy, rows, seeds)
        with alone():
            spent = seconds_of(lambda r=rollout, b=rows, s=seeds: r.play(policy, b, s), 0.0, 1 if plan.tiny else 2)
        rate = copies / spent
        yield row | {"schedules/s": round(rate)}
        del rollout
        forget()


def loaded(name: str, features: Any, plan: Plan) -> Policy:
    """The shipped policy of that name; in a tiny run a small one without training, which plain Python can play."""
    if plan.tiny:
        torch.manual_seed(0)
        return Policy(PolicyConfig(features, width=8, layers=1, hidden=8))
    folder = checkpoint.PRETRAINED / name
    policy, _ = checkpoint.load_policy(folder, json.loads((folder / "policy.json").read_text())["problem"])
    if policy.config.features != features:
        raise InputError(f"{name} was trained on other features than the game's")
    return policy


def needed(problem: Any, sizes: Any, hidden: int) -> int:
    """Bytes of one copy of a rollout: state, scratch of the decoder, record."""
    state = sum(int(x[0].nbytes) for x in problem.state(sizes, 1))
    return state + 4 * (sizes.actions + 4) * hidden + 16 * sizes.actions + 8 * sizes.steps + 64


def compared(policy: Any, problem: Any, pool: list[Any], plan: Plan) -> dict[str, Any]:
    """The same episodes on both: share of equal ones, mean objectives, and the mean difference in its standard errors.

    exp and log of the GPU round otherwise than the CPU's, so single choices may differ where two are nearly as likely.
    """
    copies = 2 if plan.tiny else COMPARED
    rows, seeds = np.arange(copies) % len(pool), np.where(np.arange(copies) % 2, np.arange(copies), -1)
    plays = []
    for device in ("python" if plan.tiny else "cpu", "cuda"):
        rollout = Rollout(problem, problem.sizes(pool), copies, policy.config.hidden, device)
        rollout.load(pool)
        record = rollout.play(policy.to("cuda" if device == "cuda" and not simulated() else "cpu"), rows, seeds)
        plays.append([np.asarray(x.cpu()) for x in (record.actions, record.objective, record.length)])
    inside = np.arange(plays[0][0].shape[1]) < plays[0][2][:, None]
    same = ((plays[0][0] == plays[1][0]) | ~inside).all(axis=1)
    gap = (plays[1][1] - plays[0][1]).astype(float)
    error = gap.std(ddof=1) / np.sqrt(copies)
    means = [round(float(play[1].mean()), 3) for play in plays]
    return {
        "compared": copies,
        "same episodes": round(float(same.mean()), 3),
        "mean cpu": means[0],
        "mean cuda": means[1],
        "standard errors apart": round(float(gap.mean() / error), 2) if error > 0 else 0.0,
    }
