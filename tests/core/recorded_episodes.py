"""Seeded random-legal episodes of every environment, and one hash of each variant: what all of its episodes were.

    python -m tests.core.recorded_episodes                 writes recorded_episodes.json
    python -m tests.core.recorded_episodes --check         compares with it; status 1 if a variant differs
    python -m tests.core.recorded_episodes --trace NAME    one line a step and array, to find the first that differs by `diff`

A change of how an environment is built, but not of what it does, leaves the file as it is. Only ids and keywords are used here,
so the file runs in an older checkout too: `.venv/bin/python PATH/recorded_episodes.py --check` there.

A hash covers actions, rewards, ends, every array of every observation, and every info with objectives and metrics. Features
are sums, products and quotients of float64 in a fixed order, without fast-math, so compiled and interpreted code give the same
bits; a test compares the two. Only the generators of instances could depend on the model of the processor: some draw sizes by
NumPy's exp and log, which have code for each kind of vector unit. Their results are rounded to whole numbers before they are
used. All hashes are the same without AVX2 in NumPy (NPY_DISABLE_CPU_FEATURES=X86_V3), and with code that Numba makes for any
x86-64 processor (NUMBA_CPU_NAME=generic). A processor with AVX512 was not tried.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt

PREFIX = "dispatchgym:dispatchgym/"
FILE = Path(__file__).with_suffix(".json")


class Variant(NamedTuple):
    """One environment with its keywords, and how much of it is played."""

    id: str
    words: Mapping[str, Any]
    copies: int = 20  # of `gymnasium.make_vec`; 0 = one environment by `gymnasium.make`
    episodes: int = 200  # in all copies together
    illegal: float = 0.0  # share of actions that are drawn from all numbers, also from those outside the space


SHOP = {"jobs": 5, "machines": 4, "pool": 12}
FEW = {"jobs": 4, "machines": 3, "pool": 8}
RAGGED = {**FEW, "operations": 5, "recirculation": True, "release": (0, 30), "duration": (0, 20)}
BREAKING = {**FEW, "interruptions": 0.2}
BERNOULLI = {"down_share": 0.2, "mode": "bernoulli", "restart": True, "repair": 1.0}
STREAM = {"instance": "gym-ds3-1", "horizon": 200, "pool": 6, "noise": 0.2}
MIXED = {"instance": ["gym-ds3-1", "gym-ds3-5"], "horizon": 150, "pool": 3, "scale": 15.0}
GRAPH = {"tasks": 8, "pes": 3, "pool": 12}
PACKING = {"buffers": 10, "pool": 12}
PROGRAM = {"instructions": 6, "pool": 12}
PROJECT = {"activities": 7, "resources": 2, "pool": 12}

JOB_SHOPS = {
    "job shop, active": Variant("JobShop-v0", SHOP),
    "job shop, semi-active": Variant("JobShop-v0", {**SHOP, "actions": "semi-active"}),
    "job shop, non-delay": Variant("JobShop-v0", {**SHOP, "actions": "non-delay"}),
    "job shop, recirculation and releases": Variant(
        "JobShop-v0", {**FEW, "operations": 5, "recirculation": True, "release": (0, 30), "duration": (0, 20)}
    ),
    "job shop, two-set routing": Variant("JobShop-v0", {**SHOP, "routing": "two-set", "duration": (1, 200)}),
    "job shop, instances of two sizes": Variant("JobShop-v0", {"instance": ["ft06", "la01"]}, episodes=60),
    "job shop, illegal actions and short episodes": Variant(
        "JobShop-v0", {**FEW, "reward": "terminal", "max_episode_steps": 15}, illegal=0.1
    ),
    "job shop, threads": Variant("JobShop-v0", {**FEW, "observation": "candidates"}, copies=600, episodes=600),
    "job shop, one copy": Variant("JobShop-v0", SHOP, copies=0, episodes=20),
    "job shop, flat": Variant("JobShopFlat-v0", SHOP),
    "job shop, flat, one copy": Variant("JobShopFlat-v0", SHOP, copies=0, episodes=10),
    "job shop, interpreted too": Variant("JobShop-v0", {"jobs": 3, "machines": 2, "pool": 8}),
}
IMPROVEMENTS = {
    "improvement, n6": Variant("JobShopImprove-v0", {**SHOP, "moves": 25}),
    "improvement, n5, spt": Variant("JobShopImprove-v0", {**SHOP, "moves": 25, "neighbourhood": "n5", "start": "spt"}),
    "improvement, n7, four slots, recirculation and releases": Variant(
        "JobShopImprove-v0", {**RAGGED, "moves": 25, "neighbourhood": "n7", "slots": 4}, episodes=40
    ),
    "improvement, instances of two sizes": Variant(
        "JobShopImprove-v0", {"instance": ["ft06", "la01"], "moves": 50, "start": "lpt"}, episodes=40
    ),
    "improvement, flat": Variant("JobShopImproveFlat-v0", {**SHOP, "moves": 25}, episodes=60),
}
BLOCKING_SHOPS = {
    "blocking, bws": Variant("BlockingJobShop-v0", FEW),
    "blocking, bws, outlook": Variant("BlockingJobShop-v0", {**FEW, "outlook": True}),
    "blocking, bws, interruptions": Variant("BlockingJobShop-v0", BREAKING),
    "blocking, bws, interruptions, outlook": Variant("BlockingJobShop-v0", {**BREAKING, "outlook": True}),
    "blocking, bws, known repairs after restarts": Variant(
        "BlockingJobShop-v0", {**FEW, "interruptions": BERNOULLI, "repairs_known": True}
    ),
    "blocking, bws, releases and recirculation": Variant(
        "BlockingJobShop-v0", {**FEW, "operations": 5, "recirculation": True, "release": (0, 30), "duration": (0, 20)}
    ),
    "blocking, bws, instances of two sizes": Variant("BlockingJobShop-v0", {"instance": ["ft06", "la01"]}, episodes=40),
    "blocking, bns": Variant("BlockingJobShop-v0", {**SHOP, "swap": False}),
    "blocking, bns, no outlook": Variant("BlockingJobShop-v0", {**SHOP, "swap": False, "outlook": False}),
    "blocking, bns, interruptions": Variant("BlockingJobShop-v0", {**BREAKING, "swap": False}),
    "blocking, bns, budget of three states": Variant("BlockingJobShop-v0", {**SHOP, "swap": False, "mask_budget": 3}),
    "blocking, no-wait": Variant("BlockingJobShop-v0", {**FEW, "no_wait": True}),
    "blocking, one copy": Variant("BlockingJobShop-v0", BREAKING, copies=0, episodes=10),
    "blocking, flat": Variant("BlockingJobShopFlat-v0", {**FEW, "swap": False}, episodes=60),
    "blocking, no-wait, flat": Variant("BlockingJobShopFlat-v0", {**FEW, "no_wait": True}, episodes=60),
}
STREAMS = {
    "stream, start, latency": Variant("SoC-v0", STREAM),
    "stream, start, latency, uncapped": Variant("SoC-v0", {**STREAM, "when_full": "queue", "scale": 15.0}),
    "stream, assign, energy": Variant("SoC-v0", {**STREAM, "mode": "assign", "goal": "energy"}),
    "stream, assign, flow, uncapped": Variant("SoC-v0", {**MIXED, "mode": "assign", "goal": "flow", "when_full": "queue"}),
    "stream, task, edp": Variant("SoC-v0", {**STREAM, "mode": "task", "goal": "edp"}),
    "stream, task, latency, uncapped": Variant("SoC-v0", {**STREAM, "mode": "task", "when_full": "queue", "scale": 15.0}),
    "stream, pe, flow": Variant("SoC-v0", {**STREAM, "mode": "pe", "goal": "flow"}),
    "stream, pe, energy, frequencies, uncapped": Variant(
        "SoC-v0", {**STREAM, "mode": "pe", "goal": "energy", "dvfs": True, "when_full": "queue", "scale": 15.0}
    ),
    "stream, start, edp, frequencies": Variant(
        "SoC-v0", {**STREAM, "goal": "edp", "dvfs": True, "cap": 2, "prefill": False}, episodes=100
    ),
    "stream, hidden speeds": Variant("SoC-v0", {**STREAM, "mode": "assign", "hidden_speeds": True, "when_full": "retry"}),
    "stream, online": Variant("SoC-v0", {**STREAM, "mode": "assign", "online": True, "arrival": "fixed", "max_jobs": 4}),
    "stream, sixteen PEs": Variant(
        "SoC-v0", {"instance": "wireless-16-six", "horizon": 400, "warmup": 0, "pool": 3}, episodes=6, copies=3
    ),
    "stream, one copy": Variant("SoC-v0", STREAM, copies=0, episodes=6),
    "stream, flat": Variant("SoCFlat-v0", {**STREAM, "mode": "assign"}, episodes=60),
}
GRAPHS = {
    "static graph, start": Variant("StaticDag-v0", GRAPH),
    "static graph, assign": Variant("StaticDag-v0", {**GRAPH, "mode": "assign", "ccr": 5.0}),
    "static graph, task": Variant("StaticDag-v0", {**GRAPH, "mode": "task"}),
    "static graph, pe": Variant("StaticDag-v0", {**GRAPH, "mode": "pe"}),
    "static graph, hidden speeds, online": Variant("StaticDag-v0", {**GRAPH, "hidden_speeds": True, "online": True}),
    "static graph, worked ones": Variant("StaticDag-v0", {"instance": ["topcuoglu-10", "peft-10"]}),
    "static graph, one copy": Variant("StaticDag-v0", GRAPH, copies=0, episodes=10),
    "static graph, flat": Variant("StaticDagFlat-v0", GRAPH, episodes=60),
}
MEMORIES = {
    "packing, height": Variant("MemoryPack-v0", PACKING),
    "packing, capacity": Variant("MemoryPack-v0", {**PACKING, "goal": "capacity"}),
    "packing, a third removed": Variant("MemoryPack-v0", {**PACKING, "removed": 0.3, "stretch": 4.0}),
    "packing, with gaps": Variant("MemoryPack-v0", {"instance": "minimalloc-example"}),
    "packing, one copy": Variant("MemoryPack-v0", PACKING, copies=0, episodes=20),
    "packing, flat": Variant("MemoryPackFlat-v0", PACKING),
    "mapping, map": Variant("MemoryMap-v0", PROGRAM),
    "mapping, map, training, under pressure": Variant("MemoryMap-v0", {**PROGRAM, "training": True, "pressure": 4.0}),
    "mapping, order": Variant("MemoryMap-v0", {**PROGRAM, "actions": "order"}),
    "mapping, order, training, bound by memory": Variant(
        "MemoryMap-v0", {**PROGRAM, "actions": "order", "training": True, "memory_bound": 0.8}
    ),
    "mapping, a network": Variant("MemoryMap-v0", {"instance": "alexnet-b1"}, copies=3, episodes=6),
    "mapping, one copy": Variant("MemoryMap-v0", PROGRAM, copies=0, episodes=10),
    "mapping, map, flat": Variant("MemoryMapFlat-v0", PROGRAM, episodes=60),
    "mapping, order, flat": Variant("MemoryMapFlat-v0", {**PROGRAM, "actions": "order"}, episodes=60),
}
MODELS = {
    "model, serial": Variant("CPModel-v0", PROJECT),
    "model, parallel": Variant("CPModel-v0", {**PROJECT, "actions": "parallel"}),
    "model, serial, modes": Variant("CPModel-v0", {**PROJECT, "modes": 3}, episodes=100),
    "model, flat": Variant("CPModelFlat-v0", PROJECT, episodes=60),
    "flexible shop": Variant("FlexibleJobShop-v0", FEW),
    "flexible shop, parallel": Variant("FlexibleJobShop-v0", {**FEW, "kind": "hurink-v", "actions": "parallel"}),
    "flexible shop, flat": Variant("FlexibleJobShopFlat-v0", FEW, episodes=60),
}
VARIANTS: dict[str, Variant] = {**JOB_SHOPS, **IMPROVEMENTS, **BLOCKING_SHOPS, **STREAMS, **GRAPHS, **MEMORIES, **MODELS}
INTERPRETED = "job shop, interpreted too"


# In infos since the hashes were made. They are sums over what is hashed, and the conformance suite checks them.
LATER = {f"{mark}{key}" for key in ("episode_return", "episode_length") for mark in ("", "_")}


class Diary:
    """A running hash of named values; `tell` hears of each of them."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self.hash, self.step, self.tell = hashlib.sha256(), 0, tell

    def note(self, **values: Any) -> None:
        """All that belongs to one step."""
        for name, value in values.items():
            self._feed(name, value)
        self.step += 1

    def _feed(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value.keys() - LATER):
                self._feed(f"{name}.{key}", value[key])
        elif isinstance(value, np.ndarray) and value.dtype == object:
            for n, item in enumerate(value.tolist()):
                self._feed(f"{name}[{n}]", item)
        else:
            array = np.asarray("None" if value is None else value)
            content = np.ascontiguousarray(array).tobytes()
            text = f"{name} {array.dtype.str} {array.shape}"
            self.hash.update(text.encode() + content)
            if self.tell is not None:
                self.tell(f"{self.step} {text} {hashlib.sha256(content).hexdigest()[:12]}")


