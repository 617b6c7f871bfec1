"""A plain script: every family with gymnasium, numpy and numba alone. `--block` hides the optional packages first.

With NUMBA_DISABLE_JIT=1 in the environment nothing is compiled. The last line says how long the import and a `make` took.
"""

import sys
import time

OPTIONAL = (
    *("torch", "safetensors", "torch_geometric", "ortools", "matplotlib", "tyro", "rich", "scipy", "pandas"),
    *("stable_baselines3", "sb3_contrib", "ray", "tensorboard", "jinja2", "plotly", "networkx", "psutil"),
)

if "--block" in sys.argv:
    sys.modules.update(dict.fromkeys(OPTIONAL))

began = time.process_time()
import dispatchgym  # noqa: E402

imported = time.process_time() - began

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402

from dispatchgym import families  # noqa: E402
from dispatchgym.instances.extras import MissingExtra  # noqa: E402

PREFIX = "dispatchgym/"


def play(env_id, keywords):
    """One episode of one copy and one of a batch of two, of legal actions; the schedules and their objectives."""
    env = gymnasium.make(PREFIX + env_id, **keywords)
    check_env(env.unwrapped, skip_render_check=True)
    _, info = env.reset(seed=1)
    over = False
    while not over:
        _, _, over, cut, info = env.step(int(info["action_mask"].argmax()))
        assert not cut
    envs = gymnasium.make_vec(PREFIX + env_id, num_envs=2, **keywords)
    _, infos = envs.reset(seed=1)
    for _ in range(1000):
        _, _, ended, _, infos = envs.step(infos["action_mask"].argmax(axis=1))
        if ended.any():
            break
    assert infos["final_info"]["objective"][ended].min() >= 0
    instance = next(x for x in env.unwrapped.engine.pool if x.name == info["instance"])
    return instance, env.unwrapped.schedule(), info["objective"]


def use(family):
    for env_id in family.ids:
        for keywords in family.variants.values():
            instance, schedule, objective = play(env_id, keywords)
            assert family.check(instance, schedule) == objective
            for rule in family.rules:
                result = family.solve(instance, rule)
                assert family.check(instance, result.schedule) == result.objective
    refused = 0
    for method in family.method_help():
        try:
            family.validate(method)
        except MissingExtra:
            refused += 1
    assert refused >= 2  # its policy and its exact solver


def main():
    if "--time" in sys.argv:
        start = time.process_time()
        env = gymnasium.make(PREFIX + "JobShop-v0", jobs=6, machines=6)
        made = time.process_time() - start
        env.reset(seed=0)
        print(f"import {imported:.2f} make {made:.2f} reset {time.process_time() - start - made:.2f} CPU-seconds")
        return
    for name in families.NAMES:
        use(families.load(name))
    results = dispatchgym.compare(["ft06"], ["spt", "mwkr"])
    assert results.of("ft06", "mwkr").objective >= 55
    assert "mwkr" in str(results)
    loaded = [name for name in OPTIONAL if sys.modules.get(name) is not None]
    assert not loaded, loaded
    print(f"{len(families.NAMES)} families used, {np.__name__} {np.__version__}")


if __name__ == "__main__":
    main()
