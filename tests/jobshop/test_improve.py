"""Improvement: moves keep schedules feasible, heads and tails exact, and the best makespan is the referee's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from benchmarks import improve as benchmark
from benchmarks import markdown_blocks
from dispatchgym import families
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.baselines.jobshop.dispatch import dispatch
from dispatchgym.baselines.method import parse_method
from dispatchgym.envs.core.columns import markdown_table
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.jobshop.check import check
from dispatchgym.envs.jobshop.improve import layout
from dispatchgym.envs.jobshop.improve.env import ImproveKeywords, semi_active
from dispatchgym.envs.jobshop.improve.layout import Candidate, Context, Move, Node, TaskNode
from dispatchgym.envs.jobshop.improve.policies import POLICIES
from dispatchgym.envs.jobshop.improve.problem import NEIGHBOURHOODS, STARTS, ImproveProblem
from dispatchgym.families.shop_scenes import name_operations
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from dispatchgym.policies import players_of
from tests.core.targets import answer, on_every_target
from tests.jobshop.shops import odd_shop, pick

PLAIN = [generate(5, 4, seed=s) for s in range(6)]
ODD = [odd_shop(np.random.default_rng(s), jobs=5, width=5) for s in range(6)]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "improve.md"
RESTART = -1  # the last choice, as Python counts


def batch(pool: list[JobShop], device: Any = "cpu", **options: Any) -> Engine:
    """One copy of each instance, reset."""
    engine = Engine(ImproveProblem(**options), pool, len(pool), device=device, graph=False)
    engine.assign_rows(np.arange(len(pool)))
    engine.reset()
    return engine


def walk(engine: Engine, steps: int, seed: int = 0) -> Iterator[Any]:
    """The state before the first and after each step of random legal play."""
    rng = np.random.default_rng(seed)
    yield engine.placed("state")
    for _ in range(steps):
        engine.step(pick(engine.arrays[0].mask, rng), autoreset=False)
        yield engine.placed("state")


def present(instance: JobShop, state: Any, copy: int) -> tuple[list[tuple[int, int]], Any]:
    """The present schedule: its operations in their topological order, and the starts that the order means."""
    width = state.moved.shape[1] // state.next.shape[1]
    count = int((instance.duration > 0).sum())
    order = [divmod(n, width) for n in state.order[copy, :count].tolist()]
    return order, semi_active(instance, order)


def longest_paths(instance: JobShop, order: list[tuple[int, int]]) -> tuple[dict[Any, int], dict[Any, int]]:
    """Ends and tails of the operations, from the definition."""
    ends: dict[tuple[int, int], int] = {}
    job, machine = instance.release.tolist(), [0] * instance.machines
    for j, k in order:
        m, p = int(instance.machine[j, k]), int(instance.duration[j, k])
        ends[j, k] = job[j] = machine[m] = max(job[j], machine[m]) + p
    tails: dict[tuple[int, int], int] = {}
    job, machine = [0] * instance.jobs, [0] * instance.machines
    for j, k in reversed(order):
        m, p = int(instance.machine[j, k]), int(instance.duration[j, k])
        tails[j, k] = job[j] = machine[m] = max(job[j], machine[m]) + p
    return ends, tails


@pytest.mark.parametrize("neighbourhood", NEIGHBOURHOODS)
@pytest.mark.parametrize("pool", [PLAIN, ODD], ids=["plain", "odd"])
def test_after_every_move_heads_and_tails_are_those_of_the_order_and_the_best_is_the_referees(
    pool: list[JobShop], neighbourhood: Any
) -> None:
    engine = batch(pool, neighbourhood=neighbourhood, moves=40)
    width = engine.sizes.width  # type: ignore[attr-defined]
    best = [10**9] * len(pool)
    for state in walk(engine, 40):
        for b, instance in enumerate(pool):
            order, schedule = present(instance, state, b)
            makespan = check(instance, schedule)
            best[b] = min(best[b], makespan)
            assert (state.makespan[b], state.best[b]) == (makespan, best[b])
            assert check(instance, ImproveKeywords().schedule(instance, state, b)) == best[b]
            ends, tails = longest_paths(instance, order)
            for (j, k), end in ends.items():
                node = state.node[b, j * width + k]
                assert (node[Node.END], node[Node.TAIL]) == (end, tails[j, k])
                assert state.order[b, state.place[b, j * width + k]] == j * width + k


def machine_orders(instance: JobShop, order: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    return [[x for x in order if instance.machine[x] == m] for m in range(instance.machines)]


def makespan_of(instance: JobShop, machines: list[list[tuple[int, int]]]) -> int | None:
    """The makespan of these machine orders, by starting whatever is next on its job and its machine; None for a cycle."""
    route = [[(j, k) for k in range(instance.machine.shape[1]) if instance.duration[j, k] > 0] for j in range(instance.jobs)]
    chains = [*route, *machines]
    job, machine, left = instance.release.tolist(), [0] * instance.machines, sum(map(len, route))
    done = [0] * len(chains)
    while left:
        heads = {chain[at] for chain, at in zip(chains[: len(route)], done, strict=False) if at < len(chain)}
        ready = [m for m, chain in enumerate(machines) if (at := done[len(route) + m]) < len(chain) and chain[at] in heads]
        if not ready:
            return None
        for m in ready:
            j, k = machines[m][done[len(route) + m]]
            job[j] = machine[m] = max(job[j], machine[m]) + int(instance.duration[j, k])
            done[j], done[len(route) + m], left = done[j] + 1, done[len(route) + m] + 1, left - 1
    return max(job)


def test_moves_are_those_that_brute_force_finds_without_a_cycle() -> None:
    """On every schedule of a walk: what is offered, and what the definition of the neighbourhood allows."""
    offered = {name: 0 for name in NEIGHBOURHOODS}
    missed = dict(offered)
    for name in NEIGHBOURHOODS:
        engine = batch([*PLAIN[:3], *ODD], neighbourhood=name, moves=25)
        for state in walk(engine, 25, seed=1):
            for b, instance in enumerate(engine.pool):
                found = moves_by_definition(instance, state, b, name)
                listed = {tuple(move[: Move.LATER + 1]): move for move in state.move[b, : state.count[b]].tolist()}
                assert len(listed) == state.count[b] == state.found[b]
                for key, move in listed.items():
                    assert found[key] is not None, "a cycle"
                    if move[Move.PASSED] == 1:
                        assert move[Move.ESTIMATE] <= found[key]  # type: ignore[operator]
                offered[name] += len(listed)
                left_out = {key for key, value in found.items() if value is not None and key not in listed}
                missed[name] += len(left_out)
                assert not any(map(balas_vazacopoulos(instance, state, b), left_out))
    assert offered["n5"] < offered["n6"] < offered["n7"]
    assert missed["n5"] == 0
    assert max(missed[name] / offered[name] for name in NEIGHBOURHOODS) < 0.15  # the test is sufficient, not necessary


def balas_vazacopoulos(instance: JobShop, state: Any, b: int) -> Callable[[tuple[int, ...]], bool]:
    """Propositions 2.2 and 2.3 of Balas & Vazacopoulos (1998): whether a move (from, to, later) cannot close a cycle."""
    order, _ = present(instance, state, b)
    width = state.moved.shape[1] // state.next.shape[1]
    ends, tails = longest_paths(instance, order)

    def allowed(move: tuple[int, ...]) -> bool:
        (j, k), (i, n), later = divmod(move[0], width), divmod(move[1], width), move[2]
        after = [x for x in tails if x[0] == j and x[1] > k]
        before = [x for x in ends if x[0] == i and x[1] < n]
        if later:
            return i != j and (not after or tails[min(after)] <= tails[i, n])
        return i != j and (not before or ends[max(before)] <= ends[j, k])

    return allowed


def moves_by_definition(instance: JobShop, state: Any, b: int, name: str) -> dict[tuple[int, ...], int | None]:
    """(from, to, later) -> makespan after the move or None, for all moves within the blocks of the listed critical path."""
    order, _ = present(instance, state, b)
    machines = machine_orders(instance, order)
    width = state.moved.shape[1] // state.next.shape[1]
    path = [divmod(n, width) for n in state.path[b, state.begin[b] : len(order)].tolist()]
    blocks: list[list[tuple[int, int]]] = []
    for x in path:
        if blocks and instance.machine[blocks[-1][-1]] == instance.machine[x]:
            blocks[-1].append(x)
        else:
            blocks.append([x])
    found: dict[tuple[int, ...], int | None] = {}
    results: set[Any] = set()
    for n, block in enumerate(blocks):
        head = n > 0 or instance.release[block[0][0]] > 0
        tail = n < len(blocks) - 1
        size = len(block)
        for later in (0, 1):
            for x, y in itertools.combinations(range(size), 2):
                out = (later and y == size - 1 and tail) or (not later and x == 0 and head)
                inside = (later and x == 0 and head and y < size - 1) or (not later and y == size - 1 and tail and x > 0)
                if not (out or (name == "n7" and inside)) or (name == "n5" and y != x + 1):
                    continue
                m = int(instance.machine[block[0]])
                new = list(machines[m])
                at, to = new.index(block[x]), new.index(block[y])
                new.insert(to, new.pop(at)) if later else new.insert(at, new.pop(to))
                if (m, tuple(new)) in results:  # a swap of neighbours is one move, not two
                    continue
                results.add((m, tuple(new)))
                key = (block[x][0] * width + block[x][1], block[y][0] * width + block[y][1], later)
                twin = (key[0], key[1], 1 - later)
                changed = [*machines[:m], new, *machines[m + 1 :]]
                listed = {tuple(move[:3]) for move in state.move[b, : state.count[b]].tolist()}
                found[twin if y == x + 1 and twin in listed else key] = makespan_of(instance, changed)
    return found


@pytest.mark.parametrize("rule", STARTS)
def test_the_start_is_the_schedule_of_the_rule(rule: str) -> None:
    pool = [*PLAIN, generate(4, 3, operations=6, recirculation=True, release=(0, 60), seed=7)]
    first = batch(pool, start=rule).placed("state").first
    assert first.tolist() == [dispatch(x, rule).objective for x in pool]


def test_a_hand_worked_episode() -> None:
    """Two jobs: 0 -> 1 of 4 and 3 ticks, 0 -> 1 of 1 and 5 ticks. The longer first operation goes first: 4 + 1 + 5 ticks."""
    instance = JobShop(np.array([[0, 1], [0, 1]]), np.array([[4, 3], [1, 5]]), 2)
    engine = batch([instance], start="lpt", neighbourhood="n5")
    state, episodes = engine.placed("state"), engine.arrays[1]
    bound = simple_lower_bound(instance)
    assert (bound, state.first[0]) == (9, 12)
    # Critical: 0/0, 0/1 on machine 1, then 1/1. Only the last block's first two can be swapped: 1/1 before 0/1 gains nothing
    # by itself, and the first block has one operation.
    assert engine.arrays[0].mask[0].nonzero()[0].tolist() == [0]
    engine.step([0], autoreset=False)
    assert (state.makespan[0], float(episodes.reward[0])) == (13, 0.0)
    # Now 0/0, 1/0 are the first block, whose last two can be swapped, and 1/1, 0/1 the second, whose swap would go back.
    assert engine.arrays[0].mask[0].nonzero()[0].tolist() == [0, 1, engine.sizes.actions - 1]
    engine.step([0], autoreset=False)
    assert (state.makespan[0], float(episodes.reward[0])) == (9, 3 / 9)
    assert episodes.terminated[0] == 1
    assert int(episodes.final_objective[0]) == 9 == bound


def test_a_restart_goes_back_to_the_best_schedule_and_an_episode_has_so_many_moves() -> None:
    engine = batch(PLAIN, moves=30)
    rng = np.random.default_rng(4)
    bound, first = engine.placed("instances").bound, engine.placed("state").first.copy()
    total, restarts = np.zeros(len(PLAIN)), 0
    for made in range(1, 31):
        seen, episodes = engine.arrays
        state = engine.placed("state")
        mask = seen.mask.copy()
        assert ((mask[:, RESTART] == 1) == ((state.is_best == 0) & (episodes.terminated == 0))).all()
        back = (mask[:, RESTART] == 1) & (rng.random(len(mask)) < 0.3)
        engine.step(np.where(back, mask.shape[1] + RESTART, pick(mask, rng)), autoreset=False)
        total += np.where(mask.any(axis=1), engine.arrays[1].reward, 0.0)
        for b in back.nonzero()[0]:
            restarts += 1
            assert state.is_best[b] == 1
            assert state.makespan[b] == state.best[b]
            assert (state.order[b] == state.best_order[b]).all()
        over = (made == 30) | (state.best <= bound)
        assert (engine.arrays[1].terminated == over).all()
    assert restarts > 5
    assert np.allclose(total, (first - state.best) / bound)


def test_the_moves_with_the_smallest_estimates_are_offered_if_there_are_too_many() -> None:
    full, few = batch(PLAIN, neighbourhood="n7"), batch(PLAIN, neighbourhood="n7", slots=3)
    every, kept = full.placed("state"), few.placed("state")
    assert (every.found == kept.found).all()
    assert every.found.max() > 3
    for b in range(len(PLAIN)):
        estimates = sorted(every.move[b, : every.count[b], Move.ESTIMATE].tolist())
        assert sorted(kept.move[b, : kept.count[b], Move.ESTIMATE].tolist()) == estimates[:3]


def test_features_say_what_a_move_would_undo() -> None:
    """A swap, then the same two again: the second one would undo the first."""
    engine = batch(PLAIN[1:2], neighbourhood="n5", moves=9)
    state = engine.placed("state")
    seen = engine.arrays[0]
    assert (seen.candidates[0, :, Candidate.RECENT] == 0).all()
    u, v = state.move[0, 0, : Move.TO + 1].tolist()
    engine.step([0], autoreset=False)
    node = state.node[0]
    assert node[v, Node.NEXT] == u
    listed = state.move[0, : state.count[0]].tolist()
    again = [c for c, move in enumerate(listed) if move[: Move.TO + 1] == [v, u]]
    assert [seen.candidates[0, c, Candidate.RECENT] for c in again] == [1.0] * len(again)
    assert seen.context[0, Context.PROGRESS] == np.float32(1 / 9)


def test_the_graph_is_the_present_schedule() -> None:
    env = gymnasium.make("dispatchgym:dispatchgym/JobShopImprove-v0", instance=ODD, moves=12)
    engine = env.unwrapped.engine  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    for seed in range(4):
        observation, info = env.reset(seed=seed)
        while info["action_mask"].any():
            instance = ODD[int(engine.rows()[0])]
            state = engine.placed("state")
            order, schedule = present(instance, state, 0)
            width = state.moved.shape[1] // state.next.shape[1]
            arcs = {tuple(x) for x in observation["precedes"].tolist() if x[0] >= 0}
            rows = [[j * width + k for j, k in on] for on in machine_orders(instance, order)]
            jobs = {(j * width + k, j * width + k + 1) for j, n in enumerate(instance.operations) for k in range(n - 1)}
            assert arcs == jobs | {pair for row in rows for pair in itertools.pairwise(row)}
            starts = observation["tasks"][:, TaskNode.START] * state.makespan[0]
            assert [round(float(starts[j * width + k])) for j, k in order] == [int(schedule.start[x]) for x in order]
            critical = set(state.path[0, state.begin[0] : len(order)].tolist())
            assert set(observation["tasks"][:, TaskNode.ON_PATH].nonzero()[0].tolist()) == critical
            observation, *_, info = env.step(int(pick(info["action_mask"], rng)))


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"neighbourhood": "n4"}, "neighbourhood='n4' is not one of n6, n5, n7"),
        ({"start": "random"}, "start='random' is not one of fdd-mwkr"),
        ({"moves": 0}, "moves=0 is not a whole number between 1 and"),
        ({"slots": 2.5}, "slots=2.5 is not a whole number between 1 and"),
        ({"actions": "active"}, "unexpected keyword argument 'actions'"),
    ],
)
def test_bad_keywords_are_named(words: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        gymnasium.make("dispatchgym:dispatchgym/JobShopImprove-v0", **words)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("candidates", layout.Candidate),
        ("context", layout.Context),
        ("tasks", layout.TaskNode),
        ("resources", layout.ResourceNode),
        ("runs-on", layout.RunsOn),
    ],
)
def test_feature_tables_are_those_of_the_layout(name: str, columns: Any) -> None:
    text = PAGE.read_text()
    assert markdown_blocks.replaced(text, f"improve-{name}", markdown_table(columns), PAGE) == text


def test_every_keyword_is_described() -> None:
    text = PAGE.read_text()
    assert [word for word in ImproveKeywords.words if f"`{word}`" not in text] == []


def moves(*rows: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Mask and candidates of one state: rows of features, then an unused slot, then a legal restart."""
    candidates = np.zeros((1, len(rows) + 2, len(Candidate)), np.float32)
    for c, row in enumerate(rows):
        for feature, value in row.items():
            candidates[0, c, feature] = value
    candidates[0, RESTART, [Candidate.RESTART, Candidate.CHANGE]] = 1, -9  # it is never chosen for its estimate
    mask = np.ones(candidates.shape[:2], np.int8)
    mask[0, -2] = 0
    return mask, candidates