def record(variant: Variant, device: str = "cpu", tell: Callable[[str], None] | None = None) -> str:
    """The hash of the variant's episodes on `device`."""
    diary = Diary(tell)
    play = play_batch if variant.copies else play_one
    play(variant, dict(variant.words) | ({} if device == "cpu" else {"device": device}), diary)
    return diary.hash.hexdigest()


def play_batch(variant: Variant, words: dict[str, Any], diary: Diary) -> None:
    envs = gymnasium.make_vec(PREFIX + variant.id, num_envs=variant.copies, names=True, **words)
    rng = np.random.default_rng(7)
    observation, info = envs.reset(seed=11)
    diary.note(observation=observation, info=info)
    ended = 0
    while ended < variant.episodes:
        action = choose(info["action_mask"], rng, variant.illegal)
        observation, reward, terminated, truncated, info = envs.step(action)
        diary.note(action=action, observation=observation, reward=reward, ends=[terminated, truncated], info=info)
        ended += int((terminated | truncated).sum())
    envs.close()


def play_one(variant: Variant, words: dict[str, Any], diary: Diary) -> None:
    env = gymnasium.make(PREFIX + variant.id, **words)
    rng = np.random.default_rng(7)
    for episode in range(variant.episodes):
        observation, info = env.reset(seed=11 if episode == 0 else None)
        diary.note(observation=observation, info=info)
        over = False
        while not over:
            action = int(choose(info["action_mask"][None], rng, variant.illegal)[0])
            observation, reward, terminated, truncated, info = env.step(action)
            diary.note(action=action, observation=observation, reward=reward, ends=[terminated, truncated], info=info)
            over = terminated or truncated
    env.close()


def choose(mask: npt.NDArray[Any], rng: np.random.Generator, illegal: float) -> npt.NDArray[np.int64]:
    """A random legal action of each row of the mask, or with probability `illegal` any number from -1 to their count."""
    action = (mask * (rng.random(mask.shape) + 1e-9)).argmax(axis=1)
    if illegal > 0:
        anything = rng.integers(-1, mask.shape[1] + 1, len(mask))
        action = np.where(rng.random(len(mask)) < illegal, anything, action)
    return action


def recorded() -> dict[str, str]:
    return dict(json.loads(FILE.read_text()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--trace", metavar="NAME", choices=VARIANTS)
    options = parser.parse_args()
    if options.trace:
        record(VARIANTS[options.trace], tell=print)
        return 0
    found = {}
    for name, variant in VARIANTS.items():
        began = time.process_time()
        found[name] = record(variant)
        print(f"{name}: {found[name][:12]} in {time.process_time() - began:.2f} CPU-seconds", flush=True)
    if options.check:
        different = [name for name, value in recorded().items() if found.get(name) != value]
        print(f"different: {'; '.join(different) or 'none'} of {len(found)}")
        return 1 if different else 0
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
