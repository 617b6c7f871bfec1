"""The toy family's files, as text: one machine, jobs in some order, the sum of completion times is minimised."""

LAYOUT = """
from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array


class Instances(NamedTuple):
    pool: int
    jobs: Array  # (N,) int32
    duration: Array  # (N, J) int32
    bound: Array  # (N,) int32


class State(NamedTuple):
    row: Array  # (B,) int32
    now: Array  # (B,) int32
    total: Array  # (B,) int32 sum of completion times
    left: Array  # (B,) int32
    start: Array  # (B, J) int32 -1 = not started


class Candidate(Columns):
    DURATION = "p / 10", "duration"


class Context(Columns):
    LEFT = "left / jobs", "share of the jobs that is left"


class TaskNode(Columns):
    DURATION = "p / 10", "duration"


class ResourceNode(Columns):
    EXISTS = "is the machine"


class RunsOn(Columns):
    DURATION = "p / 10", "duration"
"""

RULES = """
from toy_layout import Candidate, Context, ResourceNode, RunsOn, TaskNode


def reset(inst, s, b):
    i = s.row[b]
    s.now[b] = 0
    s.total[b] = 0
    s.left[b] = inst.jobs[i]
    for j in range(s.start.shape[1]):
        s.start[b, j] = -1 if j < inst.jobs[i] else 0


def finished(inst, s, b):
    return s.left[b] == 0


def legal(inst, s, b, choices):
    count = 0
    for j in range(s.start.shape[1]):
        if s.start[b, j] < 0:
            choices[count] = j
            count += 1
    return count


def step(inst, s, b, action):
    i = s.row[b]
    s.start[b, action] = s.now[b]
    s.now[b] += inst.duration[i, action]
    s.total[b] += s.now[b]
    s.left[b] -= 1
    return -float(s.now[b]) / max(inst.bound[i], 1)


def objective(inst, s, b):
    return s.total[b]


def task_of(inst, s, b, k):
    return k


def resource_of(inst, s, b, k):
    return 0


def start_if_chosen(inst, s, b, k):
    return s.now[b]


def schedule_index(inst, s, b, k):
    return k


def candidate(inst, s, b, k, out):
    out[Candidate.DURATION] = inst.duration[s.row[b], k] / 10.0


def context(inst, s, b, out):
    out[Context.LEFT] = s.left[b] / inst.jobs[s.row[b]]


def graph(inst, s, b, o):
    i = s.row[b]
    o.resources[b, 0, ResourceNode.EXISTS] = 1.0
    for j in range(inst.jobs[i]):
        o.tasks[b, j, TaskNode.DURATION] = inst.duration[i, j] / 10.0
        o.runs_on[b, j, 0] = j
        o.runs_on[b, j, 1] = 0
        o.runs_on_features[b, j, RunsOn.DURATION] = inst.duration[i, j] / 10.0
"""

