"""Policies as methods: `policy`, `policy:x128`, `policy:beam=8`, `policy@runs/mine:x64`.

A method solves one instance on one core and returns what every baseline returns. What only one family has (directions of time,
two kinds of decisions) is in its Agent.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dispatchgym.agents import checkpoint
from dispatchgym.agents.decoding import beam, sample
from dispatchgym.agents.network import Policy
from dispatchgym.agents.training import Way
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable


def prepare(method: Method, family: Family) -> None:
    """Check a policy method and load its checkpoint, if it names one; InputError if either cannot be used."""
    agent = family.trained_by()
    if method.name != "policy":
        raise method.error(f"'{method.name}' is not a policy")
    if agent.greedy_only:
        if method.samples or "beam" in method.options:
            raise method.error(agent.greedy_only)
        method.accept(target=True)
    refine = (family.refine[0],) if family.refine else ()
    method.accept(samples=True, keys=("beam", "temperature", *agent.method_options, *refine), target=True)
    for option in ("beam", *refine):
        method.integer(option, 1)
    for option, values in agent.method_options.items():
        method.choice(option, values)
    try:
        agent.refuse(method.options, bool(method.target))
    except InputError as error:
        raise method.error(str(error)) from None
    if method.samples is not None and "beam" in method.options:
        raise method.error("give a number of samples or a beam, not both")
    _temperature(method)
    if method.target:
        load(method.target, family)


@dataclass(frozen=True)
class Player:
    """A policy, and one way in which it plays the instance."""

    way: Way
    policy: Policy
    about: dict[str, Any]
    checkpoint: str

    @property
    def builder(self) -> str:
        problem = self.way.training.problem
        return str(getattr(problem, "actions", None) or getattr(problem, "mode", "events"))


def solve(family: Family, instance: Any, method: Method, *, seed: int = 0) -> Result:
    """Run a policy method on one instance. `seed` fixes the samples; greedy and beam need none.

    Without a target the shipped policy for the instance's problem, variant and interruptions, or preset, plays. Loading it is
    not counted in the seconds, and compiling only in the first call of a process.
    """
    prepare(method, family)
    players = players_of(family, instance, method)
    began = time.perf_counter()
    count = method.samples or 1
    shares = [(count + i) // len(players) for i in reversed(range(len(players)))]  # the first way has the odd one
    turns = [turn for turn in zip(players, shares, range(seed, seed + len(players)), strict=True) if turn[1]]
    played = [_play(player, method, share, own) for player, share, own in turns]
    objective, schedule = min(played, key=lambda pair: pair[0])
    if family.refine and family.refine[0] in method.options:
        return family.refine[1](instance, schedule, method, seed, began)
    used = [player for player, *_ in turns]
    agent = family.trained_by()
    notes: dict[str, Any] = {
        "builder": ", ".join(dict.fromkeys(player.builder for player in used)),
        "decoding": f"beam {method.integer('beam', 1)}" if "beam" in method.options else ("greedy" if count == 1 else "sampling"),
        "samples": count,
        **{option: method.choice(option, agent.method_options[option]) for option in agent.noted_options},
        "checkpoint": ", ".join(dict.fromkeys(player.checkpoint for player in used)),
        "trained": {k: used[0].about.get(k) for k in ("minutes", "episodes", "iterations")} | {"on": trained_on(used[0].about)},
    }
    return Result(objective, schedule, "feasible", time.perf_counter() - began, notes=notes)


def players_of(family: Family, instance: Any, method: Method) -> list[Player]:
    """Every way to play the instance, with its policy."""
    agent = family.trained_by()
    options = {name: method.choice(name, values) for name, values in agent.method_options.items()}
    if method.target:  # a run decides as it was trained
        trained = load(method.target, family)[1].get("config", {})
        options |= {name: str(trained[name]) for name in agent.options_of_run if name in trained}
    try:
        ways = agent.ways(agent.of_instance(instance), instance, options)
    except InputError as error:
        raise method.error(str(error)) from None
    return [_player(way, family, method) for way in ways]


def trained_on(about: Mapping[str, Any]) -> str:
    """What the policy with this metadata was trained on, in words."""
    sizes = " ".join(about.get("config", {}).get("sizes", ()))
    return str(about.get("trained_on") or f"generated instances {sizes}".strip())


def remarks(family: Family, instances: Sequence[Any], method: Method) -> list[str]:
    """A line for every policy that the method plays on instances unlike those that it was trained on."""
    prepare(method, family)
    agent = family.trained_by()
    outside: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    for instance in instances:
        for player in players_of(family, instance, method):
            said[player.checkpoint] = trained_on(player.about)
            if agent.outside(player.about, instance):
                outside.setdefault(player.checkpoint, []).append(instance.name)
    return [
        f"{method.text}: {policy} was trained on {said[policy]}; {len(names)} of {len(instances)} instances are unlike that "
        f"({names[0]}), and rules may be better there"
        for policy, names in outside.items()
    ]


def _player(way: Way, family: Family, method: Method) -> Player:
    shipped = way.training.pretrained
    policy, about = load(method.target or str(checkpoint.PRETRAINED / shipped), family)
    return Player(way, policy, about, method.target or f"pretrained/{shipped}")


def _play(player: Player, method: Method, count: int, seed: int) -> tuple[int, Any]:
    way = player.way
    problem = way.training.problem
    if "beam" in method.options:
        rollout, best = beam(problem, player.policy, way.instance, method.integer("beam", 1))
    else:
        rollout, best = sample(problem, player.policy, way.instance, count, seed, _temperature(method))
    schedule = way.training.schedule(way.instance, rollout.state, best)
    return way.restore(schedule) if way.restore else (int(rollout.record.objective[best]), schedule)


def _temperature(method: Method) -> float:
    text = method.options.get("temperature", "1.0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value < 100.0:
        raise method.error(f"option temperature={text} is not a number between 0 and 100")
    return value


@lru_cache(maxsize=8)
def load(target: str, family: Family) -> tuple[Policy, dict[str, Any]]:
    """The policy of a run folder; read once a process. InputError also if it was trained on other features than there are now."""
    policy, about = checkpoint.load_policy(Path(target), family.name)
    try:
        features = family.trained_by().of_run(about.get("config", {})).problem.features
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{printable(target, 200)}: its settings cannot be used ({printable(str(error), 100)})") from None
    if policy.config.features != features:
        raise InputError(f"{target}: was trained on other features of {family.name} than this version has; train it again")
    return policy, about


def fingerprint(method: Method, family: Family) -> str:
    """A hash of the weights that a policy method may play: those of its target, or all that are shipped for the family."""
    prepare(method, family)
    target = method.target
    folders = [target] if target else sorted(str(x) for x in checkpoint.PRETRAINED.glob(f"{family.name}*") if x.is_dir())
    if not folders:
        train = f"python train.py {family.name} --out runs/mine"
        raise method.error(f"no policy for {family.name} is shipped; train one by '{train}', then use policy@runs/mine")
    state = hashlib.sha256()
    for folder in folders:
        for name, weights in load(folder, family)[0].state_dict().items():
            state.update(name.encode() + weights.numpy().tobytes())
    return state.hexdigest()[:16]
