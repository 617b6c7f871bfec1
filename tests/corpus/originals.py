"""Valid inputs of every reader, small, each with the command that reads it: what the corpus and the fuzzer spoil."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOP = "2 2\n0 3 1 2\n1 2 0 4\n"
TAILLARD = """Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
2 2 11 12 9 7
Times
3 2
4 2
Machines
1 2
2 1
"""
COLLECTED = " +++\n instance one\n +++\n A remark\n2 2\n0 3 1 2\n1 2 0 4\n\n instance two\n1 2\n0 3 1 2\n"
OWN = {
    "problem": "jobshop", "name": "mine", "machines": 2, "release": [0, 3], "lower_bound": 7, "best_known": 9,
    "jobs": [[[0, 3], [1, 2]], [[1, 2], [0, 4]]],
}  # fmt: skip
SCHEDULEOPT = {
    "instance": "mine", "machines": 2, "jobs": 1,
    "data": [
        {"job": 0, "operation": 0, "machine": 0, "duration": 3}, {"job": 0, "operation": 1, "machine": 1, "duration": 2},
    ],
}  # fmt: skip
MATRICES = {"name": "mine", "duration_matrix": [[3, 2], [2, 4]], "machines_matrix": [[0, 1], [1, 0]]}
APPLICATION = {
    "format": "soc-job/1", "name": "app",
    "tasks": [{"id": 0, "name": "a", "predecessors": []}, {"id": 1, "name": "b", "predecessors": [0]}],
    "edges": [{"src": 0, "dst": 1, "volume": 8}],
}  # fmt: skip
PLATFORM = {
    "format": "soc-platform/1", "name": "chip",
    "clusters": [
        {
            "id": 0, "name": "cpu", "num_pes": 2, "opp_mhz_mv": [[600, 800.5], [1000, 900.5]], "idle_mw": 7,
            "exec_time_us": {"a": 5, "b": 3},
        },
        {"id": 1, "name": "fast", "num_pes": 1, "opp_mhz_mv": [[300, None]], "power_profile_w": {"300": [0.25]},
         "exec_time_us": {"b": 1}},
    ],
    "bandwidth": {"same_pe": 100.5, "undeclared_default": 2.5, "between_clusters": [[4.5, 2.5], [2.5, None]]},
}  # fmt: skip
WORKLOAD = {
    "format": "soc-workload/1", "name": "load", "platform": "chip.json", "applications": ["app.json"], "scale": 50.5, "cap": 4,
    "when_full": "retry", "probabilities": [1.0], "arrival": "exponential", "prefill": False, "horizon": 2000, "max_jobs": 5,
    "warmup": 0, "noise": 0.1,
}  # fmt: skip
GRAPH = {
    "format": "static-het-dag/1", "name": "graph", "tasks": ["a", "b"], "compute": [[3, 5], [2, 4]],
    "edges": [{"src": 0, "dst": 1, "volume": 8}], "bandwidth": [[9.5, 1.5], [1.5, 9.5]], "lower_bound": 3, "best_known": 9,
}  # fmt: skip
WORKFLOW = {
    "name": "flow",
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "a", "parents": [], "children": ["b"], "inputFiles": ["in"], "outputFiles": ["mid"]},
                {"id": "b", "parents": ["a"], "children": [], "inputFiles": ["mid"], "outputFiles": []},
            ],
            "files": [{"id": "in", "sizeInBytes": 5.5}, {"id": "mid", "sizeInBytes": 9000.5}],
        },
        "execution": {
            "tasks": [
                {"id": "a", "runtimeInSeconds": 1.5, "machines": ["node"]}, {"id": "b", "runtimeInSeconds": 2.5},
            ],
            "machines": [{"nodeName": "node", "cpu": {"speedInMHz": 2000.5}}],
        },
    },
}  # fmt: skip
PROGRAM = {
    "format": "dispatchgym-memory-program", "version": 1, "name": "prog", "capacity": 64, "alignment": 1,
    "slow_rate": 1000000000, "fast_read_rate": 4000000000, "fast_write_rate": 4000000000, "best_known": 900000,
    "instructions": [{"label": "x", "compute": 500, "scoped": 4}, {"compute": 700}],
    "buffers": [
        {"size": 8, "define": -1, "access": [[0, 8, "r"]], "pin": "fast"},
        {"size": 16, "define": 0, "access": [[0, 16, "w"], [1, 16, "r"]], "output": True},
    ],
}  # fmt: skip
DIGITS = "9" * 5_000
DOT = """digraph flow {
  a [duration=3]; b [duration=4]; c [duration=2];
  a -> b [volume=5];
  a -> c [volume=7];
}
"""
STG = "2\n0 0 0\n1 3 1 0\n2 4 1 0\n3 0 2 1 2\n"
PACKING = "id,lower,upper,size,alignment,hint,gaps\na,0,5,8,1,,\nb,2,7,8,4,16,3-4\nc,5,9,16,1,0,6-7@2:5\n"
FLEXIBLE = "2 2 1.5\n2 2 1 3 2 4 1 1 5\n1 1 2 6\n"
PATTERSON = "4 1\n4\n0 0 2 2 3\n5 2 1 4\n6 3 1 4\n0 0 0\n"
CPMODEL = {
    "problem": "cpmodel", "name": "model", "horizon": 90, "objective": {"makespan": 1},
    "resources": [{"name": "crane", "capacity": 2, "breaks": [[3, 5, 1]]}],
    "tasks": [
        {"name": "a", "modes": [{"duration": 3, "demands": [[0, 1]]}], "release": 1, "deadline": 80},
        {"name": "b", "modes": [{"duration": 2, "demands": [[0, 2]]}, {"duration": 4}]},
    ],
    "lags": [{"first": 0, "second": 1, "kind": "FS", "least": 1}],
}  # fmt: skip
PYJOBSHOP = {
    "jobs": [{"tasks": [0, 1], "weight": 1}],
    "resources": [{"type": "machine", "name": "m"}, {"type": "renewable", "name": "r", "capacity": 3}],
    "tasks": [{"name": "a", "earliest_start": 1}, {"name": "b"}],
    "modes": [{"task": 0, "resources": [0], "duration": 3}, {"task": 1, "resources": [1], "duration": 2, "demands": [2]}],
    "constraints": {"end_before_start": [{"task1": 0, "task2": 1, "delay": 1}]},
    "objective": {"weight_makespan": 1},
}  # fmt: skip
BOUNDS = "name,lower,upper\nmine,7,9\n"

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Original:
    """A valid input: the files of a folder, and the command that reads one of them in this folder."""

    name: str
    files: Files
    spoiled: str  # which of them
    command: tuple[str, ...]
    kind: str  # json, text, lines (JSON), tensors (with JSON metadata)
    free: tuple[str, ...] = ()  # beginnings of paths in JSON whose values no reader looks at
    must_be: bool = True  # the file cannot be missing

    @property
    def data(self) -> bytes:
        return self.files[self.spoiled]


def evaluating(family: str, instance: str, method: str, *more: str) -> tuple[str, ...]:
    return ("evaluate", family, "--instances", instance, "--methods", method, "--out", "out", *more)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def documents() -> list[Original]:
    """What needs no run before it."""
    shop, stream, graph, model = (("jobshop", "spt"), ("soc", "etf"), ("static-dag", "heft"), ("cpmodel", "spt"))
    chip = {"load.json": encoded(WORKLOAD), "app.json": encoded(APPLICATION), "chip.json": encoded(PLATFORM)}
    one = {
        "mine.txt": (*shop, SHOP.encode(), "text"),
        "tai.txt": (*shop, TAILLARD.encode(), "text"),
        "many.txt": (*shop, COLLECTED.encode(), "text"),
        "own.json": (*shop, encoded(OWN), "json"),
        "opt.json": (*shop, encoded(SCHEDULEOPT), "json"),
        "lib.json": (*shop, encoded(MATRICES), "json"),
        "blocking.txt": ("blocking", "spt", SHOP.encode(), "text"),
        "graph.json": (*graph, encoded(GRAPH), "json"),
        "flow.json": (*graph, encoded(WORKFLOW), "json"),
        "flow.dot": (*graph, DOT.encode(), "text"),
        "graph.stg": (*graph, STG.encode(), "text"),
        "prog.json": ("memory-map", "xla", encoded(PROGRAM), "json"),
        "shop.fjs": (*model, FLEXIBLE.encode(), "text"),
        "project.rcp": (*model, PATTERSON.encode(), "text"),
        "model.json": (*model, encoded(CPMODEL), "json"),
        "pack.64.csv": ("memory-pack", "size", PACKING.encode(), "text"),
    }
    found = [
        Original(file, {file: data}, file, evaluating(family, f"{file}#1" if file == "many.txt" else file, method), kind)
        for file, (family, method, data, kind) in one.items()
    ]
    found += [Original(file, chip, file, evaluating(stream[0], "load.json", stream[1]), "json") for file in chip]
    free = ("tasks.0.name", "tasks.1.name", "resources.0.name", "resources.1.name")  # any text; strange ones are not kept
    library = {"pyjobshop.json": encoded(PYJOBSHOP)}
    found.append(
        Original("pyjobshop.json", library, "pyjobshop.json", evaluating(model[0], "pyjobshop.json", model[1]), "json", free)
    )
    bounded = {"mine.txt": SHOP.encode(), "bounds.csv": BOUNDS.encode()}
    command = evaluating("jobshop", "mine.txt", "spt", "--bounds", "bounds.csv")
    found.append(Original("bounds.csv", bounded, "bounds.csv", command, "text"))
    return found


def contents(folder: Path, inside: str) -> dict[str, bytes]:
    """The files below `folder`, as files below `inside`."""
    return {f"{inside}/{path.relative_to(folder)}": path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


SMALL = ("--sizes", "3x3", "--instances", "2", "--samples", "2", "--width", "4", "--layers", "1", "--hidden", "4", "--steps", "9")


def runs(folder: Path, train: Callable[[Path], None], evaluate: Callable[[Path], None]) -> list[Original]:
    """A training's folder and an evaluation's, made in `folder` by the two functions."""
    train(folder / "run")
    evaluate(folder / "out")
    run, out = contents(folder / "run", "run"), contents(folder / "out", "out") | {"mine.txt": SHOP.encode()}
    resume = ("train", "jobshop", *SMALL, "--out", "run", "--resume")
    play = evaluating("jobshop", "mine.txt", "policy@run")
    again = evaluating("jobshop", "mine.txt", "spt", "--resume")
    shop = {"mine.txt": SHOP.encode()}
    unread = ("iterations", "episodes", "minutes", "trained_on", "config.")  # of a policy that is played
    budget = tuple(f"config.{name}" for name in ("minutes", "steps", "log_every", "save_every", "device", "clock"))
    return [
        Original("policy.safetensors", run | shop, "run/policy.safetensors", play, "tensors", unread),
        Original(
            "training.safetensors",
            run,
            "run/training.safetensors",
            resume,
            "tensors",
            ("problem", "minutes", "trained_on", *budget),
            False,
        ),
        Original("log.jsonl", run, "run/log.jsonl", resume, "lines", ("episodes", "seconds", "validation", "loss"), False),
        Original("results.jsonl", out, "out/results.jsonl", again, "lines", ("notes", "metrics"), False),
        Original(
            "run.json",
            out,
            "out/run.json",
            again,
            "json",
            ("command", "date", "seed", "workers", "solver", "versions", "machine", "clock"),
            False,
        ),
    ]