def chosen(policy: str, *rows: dict[int, float]) -> set[int]:
    rng = np.random.default_rng(0)
    return {int(POLICIES[policy](*moves(*rows), rng)[0]) for _ in range(60)}


def test_policies_choose_what_they_say() -> None:
    change, recent, above = Candidate.CHANGE, Candidate.RECENT, Candidate.ABOVE_BEST
    up, down, lower = ({change: x, above: x + 2} for x in (1.0, -1.0, -1.5))
    assert chosen("random", up, down) == {0, 1, 3}
    assert chosen("first", up, down, lower) == {1}
    assert chosen("first", up, up) == {0, 1, 3}
    assert chosen("best", up, down, lower, lower) == {2, 3}
    assert chosen("best", up) == {0, 2}
    assert chosen("tabu", up, {**down, recent: 1 / 9}) == {0}
    assert chosen("tabu", up, {**down, recent: 1 / 20}) == {1}
    assert chosen("tabu", up, {**down, recent: 1 / 15}) == {0, 1}
    assert chosen("tabu", up, {change: -3.0, above: -0.5, recent: 1.0}) == {1}
    assert chosen("tabu", {**up, recent: 1.0}, {**down, recent: 1.0}) == {0, 1}
    assert chosen("tabu") == {1}


def test_the_benchmark_fills_its_blocks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "improve.md"
    page.write_text(PAGE.read_text())
    small = ["--tables", str(tmp_path), "--page", str(page), "--copies", "1", "--instances", "1"]
    benchmark.main(["walks", "--walks", "24", *small])
    assert "24 random walks" in capsys.readouterr().out
    benchmark.main(["makespans", "--moves", "2", "30", *small])
    table = (tmp_path / "improve-makespans.md").read_text()
    assert "| n6 | tabu |" in table
    gaps = {tuple(cells[1:3]): cells[-2] for line in table.splitlines() if (cells := [x.strip() for x in line.split("|")])[1:2]}
    start, searched = float(gaps["", "none: the start"]), [float(x) for x in gaps["n6", "tabu"].split(" / ")]
    assert searched[1] < searched[0] <= start
    assert table.splitlines()[-1] in page.read_text()


