"""Dispatching rules, and the text that names methods."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.jobshop.dispatch import BUILDERS
from dispatchgym.baselines.jobshop.methods import METHODS, check_method, solve
from dispatchgym.baselines.jobshop.rules import RULES
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.catalogue import load
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound

# Gaps to the best known makespans of ta01-ta10, in percent, as published for non-delay schedules.
TAILLARD_15X15 = {"spt": 25.9, "fifo": 23.9, "mopnr": 20.5, "mwkr": 19.2, "fdd-mwkr": 17.7}


@st.composite
def shops(draw, jobs=4, operations=4, machines=3, longest=9):
    """Shops with releases, zero durations, and routes that skip and revisit machines."""
    n, m = draw(st.integers(1, jobs)), draw(st.integers(1, machines))
    lengths = [draw(st.integers(1, operations)) for _ in range(n)]
    machine = np.full((n, max(lengths)), -1)
    duration = np.zeros_like(machine)
    for j, length in enumerate(lengths):
        machine[j, :length] = draw(st.lists(st.integers(0, m - 1), min_size=length, max_size=length))
        duration[j, :length] = draw(st.lists(st.integers(0, longest), min_size=length, max_size=length))
    release = draw(st.lists(st.integers(0, longest), min_size=n, max_size=n))
    return JobShop(machine, duration, m, np.array(release))


@settings(deadline=None, max_examples=60)
@given(shops(), st.sampled_from(sorted(RULES)), st.sampled_from(sorted(BUILDERS)), st.integers(1, 3))
def test_every_rule_with_every_builder_gives_a_valid_schedule_no_shorter_than_the_bound(shop, rule, builder, samples):
    result = solve(shop, f"{rule}:x{samples},builder={builder}")
    assert check(shop, result.schedule) == result.objective >= simple_lower_bound(shop)
    assert result.notes == {"builder": builder, "samples": samples}


@pytest.mark.parametrize("rule", TAILLARD_15X15)
def test_non_delay_rules_reproduce_the_published_averages_on_taillards_15x15(rule):
    gaps = []
    for k in range(1, 11):
        shop = load(f"ta{k:02d}")
        gaps.append(100 * (solve(shop, rule).objective / shop.best_known - 1))
    assert np.mean(gaps) == pytest.approx(TAILLARD_15X15[rule], abs=0.1)


# Two jobs that want machine 0 at tick 0, durations 2 and 3, then one operation each on machine 1, durations 9 and 1.
FIRST = {
    "spt": 0, "lpt": 1, "fifo": 0, "lifo": 0, "mwkr": 0, "lwkr": 1, "mopnr": 1, "lopnr": 0, "fdd-mwkr": 0, "est": 0,
}  # fmt: skip


@pytest.mark.parametrize("rule", FIRST)
def test_the_rule_decides_who_goes_first(rule):
    shop = JobShop(np.array([[0, 1, -1], [0, 1, 2]]), np.array([[2, 9, 0], [3, 1, 1]]))
    assert int(np.argmin(solve(shop, rule).schedule.start[:, 0])) == FIRST[rule]


def test_queue_rules_look_at_arrival_at_the_machine():
    # Machine 1 is busy until 9 with job 2; job 0 arrives there at 5, job 1 at 3.
    shop = JobShop(np.array([[0, 1], [2, 1], [1, -1]]), np.array([[5, 1], [3, 1], [9, 0]]))
    fifo, lifo = (solve(shop, rule).schedule.start for rule in ("fifo", "lifo"))
    assert fifo[:2, 1].tolist() == [10, 9]
    assert lifo[:2, 1].tolist() == [9, 10]


def test_builders_differ_in_whether_a_machine_may_wait_for_a_better_job():
    # Job 1 reaches machine 0 at tick 1, while job 0 could already hold it for 5.
    shop = JobShop(np.array([[0, -1], [1, 0]]), np.array([[5, 0], [1, 2]]))
    start = {builder: solve(shop, f"spt:builder={builder}").schedule.start[:, :].tolist() for builder in BUILDERS}
    assert start["non-delay"] == [[0, -1], [0, 5]]
    assert start["active"] == start["semi-active"] == [[3, -1], [0, 1]]


def test_released_jobs_never_start_early_and_a_free_machine_does_not_wait_for_them():
    shop = JobShop(np.array([[0], [0]]), np.array([[1], [7]]), release=np.array([3, 0]))
    assert solve(shop, "spt").schedule.start.tolist() == [[7], [0]]


def test_more_samples_are_never_worse_and_the_first_is_the_rule_itself():
    shop = load("ft10")
    for rule in RULES:
        one, few, many = (solve(shop, f"{rule}:x{k}", seed=3).objective for k in (1, 4, 32))
        assert many <= few <= one
        if rule != "random":
            assert one == solve(shop, rule, seed=4).objective
    assert solve(shop, "mwkr:x32").objective < solve(shop, "mwkr").objective


def test_the_seed_decides_the_random_rule():
    shop = load("ft10")
    starts = [solve(shop, "random", seed=seed).schedule.start for seed in (1, 1, 2)]
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("spt", Method("spt", "spt")),
        ("random:x128", Method("random:x128", "random", samples=128)),
        ("tabu:0.5s", Method("tabu:0.5s", "tabu", seconds=0.5)),
        (
            "cpsat:10s,workers=2,hint=tabu:1s",
            Method("cpsat:10s,workers=2,hint=tabu:1s", "cpsat", seconds=10.0, options={"workers": "2", "hint": "tabu:1s"}),
        ),
        (
            "policy@runs/mine:x64,beam=4",
            Method("policy@runs/mine:x64,beam=4", "policy", "runs/mine", samples=64, options={"beam": "4"}),
        ),
        ("policy@runs/a:b/c", Method("policy@runs/a:b/c", "policy", "runs/a:b/c")),
        ("policy@runs/a:b/c:x2", Method("policy@runs/a:b/c:x2", "policy", "runs/a:b/c", samples=2)),
    ],
)
def test_a_method_text_is_split_into_its_parts(text, method):
    assert parse_method(text) == method


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a method name"),
        ("spt:", "nothing follows ':'"),
        ("policy@:x2", "nothing follows 'policy@'"),
        ("tabu:1x", "option '1x' is not SECONDS (10s), SAMPLES (x128) or KEY=VALUE"),
        ("tabu:0s", "option '0s' must be positive"),
        ("cpsat:-1s", "option '-1s' must be positive"),
        ("spt:x0", "option 'x0' must be positive"),
        ("spt:x2,x3", "option 'x3' repeats an earlier one"),
        ("tabu:moves=1,moves=2", "option 'moves=2' repeats an earlier one"),
        ("simplex", "'simplex' is not one of spt, lpt,"),
        ("spt:1s", "option 1.0s does not apply to 'spt'; valid: SAMPLES as x128, builder=..."),
        ("tabu:x4", "option x4 does not apply to 'tabu'; valid: SECONDS as 10s, moves=..., start=..."),
        ("spt@runs/mine", "target @runs/mine does not apply to 'spt'"),
        ("cpsat:threads=2", "option threads=2 does not apply to 'cpsat'; valid: SECONDS as 10s, workers=..., hint=..."),
        ("cpsat:workers=0", "option workers=0 is not a positive whole number"),
        ("tabu:moves=1.5", "option moves=1.5 is not a positive whole number"),
        ("tabu:1s,moves=5", "give seconds or moves, not both"),
        ("spt:builder=delay", "option builder=delay is not one of non-delay, active, semi-active"),
        ("cpsat:hint=simplex", "method 'simplex': 'simplex' is not one of"),
        ("tabu:start=cpsat", "option start=cpsat is not a heuristic"),
    ],
)
def test_a_bad_method_text_is_refused_in_one_line_that_names_it(text, complaint):
    with pytest.raises(InputError) as caught:
        check_method(text)
    message = str(caught.value)
    assert complaint in message
    assert message.startswith("method '")
    assert "\n" not in message


def test_every_listed_method_solves_a_shop_with_all_complications():
    shop = JobShop(
        np.array([[0, 1, 0], [1, 2, -1], [2, 0, 1]]), np.array([[3, 0, 2], [4, 1, 0], [2, 2, 2]]), release=np.array([0, 2, 5])
    )
    brief = {"tabu": ":moves=50", "sa": ":moves=50", "cpsat": ":5s", "lns": ":0.2s"}
    for name, seed in product(METHODS, (0, 1)):
        result = solve(shop, name + brief.get(name, ""), seed=seed)
        assert check(shop, result.schedule) == result.objective
        assert result.seconds >= 0
        assert result.curve[-1][1] == result.objective


def test_a_parsed_method_is_run_as_its_text_is():
    shop = load("ft06")
    method = check_method("spt:x3,builder=active")
    assert check_method(method) is method
    assert solve(shop, method, seed=1).objective == solve(shop, method.text, seed=1).objective
    with pytest.raises(InputError, match="'heft' is not one of"):
        check_method(parse_method("heft"))
