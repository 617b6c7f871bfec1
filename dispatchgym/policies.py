"""Policies as methods: `policy`, `policy:x128`, `policy:beam=8`, `policy:gumbel,10s`, `policy@runs/mine:x64`.

A method solves one instance on one core and returns what every baseline returns. What only one family has (directions of time,
two kinds of decisions) is in its Agent.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy
from dispatchgym.agents.search import SEARCHES
from dispatchgym.agents.search.beam import one_beam
from dispatchgym.agents.search.loop import Budget, Run, Search, run
from dispatchgym.agents.training import Way
from dispatchgym.baselines.clock import now
from dispatchgym.baselines.method import SEARCH, Method
from dispatchgym.baselines.result import Point, Result
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

DEFAULT_SECONDS = 1.0  # of a search that is named without a limit
WARM_UP = 12  # episodes that load all that a search needs


def prepare(method: Method, family: Family) -> None:
    """Check a policy method and load its checkpoint, if it names one; InputError if either cannot be used."""
    agent = family.trained_by()
    if method.name != "policy":
        raise method.error(f"'{method.name}' is not a policy")
    if agent.greedy_only:
        if method.samples or method.seconds or {"beam", SEARCH} & set(method.options):
            raise method.error(agent.greedy_only)
        method.accept(target=True)
    refine = (family.refine[0],) if family.refine else ()
    keys = (SEARCH, "beam", "temperature", *agent.method_options, *refine)
    method.accept(seconds=True, samples=True, keys=keys, target=True)
    method.choice(SEARCH, SEARCHES)
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
    if "beam" in method.options and (method.seconds is not None or SEARCH in method.options):
        raise method.error("a beam of a given width has no other search and no limit")
    if method.samples is not None and method.seconds is not None:
        raise method.error("give seconds or a number of samples, not both")
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
    search, budget = search_of(method)
    for player in players:
        _warm(player, method, search)
    began, start = time.perf_counter(), now()
    count = method.samples or len(players)  # one greedy episode, or beam, each way
    shares = [(count + i) // len(players) for i in reversed(range(len(players)))]  # the first way has the odd one
    seconds = budget.seconds and budget.seconds / len(players)
    played: list[tuple[int, Any]] = []
    curve: list[Point] = []
    used = []
    for player, share, own in zip(players, shares, range(seed, seed + len(players)), strict=True):
        if share or budget.seconds is not None:
            before = now() - start
            found = _run(player, method, search, replace(budget, seconds=seconds, rollouts=budget.rollouts and share), own)
            played.append(_schedule(player, found))
            curve += [(before + at, objective, None) for at, objective in found.curve]
            used.append((player, found))
    objective, schedule = min(played, key=lambda pair: pair[0])
    if family.refine and family.refine[0] in method.options:
        return family.refine[1](instance, schedule, method, seed, began)
    agent = family.trained_by()
    about = used[0][0].about
    notes: dict[str, Any] = {
        "builder": ", ".join(dict.fromkeys(player.builder for player, _ in used)),
        "decoding": decoding_of(method),
        "samples": sum(found.played for _, found in used) if method.seconds else count,
        **{option: method.choice(option, agent.method_options[option]) for option in agent.noted_options},
        "checkpoint": ", ".join(dict.fromkeys(player.checkpoint for player, _ in used)),
        "trained": {k: about.get(k) for k in ("minutes", "episodes", "iterations")} | {"on": trained_on(about)},
    }
    anytime = falling([*curve, (now() - start, objective, None)])
    return Result(objective, schedule, "feasible", time.perf_counter() - began, curve=anytime, notes=notes)


def search_of(method: Method) -> tuple[Search, Budget]:
    """The search of a method that `prepare` has accepted, and its budget; without options, the greedy episode."""
    if "beam" in method.options:
        return partial(one_beam, method.integer("beam", 1)), Budget(now=now)
    search = SEARCHES[method.choice(SEARCH, SEARCHES)]
    if method.seconds is None and method.samples is None and SEARCH in method.options:
        return search, Budget(seconds=DEFAULT_SECONDS, now=now)
    return search, Budget(method.seconds, None if method.seconds else method.samples or 1, now)


def decoding_of(method: Method) -> str:
    """How a method plays, in words."""
    if "beam" in method.options:
        return f"beam {method.integer('beam', 1)}"
    if SEARCH in method.options:
        return method.options[SEARCH]
    return "sampling" if method.seconds or (method.samples or 1) > 1 else "greedy"


def falling(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points at which the objective is smaller than ever before."""
    kept: list[Point] = []
    for point in points:
        if not kept or (point[1] is not None and kept[-1][1] is not None and point[1] < kept[-1][1]):
            kept.append(point)
    return tuple(kept)


_warmed: set[tuple[str, str]] = set()  # (search, problem) that were run in this process


def _warm(player: Player, method: Method, search: Search) -> None:
    """Run the search once if seconds count: compiling and loading belong to no instance."""
    key = (str(search), repr(player.way.training.problem))
    if method.seconds is not None and key not in _warmed and _run(player, method, search, Budget(rollouts=WARM_UP), 0).played > 1:
        _warmed.add(key)  # one episode alone has nothing to search


def _run(player: Player, method: Method, search: Search, budget: Budget, seed: int) -> Run:
    way = player.way
    return run(search, Run(way.training.problem, player.policy, way.instance, budget, seed, _temperature(method)))


def _schedule(player: Player, found: Run) -> tuple[int, Any]:
    """Objective and schedule of the best episode, of the instance asked for."""
    way = player.way
    assert found.objective is not None
    schedule = way.training.schedule(way.instance, found.state, 0)
    return way.restore(schedule) if way.restore else (found.objective, schedule)


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
