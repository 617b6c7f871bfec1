"""Models backwards in time, and policies that play in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatchgym import families
from dispatchgym.baselines.method import parse_method
from dispatchgym.envs.cpmodel.check import check
from dispatchgym.instances.cpmodel.instance import CPInstance, Objective, Resource
from dispatchgym.instances.cpmodel.reverse import reverse, unreverse
from dispatchgym.instances.errors import InputError
from dispatchgym.policies import remarks
from tests.cpmodel.models import random_model, random_shop

FAMILY = families.load("cpmodel")


def undated(instance: CPInstance) -> CPInstance:
    """The model without dates and breaks, whose makespan and costs are minimised; lags and modes stay."""
    tasks = tuple(replace(task, release=0, deadline=None, due=None) for task in instance.tasks)
    resources = tuple(replace(resource, breaks=()) for resource in instance.resources)
    return replace(instance, tasks=tasks, resources=resources, objective=Objective(2, cost=1, offset=3), horizon=0)


MODELS = [undated(random_model(seed, 6)) for seed in range(40)]


def test_a_schedule_of_the_reversed_model_is_one_of_the_model() -> None:
    kinds = set()
    for instance in MODELS:
        mirrored = reverse(instance)
        kinds |= {lag.kind for lag in instance.lags}
        assert reverse(mirrored) == instance
        found = FAMILY.solve(mirrored, "lft")
        assert check(mirrored, found.schedule) == check(instance, unreverse(instance, found.schedule)) == found.objective
    assert kinds == {"FS", "SS", "FF", "SF"}


def test_both_models_have_one_optimum() -> None:
    pytest.importorskip("ortools")
    for instance in MODELS[:5]:
        values = [FAMILY.solve(x, "cpsat:5s") for x in (instance, reverse(instance))]
        assert [x.status for x in values] == ["optimal"] * 2
        assert values[0].objective == values[1].objective


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda x: replace(x, tasks=(replace(x.tasks[0], release=1), *x.tasks[1:])),
        lambda x: replace(x, tasks=(replace(x.tasks[0], deadline=50), *x.tasks[1:])),
        lambda x: replace(x, resources=(Resource("M0", 1, ((0, 1, 1),)), *x.resources[1:])),
        lambda x: replace(x, objective=Objective(1, completion=(1,) * len(x.tasks))),
    ],
)
def test_a_model_with_dates_has_no_twin(spoiled: object) -> None:
    instance = spoiled(random_shop(1))  # type: ignore[operator]
    with pytest.raises(InputError, match="no time-reversed twin; use direction=forward"):
        reverse(instance)
    with pytest.raises(InputError, match="direction=forward"):
        FAMILY.solve(instance, "policy:direction=both")


def test_a_policy_on_models_that_it_was_not_trained_on_says_so() -> None:
    pytest.importorskip("torch")
    plain = random_shop(1)
    late = replace(
        plain, tasks=tuple(replace(task, due=3) for task in plain.tasks), objective=Objective(1, lateness=1), name="late"
    )
    (line,) = remarks(FAMILY, [plain, late], parse_method("policy"))
    assert "1 of 2 instances are unlike that (late)" in line


def test_a_policy_in_both_directions_is_the_better_of_two() -> None:
    pytest.importorskip("torch")
    method = parse_method("policy:direction=both")
    FAMILY.validate(method.text)
    better = 0
    for seed in range(12):
        instance = random_shop(seed, 4, 3, 3)
        forward, backward, both = (FAMILY.solve(instance, f"policy:direction={x}") for x in ("forward", "backward", "both"))
        assert both.objective == min(forward.objective, backward.objective) == check(instance, both.schedule)
        assert both.notes["direction"] == "both"
        assert both.notes["samples"] == 2
        better += backward.objective < forward.objective
    assert better
