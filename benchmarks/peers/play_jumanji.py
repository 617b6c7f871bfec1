"""Jumanji's JobShop in JAX on the CPU. Usage: play_jumanji.py INSTANCE.json SECONDS; prints rows as JSON.

Its step is one tick of time, in which every machine takes a job or waits: an episode on durations up to 99 has about
ten steps an operation.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

# Waiting threads would be counted as CPU time.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
from jumanji.environments.packing.job_shop.env import JobShop
from jumanji.environments.packing.job_shop.generator import Generator
from jumanji.environments.packing.job_shop.types import State
from timing import best_rate, load_routes

COPIES = 1024


class OneInstance(Generator):
    """Always the same instance."""

    def __init__(self, routes: list[list[tuple[int, int]]]) -> None:
        self.machine = jnp.array([[m for m, _ in job] for job in routes], jnp.int32)
        self.duration = jnp.array([[p for _, p in job] for job in routes], jnp.int32)
        jobs, machines = self.machine.shape
        super().__init__(jobs, machines, machines, int(self.duration.max()))

    def __call__(self, key: jax.Array) -> State:
        blank = jnp.zeros(self.num_machines, jnp.int32)
        return State(
            ops_machine_ids=self.machine,
            ops_durations=self.duration,
            ops_mask=jnp.ones_like(self.machine, bool),
            machines_job_ids=blank + self.num_jobs,
            machines_remaining_times=blank,
            action_mask=None,
            step_count=jnp.array(0, jnp.int32),
            scheduled_times=jnp.full_like(self.machine, -1),
            key=key,
        )


def main(path: str, seconds: float) -> None:
    routes = load_routes(path)
    env = JobShop(OneInstance(routes))
    # No schedule is shorter than its longest job, so that no copy ends and idles within these ticks.
    ticks = max(sum(p for _, p in job) for job in routes)
    print(json.dumps([row(env, ticks, seconds, copies) for copies in (1, COPIES)]))


def row(env: JobShop, ticks: int, seconds: float, copies: int) -> dict[str, object]:
    """The best use that its interface offers: one compiled scan over recorded actions, vmapped."""
    keys = jax.random.split(jax.random.PRNGKey(0), copies)
    states, first = jax.jit(jax.vmap(env.reset))(keys)
    actions = jax.jit(jax.vmap(recorder(env, ticks)))(states, keys)  # (B, T, M)

    def play(state: State, chosen: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(carry: State, action: jax.Array) -> tuple[State, jax.Array]:
            following, timestep = env.step(carry, action)
            return following, timestep.reward

        state, rewards = jax.lax.scan(step, state, chosen)
        return (~state.ops_mask).sum(), rewards.min()

    compiled = jax.jit(jax.vmap(play))
    done, worst = compiled(states, actions)
    assert worst.min() == -1, "an action was refused"
    operations = int(done.sum())

    def work() -> int:
        jax.block_until_ready(compiled(states, actions))
        return operations

    memory = sum(leaf.nbytes for leaf in jax.tree.leaves((states, first))) // copies
    return {
        "what": f"JobShop, one scan over {ticks} ticks in which {operations / copies:.0f} operations start",
        "mode": "batch" if copies > 1 else "single",
        "observation": "candidates",
        "copies": copies,
        "rate": best_rate(work, seconds, 3),
        "bytes": memory,
    }


def recorder(env: JobShop, ticks: int) -> Callable[[State, jax.Array], jax.Array]:
    """A function that plays a random legal job on every machine that has one, and returns the actions."""

    def record(state: State, key: jax.Array) -> jax.Array:
        def step(carry: State, k: jax.Array) -> tuple[State, jax.Array]:
            jobs = carry.action_mask[:, :-1]
            best = jnp.where(jobs, jax.random.uniform(k, jobs.shape), -1.0).argmax(axis=1)
            action = jnp.where(jobs.any(axis=1), best, env.no_op_idx)
            return env.step(carry, action)[0], action

        return jax.lax.scan(step, state, jax.random.split(key, ticks))[1]

    return record


main(sys.argv[1], float(sys.argv[2]))