def test_a_policy_is_trained_to_improve_and_plays_as_many_moves_as_asked(tmp_path: Path) -> None:
    training = families.load("jobshop").trained_by().training(task="improve", neighbourhood="n5", moves=5)
    config = TrainConfig(steps=1, sizes=("3x3",), instances=2, samples=2, width=8, layers=1, hidden=8, device="python")
    Trainer(training, config, tmp_path).run(lambda line: None)
    family, instance = families.load("jobshop"), generate(4, 3, seed=1)
    (player,) = players_of(family, instance, parse_method(f"policy@{tmp_path}"))
    assert player.way.training.problem == ImproveProblem("n5", moves=5)
    (longer,) = players_of(family, instance, parse_method(f"policy@{tmp_path}:length=100"))
    assert longer.way.training.problem == ImproveProblem("n5", moves=100)
    with pytest.raises(InputError, match="length=100 is for a run that was trained to improve"):
        players_of(family, instance, parse_method("policy:length=100"))
    for direction in ("forward", "backward"):
        (player,) = players_of(family, instance, parse_method(f"policy@{tmp_path}:direction={direction}"))
        problem, played = player.way.training.problem, player.way.instance
        rollout = Rollout(problem, problem.sizes([played]), 2, 8, "python")
        rollout.load([played])
        found = rollout.play(player.policy, np.zeros(2, int), np.arange(2)).objective.tolist()
        for copy, objective in enumerate(found):
            schedule = player.way.training.schedule(played, rollout.state, copy)
            assert check(played, schedule) == objective
            if player.way.restore:
                restored, forward = player.way.restore(schedule)
                assert check(instance, forward) == restored <= objective