FAMILY = """
from dataclasses import dataclass

import numpy as np

import toy_rules
from dispatchgym.agents.training import Agent, Training, parse_count, starts_only
from dispatchgym.baselines.method import parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.envs.core.contract import Features, Kernel, Sizes
from dispatchgym.instances.errors import InputError, InvalidSchedule
from toy_layout import Candidate, Context, Instances, ResourceNode, RunsOn, State, TaskNode


@dataclass(frozen=True)
class Toy:
    duration: tuple[int, ...]
    name: str = "toy"
    lower_bound: int | None = None
    best_known: int | None = None


@dataclass(frozen=True)
class Plan:
    start: np.ndarray


class ToyProblem:
    kernel = Kernel((toy_rules,))
    features = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def sizes(self, instances):
        jobs = max(len(x.duration) for x in instances)
        return Sizes(actions=jobs, tasks=jobs, resources=1, precedes=0, runs_on=jobs, steps=jobs)

    def pack(self, instances, sizes):
        duration = np.zeros((len(instances), sizes.actions), np.int32)
        for i, x in enumerate(instances):
            duration[i, : len(x.duration)] = x.duration
        jobs = np.array([len(x.duration) for x in instances], np.int32)
        bound = np.array([sum(np.cumsum(sorted(x.duration))) for x in instances], np.int32)
        return Instances(len(instances), jobs, duration, bound)

    def state(self, sizes, copies):
        one = [np.zeros(copies, np.int32) for _ in range(4)]
        return State(*one, np.zeros((copies, sizes.actions), np.int32))


def load(what):
    parts = what.split(",")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(f"{what!r} is not a list of durations")
    return Toy(tuple(map(int, parts)), name=what)


def expand(specs, options):
    return list(specs)


def group(what, instance):
    return "toy", str(len(instance.duration))


def warm_up(instance):
    return Toy((1,), name="warm-up")


def check(instance, plan):
    now = total = 0
    for j in np.argsort(plan.start, kind="stable"):
        if plan.start[j] < now:
            raise InvalidSchedule(f"job {j} overlaps the one before")
        now = int(plan.start[j]) + instance.duration[j]
        total += now
    return total


def draw(instance, plan, title=""):
    raise InputError("the toy family has no drawing")


class ToyKeywords:
    words = ("instance",)
    metrics = ()

    def problem(self, words):
        return ToyProblem()

    def pool(self, words):
        return [self.load(words.pop("instance", "3,1,2"))]

    def load(self, instance):
        return instance if isinstance(instance, Toy) else load(instance)

    def schedule(self, instance, state, copy):
        return Plan(np.asarray(state.start[copy, : len(instance.duration)]).astype(np.int64))

    def draw(self, instance, schedule, title):
        return draw(instance, schedule, title)

    def measure(self, engine, copies):
        return np.zeros((len(copies), 0))


METHODS = {"shortest": "shortest job first"}


def check_method(text):
    parse_method(text).accept()


def solve(instance, text, *, seed, workers):
    start = np.zeros(len(instance.duration), np.int64)
    now = 0
    for j in np.argsort(instance.duration, kind="stable"):
        start[j] = now
        now += instance.duration[j]
    plan = Plan(start)
    return Result(check(instance, plan), plan, "optimal", 0.001)


def draw_instances(rng, count, sizes, hard):
    jobs = int(sizes[int(rng.integers(len(sizes)))])
    return [Toy(tuple(rng.integers(1, 10, jobs).tolist())) for _ in range(count)]


TRAINING = Training(
    name="toy",
    problem=ToyProblem(),
    gymnasium_id="dispatchgym:dispatchgym/Toy-v0",
    draw=draw_instances,
    schedule=ToyKeywords().schedule,
    demonstration=lambda instance, plan, sizes: starts_only(plan.start),
    default_sizes=("3", "5"),
    pretrained="toy",
    size=parse_count,
)
AGENT = Agent(training=lambda: TRAINING, of_instance=lambda instance: TRAINING)
"""

CARD = """
from dispatchgym.family import Family, Lazy, ScheduleOf

FAMILY = Family(
    name="toy",
    title="toy",
    objective="sum of completion times",
    unit="ticks",
    bounds="",
    ids={"Toy-v0": "toy_family:ToyKeywords"},
    variants={"": {}},
    expand=Lazy("toy_family:expand"),
    load=Lazy("toy_family:load"),
    group=Lazy("toy_family:group"),
    warm_up=Lazy("toy_family:warm_up"),
    methods="toy_family",
    check=Lazy("toy_family:check"),
    draw=Lazy("toy_family:draw"),
    schedule=ScheduleOf("toy_family:Plan"),
    examples=(("Three jobs", "--instances 3,1,2 --methods shortest --out results/toy"),),
    agent=Lazy("toy_family:AGENT"),
)
"""

SCRIPT = """
import sys
from pathlib import Path

import dispatchgym.families as families

families.__path__.append(str(Path(__file__).parent))
families.NAMES = (*families.NAMES, "toy")  # the one line

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "play":
        import gymnasium

        import dispatchgym

        dispatchgym.register(families.load("toy"))
        env = gymnasium.make("dispatchgym/Toy-v0", instance="3,1,2")
        _, info = env.reset(seed=0)
        over = False
        while not over:
            _, _, over, _, info = env.step(int(info["action_mask"].nonzero()[0][-1]))
        print("done", env.unwrapped.schedule().start.max() + 3)
    elif command == "train":
        from dispatchgym.train import main

        main(arguments)
    else:
        from dispatchgym.evaluate import main

        main(arguments)
"""

FILES = {
    "toy_layout.py": LAYOUT,
    "toy_rules.py": RULES,
    "toy_family.py": FAMILY,
    "toy.py": CARD,
    "with_toy.py": SCRIPT,
}
