"""What reports draw: boxes that are the schedule, and slack that is exactly what a box can be late by."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from dispatchgym import families
from dispatchgym.families.model_scenes import profiles
from dispatchgym.families.shop_scenes import blocking_shop, job_shop
from dispatchgym.report.scene import Scene
from dispatchgym.report.slack import Arc, in_turn, slack

# Family -> an instance with the command's own names, and a method.
CASES = {
    "jobshop": ("ft06", "spt"),
    "blocking": ("la01/bws", "mwkr"),
    "soc": ("gym-ds3-5,horizon=400/s0", "etf"),
    "static-dag": ("topcuoglu/v20/ccr1/s0", "heft"),
    "memory-pack": ("minimalloc-example", "size"),
    "memory-map": ("alexnet-b1", "xla"),
    "cpmodel": ("j301_1", "lft"),
}


def solved(family: str, name: str, method: str) -> tuple[Any, Any, Any]:
    card = families.load(family)
    instance = card.load(card.expand([name], None)[0])
    return card, instance, card.solve(instance, method).schedule


def test_every_family_has_a_case() -> None:
    assert set(CASES) == set(families.NAMES)


@pytest.mark.parametrize("family", CASES)
def test_the_boxes_are_the_table_of_the_schedule(family: str) -> None:
    card, instance, schedule = solved(family, *CASES[family])
    scenes: list[Scene] = card.scenes(instance, schedule)
    table = card.table(instance, schedule)
    first = scenes[0]
    assert sorted(zip(first.left, first.right, strict=True)) == sorted(zip(table["start"], table["end"], strict=True))
    for scene in scenes:
        count = len(scene.left)
        lists = [scene.right, scene.low, scene.high, scene.name, scene.colour, *scene.columns.values()]
        lists += [some for some in (scene.slack, scene.key, scene.solid) if some is not None]
        assert {len(some) for some in lists} == {count}
        assert all(a <= b for a, b in zip(scene.left, scene.right, strict=True))
        assert all(0 <= colour < len(scene.palette) for colour in scene.colour)
        assert all(not scene.rows or 0 <= row < len(scene.rows) for row in scene.low)
        known = [value for value in scene.slack or () if value is not None]
        assert min(known, default=0) == 0  # something is critical, and nothing is late already


def pushed(start: list[int], arcs: list[Arc], box: int, by: int) -> list[int]:
    """The starts when one box begins later and the others make room, by plain passes over all arcs."""
    found = list(start)
    found[box] += by
    for _ in range(len(start) + 1):
        for a, b, lag in arcs:
            found[b] = max(found[b], found[a] + lag)
    return found


def test_slack_is_the_largest_delay_that_costs_nothing() -> None:
    rng = random.Random(1)
    for _ in range(20):
        ticks = [rng.randint(0, 9) for _ in range(12)]
        arcs = [(a, b, ticks[a]) for a in range(12) for b in range(a + 1, 12) if rng.random() < 0.2]
        start = pushed([rng.randint(0, 3) for _ in ticks], arcs, 0, 0)
        end = max(s + d for s, d in zip(start, ticks, strict=True))
        for box, room in enumerate(slack(start, [end - d for d in ticks], arcs)):
            assert room is not None
            on_time, late = (pushed(start, arcs, box, by) for by in (room, room + 1))
            assert max(s + d for s, d in zip(on_time, ticks, strict=True)) == end
            assert max(s + d for s, d in zip(late, ticks, strict=True)) > end


def test_boxes_without_a_limit_have_no_slack_and_circles_of_a_no_wait_shop_end() -> None:
    assert slack([0, 5], [None, None], [(0, 1, 5)]) == [None, None]
    assert slack([0, 5], [None, 7], [(0, 1, 5), (1, 0, -5)]) == [2, 2]
    assert in_turn([0, 1, 0, 0], [4, 0, 0, 2], [6, 9, 2, 4]) == [(2, 3), (3, 0)]


def test_a_job_shop_has_a_critical_path_from_the_start_to_the_makespan() -> None:
    card, instance, schedule = solved("jobshop", "ft06", "spt")
    (scene,) = job_shop(instance, schedule)
    assert scene.slack is not None
    critical = [i for i, room in enumerate(scene.slack) if room == 0]
    assert scene.marks["makespan"] == card.check(instance, schedule) == max(scene.right[i] for i in critical)
    assert min(scene.left[i] for i in critical) == 0
    ends = {scene.right[i] for i in critical} | {0}
    assert all(scene.left[i] in ends for i in critical)


def test_a_blocking_shop_is_pale_while_it_blocks_and_has_slack_unless_it_is_interrupted() -> None:
    _, instance, schedule = solved("blocking", "la01/bws", "mwkr")
    (scene,) = blocking_shop(instance, schedule)
    assert scene.solid is not None
    assert any(a < b for a, b in zip(scene.solid, scene.right, strict=True))
    assert scene.slack is not None
    _, instance, schedule = solved("blocking", "la01/bws/p0.05/t0", "mwkr")
    (scene,) = blocking_shop(instance, schedule)
    assert scene.slack is None
    assert scene.shade


def test_profiles_of_resources_add_up_to_what_tasks_and_breaks_use() -> None:
    _, instance, schedule = solved("cpmodel", "j301_1", "lft")
    resource = dataclasses.replace(instance.resources[0], breaks=((2, 5, 3), (900, 990, 1)))
    instance = dataclasses.replace(instance, resources=(resource, *instance.resources[1:]), horizon=0)
    (scene,) = profiles(instance, schedule)
    ends = [s + t.modes[0].duration for s, t in zip(schedule.start.tolist(), instance.tasks, strict=True)]
    assert max(scene.right) <= max(ends)
    for r, resource in enumerate(instance.resources):
        boxes = [n for n, name in enumerate(scene.columns["resource"]) if name == resource.name]
        area = sum((scene.right[n] - scene.left[n]) * scene.columns["in use"][n] for n in boxes)
        tasks = sum(t.modes[0].duration * dict(t.modes[0].demands).get(r, 0) for t in instance.tasks)
        assert area == tasks + (9 if r == 0 else 0)
        top = scene.levels[f"{resource.name} ({resource.capacity})"]
        assert all(scene.high[n] - scene.low[n] == pytest.approx(scene.columns["in use"][n] / resource.capacity) for n in boxes)
        assert all(scene.low[n] == pytest.approx(top - 1) for n in boxes)
    _, shop, plan = solved("cpmodel", "mk01", "mwkr")
    assert profiles(shop, plan) == []
