"""Short ways to what the commands do: the training of a family, a trainer, a policy method on an instance."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from dispatchgym import families, policies
from dispatchgym.agents.network import Policy
from dispatchgym.agents.search.beam import one_beam
from dispatchgym.agents.search.loop import Budget, Run, run
from dispatchgym.agents.search.sampling import samples
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.agents.training import Training
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.blocking.instance import BlockingShop
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.memory.instance import MemoryProgram, Packing
from dispatchgym.instances.soc.instance import StaticDag, Stream

# Options of `train.py jobshop` for a network and batches that cost nothing.
TINY_WORDS = (
    *("--sizes", "3x3", "--instances", "2", "--samples", "2", "--keep", "2"),
    *("--width", "8", "--layers", "1", "--hidden", "8"),
)
FAMILY_OF = {
    JobShop: "jobshop",
    BlockingShop: "blocking",
    Stream: "soc",
    StaticDag: "static-dag",
    Packing: "memory-pack",
    MemoryProgram: "memory-map",
}
SEARCHED = (":gumbel,x12", ":adapt,x12", ":stochastic-beam,x12")  # options of policies, for tests of a family
OPTIONS = ("swap", "down_share", "preset", "actions")  # of train.py, that one family has


def training_of(name: str, **options: Any) -> Training:
    return families.load(name).trained_by().training(**options)


def trainer(out: Path, *, problem: str = "jobshop", expert: Any = None, resume: bool = False, **settings: Any) -> Trainer:
    """A trainer in the folder `out`; `settings` are those of TrainConfig and the family's own options."""
    own = {name: settings.pop(name) for name in OPTIONS if name in settings}
    labels = None if expert is None else lambda pool: [expert(instance) for instance in pool]
    return Trainer(training_of(problem, **own), TrainConfig(**settings), out, expert=labels, resume=resume)


def solve(instance: Any, method: str, *, seed: int = 0) -> Result:
    """What a policy method answers."""
    return families.load(FAMILY_OF[type(instance)]).solve(instance, method, seed=seed)


def prepare(text: str, name: str = "jobshop") -> Method:
    method = parse_method(text)
    policies.prepare(method, families.load(name))
    return method


def beam_of(problem: Any, policy: Policy, instance: Any, width: int) -> Run:
    """One beam and the greedy episode."""
    return run(partial(one_beam, width), Run(problem, policy, instance, Budget()))


def greedy_of(problem: Any, policy: Policy, instance: Any, seed: int = 0) -> int:
    """The objective of the greedy episode."""
    found = run(samples, Run(problem, policy, instance, Budget(rollouts=1), seed)).objective
    assert found is not None
    return found


def beams_are_never_above_greedy(name: str, what: str) -> None:
    """The shipped policy of a family on one instance: a beam of 1 and of 8 against its greedy episode."""
    family = families.load(name)
    instance = family.load(what)
    greedy, *found = (family.solve(instance, method) for method in ("policy", "policy:beam=1", "policy:beam=8"))
    assert greedy.objective is not None
    for result in found:
        assert family.check(instance, result.schedule) == result.objective <= greedy.objective
