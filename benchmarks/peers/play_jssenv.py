"""JSSEnv: one Gymnasium environment. Usage: play_jssenv.py INSTANCE.json SECONDS; prints rows as JSON."""

from __future__ import annotations

import json
import random
import sys
import tempfile

from JSSEnv.envs.jss_env import JssEnv
from timing import best_rate, load_routes, python_bytes


def main(path: str, seconds: float) -> None:
    routes = load_routes(path)
    text = "\n".join([f"{len(routes)} {len(routes[0])}", *(" ".join(f"{m} {p}" for m, p in job) for job in routes)])
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text + "\n")
        file.flush()
        config = {"instance_path": file.name}
        env = JssEnv(config)
        actions = play(env, random.Random(0))
        memory = python_bytes(lambda: started(config))
    operations = sum(len(job) for job in routes)

    def replay() -> int:
        env.reset()
        for action in actions:
            over = env.step(action)[2]
        assert over
        return operations

    rate = best_rate(replay, seconds, 3)
    what = f"JssEnv, {len(actions) - operations} waits in {len(actions)} steps"
    print(json.dumps([{"what": what, "mode": "single", "observation": "candidates", "copies": 1, "rate": rate, "bytes": memory}]))


def started(config: dict[str, str]) -> JssEnv:
    env = JssEnv(config)
    env.reset()
    return env


def play(env: JssEnv, rng: random.Random) -> list[int]:
    """Actions of one episode that takes a random legal job, and waits only where no job is legal."""
    seen = env.reset()
    actions: list[int] = []
    over = False
    while not over:
        legal = [j for j in range(env.jobs) if seen["action_mask"][j]]
        actions.append(rng.choice(legal) if legal else env.jobs)
        seen, _, over, _, _ = env.step(actions[-1])
    return actions


main(sys.argv[1], float(sys.argv[2]))