def test_reports_name_moves() -> None:
    problem = ImproveProblem("n5")
    sizes = problem.sizes(PLAIN)
    name = name_operations(problem, PLAIN[0], sizes)
    assert name(0, 6, 2, 30)[1] == "move job 1, operation 2 on M2, which starts at 30"
    assert name(sizes.actions - 1, sizes.tasks - 1, sizes.resources - 1, 0)[1] == "restart from the best schedule"


def record(device: Any) -> dict[str, np.ndarray]:
    """Everything seen and gained in random play of three neighbourhoods, copy by copy."""
    found: dict[str, np.ndarray] = {}
    for name in NEIGHBOURHOODS:
        for pool in (PLAIN[:2], ODD[2:]):
            engine = Engine(ImproveProblem(neighbourhood=name, moves=8), pool, 2, device=device, seed=5)  # type: ignore[arg-type]
            engine.reset()
            rng = np.random.default_rng(3)
            rows = []
            for _ in range(10):
                seen, episodes = engine.arrays
                rows += [np.array(field, np.float64).ravel() for field in (*seen, episodes.reward, episodes.final_objective)]
                engine.step(pick(seen.mask, rng))
            found[f"{name} {pool[0].name}"] = np.concatenate(rows)
    return found


def test_plain_python_compiled_code_and_the_cuda_simulator_play_the_same_to_the_last_bit(tmp_path: Any) -> None:
    assert len(on_every_target("tests.jobshop.test_improve", record, tmp_path)) == 2 * len(NEIGHBOURHOODS)


if __name__ == "__main__":
    answer(record)
