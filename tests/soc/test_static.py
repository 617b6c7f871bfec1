"""Heuristics and CP-SAT for static task graphs: published examples, and every schedule of tiny ones."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.soc.static.cpsat import identical_pes, plan
from dispatchgym.baselines.soc.static.list_scheduling import Graph, schedule
from dispatchgym.baselines.soc.static.methods import HINTS, METHODS, SAMPLED, check_method, solve
from dispatchgym.baselines.soc.static.planning_request import Request, whole
from dispatchgym.baselines.soc.static.ranks import downward_rank, optimistic_cost, path_length, slr, speedup, upward_rank
from dispatchgym.envs.soc.check import check_static
from dispatchgym.instances.errors import InputError, InvalidSchedule
from dispatchgym.instances.soc.catalogue import SETS, load_static
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, lower_bound

SEEDS = st.integers(0, 2**32 - 1)
COLUMNS = ("heft", "cpop", "peft", "lookahead", "cpsat:20s")
# Where several tasks have the highest rank, the one that has been ready for longest comes first; of PEs with equal values the
# first. Other orders give other numbers, e.g. by number of the task 86 and 87 in the third column of top-05 and top-06.
PUBLISHED = {
    "topcuoglu-10": (80, 86, 85, 76, 73),
    "peft-10": (133, 167, 122, 127, 113),
    "top-01": (80, 86, 85, 76, 73),
    "top-02": (90, 95, 95, 95, 81),
    "top-03": (89, 122, 90, 89, 80),
    "top-04": (98, 119, 114, 97, 87),
    "top-05": (97, 96, 88, 96, 85),
    "top-06": (90, 93, 92, 84, 80),
    "top-07": (83, 85, 72, 88, 72),
    "top-08": (69, 85, 78, 69, 65),
    "top-09": (78, 89, 87, 83, 72),
    "top-10": (82, 103, 74, 74, 74),
}
ETF = {
    "topcuoglu-10": 80,
    "wifi-tx@wireless-8": 348,
    "wifi-rx@wireless-8": 1657,
    "wifi-rx@wireless-16": 319,
    "wifi-tx@matrix-16": 76,
}


def random_dag(rng: np.random.Generator, tasks: int = 4, pes: int = 3) -> StaticDag:
    """Up to `tasks` tasks on up to `pes` PEs, some alike, with tasks that take no time and PEs that cannot run a task."""
    n, p = int(rng.integers(1, tasks + 1)), int(rng.integers(1, pes + 1))
    kinds = np.sort(rng.integers(0, p, p))
    duration = np.where(rng.random((n, p)) < 0.8, rng.integers(0, 9, (n, p)), -1)
    duration[np.arange(n), rng.integers(0, p, n)] = rng.integers(0, 9, n)
    between = rng.choice([0.5, 1.0, 2.0], (p, p))[np.ix_(kinds, kinds)]
    np.fill_diagonal(between, rng.choice([2.0, np.inf]))
    duration = duration[:, kinds]
    duration[np.flatnonzero((duration < 0).all(axis=1)), 0] = 3
    number = rng.permutation(n)
    edges = [(number[a], number[b], int(rng.integers(0, 9))) for b in range(n) for a in range(b) if rng.random() < 0.4]
    return StaticDag(duration, np.array(edges, np.int64).reshape(-1, 3), between)


def random_request(rng: np.random.Generator) -> Request:
    """What is left of some jobs at tick 10: data still on its way, PEs still busy, perhaps a task that runs already."""
    request = whole(random_dag(rng))
    n, p = request.duration.shape
    jobs = int(rng.integers(1, n + 1))
    fields = {
        "earliest": 10 + rng.integers(0, 6, (n, p)),
        "pe_free": 10 + rng.integers(0, 4, p),
        "job": rng.integers(0, jobs, n),
        "weight": rng.integers(0, 4, jobs) if rng.random() < 0.6 else np.zeros(0, np.int64),
    }
    heads = [i for i in range(n) if not request.before[i]]
    if rng.random() < 0.4:
        i, pe = heads[0], int(request.duration[heads[0]].argmax())
        fields["fixed_pe"] = np.where(np.arange(n) == i, pe, -1)
        fields["fixed_start"] = np.where(np.arange(n) == i, 7, -1)
        fields["pe_free"][pe] = 7 + request.duration[i, pe]
    return dataclasses.replace(request, **fields)


def optimum(request: Request) -> int:
    """The best of all schedules in which the tasks are appended to their PEs one after another."""
    n, p = request.duration.shape
    pe, start = request.fixed_pe.copy(), request.fixed_start.copy()
    edges = request.edges.tolist()
    free = request.pe_free.astype(np.int64)
    best = [2**40]

    def ends(i: int) -> int:
        return int(start[i] + request.duration[i, pe[i]])

    def extend(left: list[int], free: np.ndarray) -> None:
        if not left:
            best[0] = min(best[0], request.objective(StaticSchedule(pe.copy(), start.copy())))
            return
        for i in left:
            before = [(e, a) for e, (a, b, _) in enumerate(edges) if b == i]
            if any(a in left for _, a in before):
                continue
            for q in range(p):
                if request.duration[i, q] >= 0:
                    arrivals = [ends(a) + int(request.transfer[e, pe[a], q]) for e, a in before]
                    pe[i], start[i] = q, max([int(request.earliest[i, q]), int(free[q]), *arrivals])
                    after = free.copy()
                    after[q] = ends(i)
                    extend([k for k in left if k != i], after)
                    pe[i] = start[i] = -1

    extend([i for i in range(n) if pe[i] < 0], free)
    return best[0]


def check_request(request: Request, found: StaticSchedule) -> None:
    """The referee, and what a request asks beyond a static graph."""
    i = np.arange(len(found.pe))
    assert (found.start >= request.begin[i, found.pe]).all()
    planned = request.fixed_pe < 0
    assert (found.pe[~planned] == request.fixed_pe[~planned]).all()
    assert (found.start[~planned] == request.fixed_start[~planned]).all()
    place = {e: (found.pe[a], found.pe[b]) for e, (a, b, _) in enumerate(request.edges.tolist())}
    for e, (a, b, _) in enumerate(request.edges.tolist()):
        assert found.start[b] >= request.ends(found)[a] + request.transfer[(e, *place[e])]
    check_static(StaticDag(request.duration.astype(np.int32), np.zeros((0, 3), np.int64)), found)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_makespans_are_reproduced_exactly(name):
    dag = load_static(name)
    results = [solve(dag, method) for method in COLUMNS]
    assert tuple(r.objective for r in results) == PUBLISHED[name]
    assert [check_static(dag, r.schedule) for r in results] == [r.objective for r in results]
    assert results[-1].status == "optimal"
    assert results[-1].lower_bound == results[-1].objective == dag.best_known


def test_ranks_of_the_worked_example_are_the_published_ones():
    request = whole(load_static("topcuoglu-10"))
    up = [108.0, 77.0, 80.0, 80.0, 69.0, 63.333, 42.667, 35.667, 44.333, 14.667]
    assert upward_rank(request).round(3).tolist() == up
    down = [0.0, 31.0, 25.0, 22.0, 24.0, 27.0, 62.333, 66.667, 63.667, 93.333]
    assert downward_rank(request).round(3).tolist() == down
    assert path_length(request)[[0, 1, 8, 9]].tolist() == [108.0] * 4  # the critical path: equal to the last bit
    assert path_length(request)[[2, 3, 4, 5, 6, 7]].max() < 108.0


def test_optimistic_costs_of_the_worked_example_are_the_published_ones():
    cost = optimistic_cost(whole(load_static("peft-10")))
    rows = [[64, 68, 86], [42, 39, 42], [27, 41, 43], [42, 39, 50], [28, 37, 28], [42, 39, 44], [13, 16, 22], [13, 16, 33]]
    assert cost.tolist() == [*rows, [13, 16, 20], [0, 0, 0]]


def test_the_mean_transfer_is_over_the_pairs_of_different_pes_that_can_run_the_two_tasks():
    dag = StaticDag(np.array([[4, -1, 8], [-1, 3, -1]]), np.array([[0, 1, 12]]), np.array([[9.0, 2, 1], [1, 9, 1], [1, 4, 9]]))
    assert upward_rank(whole(dag)).tolist() == [6 + (6 + 3) / 2 + 3, 3.0]
    alone = StaticDag(np.array([[4, -1], [3, -1]]), np.array([[0, 1, 12]]), np.array([[6.0, 1], [1, 6]]))
    assert upward_rank(whole(alone)).tolist() == [4 + 2 + 3, 3.0]


@pytest.mark.parametrize("name", ETF)
def test_event_driven_dispatch_gives_what_the_simulator_gives(name):
    assert solve(load_static(name), "etf").objective == ETF[name]


def test_length_ratio_and_speedup_of_the_worked_example():
    dag = load_static("topcuoglu-10")
    assert slr(dag, 80) == 80 / 41  # fastest executions along tasks 1, 2, 9, 10: 9 + 13 + 12 + 7
    assert speedup(dag, 80) == 127 / 80  # all of it on the first PE
    assert np.isnan(speedup(StaticDag(np.array([[1, -1], [-1, 1]]), np.zeros((0, 3), np.int64)), 1))


@pytest.mark.parametrize("name", ["wifi-tx@wireless-16", "wifi-rx@wireless-8", "temporal-mitigation@matrix-16"])
def test_cpsat_proves_the_optimum_on_a_chip_of_identical_pes(name):
    dag = load_static(name)
    assert identical_pes(whole(dag))
    result = solve(dag, "cpsat:30s")
    assert (result.objective, result.status) == (dag.best_known, "optimal")
    assert check_static(dag, result.schedule) == dag.best_known


@settings(max_examples=60)
@given(SEEDS)
def test_cpsat_finds_the_optimum_of_every_tiny_graph_and_no_bound_exceeds_it(seed):
    dag = (
        random_dag(np.random.default_rng(seed), 5, 2 if seed % 2 else 3)
        if seed % 4 == 0
        else random_dag(np.random.default_rng(seed))
    )
    best = optimum(whole(dag))
    result = solve(dag, "cpsat:20s")
    assert (result.objective, result.lower_bound, result.status) == (best, best, "optimal")
    assert check_static(dag, result.schedule) == best
    assert lower_bound(dag) <= best


@settings(max_examples=60)
@given(SEEDS)
def test_plans_from_the_middle_of_a_run_are_optimal(seed):
    request = random_request(np.random.default_rng(seed))
    found = plan(request, seconds=20)
    check_request(request, found.schedule)
    assert (found.objective, found.status) == (optimum(request), "optimal")
    assert request.objective(found.schedule) == found.objective == found.lower_bound


@given(SEEDS)
def test_every_heuristic_keeps_the_rules_and_none_is_better_than_the_optimum(seed):
    rng = np.random.default_rng(seed)
    dag, request = random_dag(rng), random_request(rng)
    best = optimum(whole(dag))
    for name in HINTS:
        result = solve(dag, name, seed=seed)
        assert check_static(dag, result.schedule) == result.objective >= best
        check_request(request, schedule(request, name, seed=seed))


@pytest.mark.parametrize("gap", [1, 7])
def test_insertion_finds_the_gap_that_appending_does_not(gap):
    # PE 0 waits for PE 1; the task of the lowest rank fits into that gap exactly.
    dag = StaticDag(np.array([[5, -1], [-1, gap], [9, -1], [gap, -1]]), np.array([[0, 1, 0], [1, 2, 0]]), np.full((2, 2), np.inf))
    assert solve(dag, "heft").objective == 5 + gap + 9
    pinned = Graph.of(whole(dag)).by_rank(np.array([4.0, 3.0, 2.0, 1.0]), insertion=False)
    assert check_static(dag, pinned) == 5 + gap + 9 + gap


def test_more_samples_are_never_worse_and_the_first_is_the_heuristic_itself():
    dag = load_static("peft-10")
    for name in SAMPLED:
        few, many = (solve(dag, f"{name}:x{count}", seed=3) for count in (1, 40))
        assert few.objective == solve(dag, name, seed=3).objective >= many.objective
        assert check_static(dag, many.schedule) == many.objective
    assert solve(dag, "heft:x40", seed=3).objective < 133


def test_identical_pes_are_those_alike_in_times_and_bandwidths():
    times, edge = np.array([[3, 3, 3, 4], [2, 2, 2, 2]]), np.array([[0, 1, 6]])
    assert identical_pes(whole(StaticDag(times, edge))) == [[0, 1, 2]]
    far = np.ones((4, 4))
    far[0, 1] = far[1, 0] = 6.0
    assert identical_pes(whole(StaticDag(times, edge, far))) == [[0, 1]]
    request = whole(StaticDag(times, edge))
    busy = dataclasses.replace(request, pe_free=np.array([0, 5, 0, 0]))
    assert identical_pes(busy) == [[0, 2]]
    running = dataclasses.replace(request, fixed_pe=np.array([2, -1]), fixed_start=np.array([0, -1]))
    assert identical_pes(running) == [[0, 1]]


def test_a_limit_that_is_too_short_leaves_the_heuristics_schedule_and_a_bound():
    dag = load_static("topcuoglu/v60/ccr5/alpha1/out3/beta0.5/p8/s7")
    result = solve(dag, "cpsat:0.01s,workers=1,hint=lookahead")
    assert result.status == "feasible"
    assert check_static(dag, result.schedule) == result.objective <= solve(dag, "lookahead").objective
    assert lower_bound(dag) <= result.lower_bound < result.objective
    assert result.notes == {"workers": 1, "hint": "lookahead"}


def test_the_curve_of_cpsat_falls_and_its_bound_rises_until_they_meet():
    result = solve(load_static("topcuoglu-10"), "cpsat:20s,workers=2")
    seconds, objectives, bounds = zip(*result.curve, strict=True)
    assert list(seconds) == sorted(seconds)
    assert seconds[-1] <= result.seconds + 0.01  # one is processor time, the other wall time
    assert list(objectives) == sorted(objectives, reverse=True)
    assert list(bounds) == sorted(bounds)
    assert (objectives[0], objectives[-1], bounds[-1]) == (80, 73, 73)


def test_the_lower_bound_counts_transfers_and_the_work_of_pes_that_must_be_shared():
    chain = StaticDag(np.array([[2, -1], [-1, 3], [4, -1]]), np.array([[0, 1, 5], [1, 2, 6]]))
    assert lower_bound(chain) == 2 + 5 + 3 + 6 + 4
    flat = StaticDag(np.array([[3, 9, -1], [4, 4, -1], [9, 4, -1], [1, 1, 1]]), np.zeros((0, 3), np.int64))
    assert lower_bound(flat) == 6  # ceil((3 + 4 + 4) / 2) on the first two PEs
    ends = np.array([[0, i, 0] for i in (1, 2, 3)] + [[i, 4, 0] for i in (1, 2, 3)])
    fork = StaticDag(np.array([[1, 1, -1], [8, 8, -1], [8, 8, -1], [8, 8, -1], [-1, -1, 2]]), ends)
    assert lower_bound(fork) == (1 + 3 * 8 + 1) // 2 + 2  # tasks 0 to 3 share two PEs, and task 4 comes after them


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("best", "'best' is not one of heft, cpop"),
        ("heft:10s", "option 10.0s does not apply to 'heft'"),
        ("etf:x10", "option x10 does not apply to 'etf'"),
        ("cpsat:x10", "option x10 does not apply to 'cpsat'"),
        ("cpsat:hint=cpsat", "option hint=cpsat is not one of heft"),
        ("cpsat:workers=0", "option workers=0 is not a positive whole number"),
    ],
)
def test_a_method_that_is_not_valid_is_refused_by_name(text, reason):
    with pytest.raises(InputError, match=reason):
        check_method(text)


def test_a_request_with_a_table_of_another_shape_is_refused():
    request = whole(load_static("topcuoglu-10"))
    with pytest.raises(InputError, match=r"pe_free has shape \(2,\), which should be \(3,\)"):
        dataclasses.replace(request, pe_free=np.zeros(2))
    with pytest.raises(InputError, match=r"weights \[1\] of 2 jobs"):
        dataclasses.replace(request, job=np.arange(10) % 2, weight=np.array([1]))
    with pytest.raises(InputError, match="transfer has shape"):
        dataclasses.replace(request, transfer=request.transfer[1:])


def test_every_method_has_a_line_of_help_and_the_bundled_sets_can_be_solved():
    assert all(METHODS.values())
    for name in SETS["own"]:
        dag = load_static(name)
        assert check_static(dag, solve(dag, "heft").schedule) >= dag.best_known >= lower_bound(dag)
        broken = solve(dag, "heft").schedule
        with pytest.raises(InvalidSchedule):
            check_static(dag, StaticSchedule(broken.pe, broken.start - 1))
