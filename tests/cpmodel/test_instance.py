"""The normal form: what is an instance, and one line for what is none."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from dispatchgym.instances.cpmodel.instance import (
    CPInstance,
    Lag,
    Mode,
    ModeLink,
    Objective,
    Resource,
    Task,
    placing_order,
    safe_horizon,
)
from dispatchgym.instances.errors import InputError

MACHINES = (Resource("saw", 1, breaks=((4, 6, 1),)), Resource("crew", 3))
CUT = Task("cut", (Mode(3, ((0, 1),)), Mode(5, ((1, 2),), cost=4)), release=1)
GLUE = Task("glue", (Mode(2, ((1, 1),)),), due=6)
DRY = Task("dry", (Mode(0), Mode(7)), deadline=40)
LAGS = (Lag(0, 1), Lag(1, 2, "SS", 3, second_mode=1))
LINKS = (ModeLink(0, 0, 2, (1,)),)
SMALL = CPInstance(
    (CUT, GLUE, DRY), MACHINES, LAGS, LINKS, Objective(completion=(1, 0, 2), tardiness=(0, 3, 0), cost=1), name="s"
)


def test_an_instance_is_a_value() -> None:
    again = pickle.loads(pickle.dumps(SMALL))
    assert again == SMALL
    assert hash(again) == hash(SMALL)
    assert dataclasses.replace(SMALL, name="other", best_known=3) == SMALL
    assert dataclasses.replace(SMALL, lags=LAGS[:1]) != SMALL
    assert SMALL.modes == 5
    assert repr(SMALL) == "CPInstance('s', tasks=3, modes=5, resources=2)"


def test_the_horizon_leaves_room_for_every_active_schedule() -> None:
    # The break ends at 6, the longest modes are 5, 2 and 7, and a lag of 3 leads to the last task.
    assert SMALL.horizon == safe_horizon(SMALL) == 6 + 14 + 3
    assert dataclasses.replace(SMALL, horizon=11).horizon == 11


def test_tasks_are_ordered_along_their_lags() -> None:
    tasks = tuple(Task(f"t{i}", (Mode(1),)) for i in range(4))
    assert placing_order(CPInstance(tasks, lags=(Lag(3, 0), Lag(0, 2, "FF")))) == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ()}, "s: there is no task"),
        ({"tasks": (CUT, GLUE, Task("dry", ()))}, "s: task 2 (dry): has no mode"),
        (
            {"tasks": (CUT, GLUE, Task("", (Mode(1), Mode(1))))},
            "s: task 2: name '' is not a text of 1 to 120 printable characters",
        ),
        ({"tasks": (CUT, GLUE, Task("dry", (Mode(1), Mode(-1))))}, "s: task 2 (dry): duration of mode 1 -1 is negative"),
        (
            {"tasks": (CUT, GLUE, Task("dry", (Mode(1), Mode(2**30))))},
            f"s: task 2 (dry): duration of mode 1 {2**30} is not between 0 and {2**30 - 1}",
        ),
        (
            {"tasks": (CUT, GLUE, Task("dry", (Mode(1), Mode(1, ((1, 4),)))))},
            "s: task 2 (dry): demand of mode 1 on resource 1 of capacity 3: 4 is not between 1 and 3",
        ),
        (
            {"tasks": (CUT, GLUE, Task("dry", (Mode(1), Mode(1, ((1, 1), (0, 1))))))},
            "s: task 2 (dry): resources of mode 1 are not ascending (0 after 1)",
        ),
        (
            {"tasks": (CUT, GLUE, Task("dry", (Mode(3), Mode(4)), release=2, deadline=4))},
            "s: task 2 (dry): release 2 and duration 3 pass the deadline 4",
        ),
        (
            {"resources": (Resource("saw", 1, ((4, 6, 1), (5, 7, 1))), MACHINES[1])},
            "s: resource 0 (saw): breaks use 2 at 5, more than the capacity 1",
        ),
        ({"resources": (Resource("saw", 1, ((4, 4, 1),)), MACHINES[1])}, "s: resource 0 (saw): end of the break at 4 4"),
        ({"lags": (Lag(0, 1), Lag(1, 2, "SS", -9), Lag(2, 0, "FF", -9))}, "s: lags form a cycle through tasks "),
        ({"lags": (Lag(0, 0),)}, "s: lag 0: is from task 0 to itself"),
        ({"lags": (Lag(0, 3),)}, "s: lag 0: second task 3 is not between 0 and 2"),
        ({"lags": (Lag(0, 1, "ES"),)}, "s: lag 0: kind 'ES' is not one of FS, SS, FF, SF"),
        ({"lags": (Lag(0, 1, first_mode=2),)}, "s: lag 0: first mode 2 is not between 0 and 1"),
        ({"links": (ModeLink(0, 0, 2, (0, 1)),)}, "s: link 0: 2 of 2 modes of task 2, expected some and not all"),
        ({"objective": Objective(tardiness=(1, 0, 0))}, "s: objective: weight of tardiness of task 0, which has no due date"),
        ({"objective": Objective(completion=(1,))}, "s: objective: 1 weights of completion for 3 tasks"),
        ({"objective": Objective(makespan=-1)}, "s: objective: weight of makespan -1 is negative"),
        ({"lower_bound": 9, "best_known": 8}, "s: lower bound 9 is above the best known objective 8"),
        ({"horizon": 2**30}, f"s: horizon {2**30} is not between 0 and {2**30 - 1}"),
        ({"name": "a\nb"}, "a\\nb: instance: name 'a\\nb' is not a text"),
    ],
)
def test_what_is_no_instance_is_refused_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        dataclasses.replace(SMALL, **change)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_cycle_is_named() -> None:
    tasks = tuple(Task(f"t{i}", (Mode(1),)) for i in range(5))
    with pytest.raises(InputError, match=r"cycle through tasks (1, 3, 4|3, 4, 1|4, 1, 3)$"):
        CPInstance(tasks, lags=(Lag(0, 1), Lag(1, 3), Lag(3, 4), Lag(4, 1), Lag(4, 2)))


def test_objectives_stay_below_the_largest_number() -> None:
    with pytest.raises(InputError, match=r"values of 2\*\*62 or more are possible"):
        CPInstance(
            (Task("t", (Mode(2**25),)),) * 9,
            objective=Objective(completion=(2**30 - 1,) * 9, makespan=2**30 - 1),
            horizon=2**30 - 1,
        )
