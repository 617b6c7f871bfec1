"""Problems of PyJobShop in JSON, in the form of its `ProblemData.to_json`; what is not understood is named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from dispatchgym.baselines.cpmodel.cpsat import cpsat
from dispatchgym.instances.cpmodel import files
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, ModeLink, Objective, Resource
from dispatchgym.instances.errors import InputError

FOREVER = 2**42


def task(job: int | None, **fields: Any) -> dict[str, Any]:
    plain = {"job": job, "earliest_start": 0, "latest_start": FOREVER, "earliest_end": 0, "latest_end": FOREVER}
    return {**plain, "allow_idle": False, "allow_breaks": False, "optional": False, "name": "", **fields}


def job(tasks: list[int], **fields: Any) -> dict[str, Any]:
    return {"weight": 1, "release_date": 0, "deadline": FOREVER, "due_date": None, "tasks": tasks, "name": "", **fields}


# Two jobs on two machines and a crew of three; the second job has two last tasks.
DATA: dict[str, Any] = {
    "jobs": [job([0, 1], due_date=5, weight=2), job([2, 3, 4], release_date=2, due_date=8, deadline=40)],
    "resources": [
        {"breaks": [[4, 6]], "no_idle": False, "name": "saw", "type": "machine"},
        {"breaks": [], "no_idle": False, "name": "lathe", "type": "machine"},
        {"capacity": 3, "breaks": [], "name": "crew", "type": "renewable"},
    ],
    "tasks": [task(0, name="cut"), task(0), task(1), task(1, earliest_start=3), task(1, latest_end=30)],
    "modes": [
        {"task": 0, "resources": [0], "duration": 3, "demands": [0], "name": ""},
        {"task": 0, "resources": [2, 1], "duration": 4, "demands": [2, 0], "name": ""},
        {"task": 1, "resources": [1], "duration": 2, "demands": [0], "name": ""},
        {"task": 2, "resources": [0], "duration": 1, "demands": [0], "name": ""},
        {"task": 2, "resources": [1], "duration": 1, "demands": [0], "name": ""},
        {"task": 3, "resources": [1], "duration": 2, "demands": [0], "name": ""},
        {"task": 3, "resources": [0], "duration": 2, "demands": [0], "name": ""},
        {"task": 4, "resources": [2], "duration": 2, "demands": [1], "name": ""},
    ],
    "constraints": {
        "end_before_start": [{"task1": 0, "task2": 1, "delay": 1}, {"task1": 2, "task2": 3, "delay": 0}],
        "start_before_end": [{"task1": 2, "task2": 4, "delay": 0}],
        "identical_resources": [{"task1": 2, "task2": 3}],
        "mode_dependencies": [{"mode1": 0, "modes2": [4]}],
        "setup_times": [],
    },
    "objective": {"weight_makespan": 1, "weight_total_flow_time": 0, "weight_total_tardiness": 3, "weight_max_tardiness": 0},
}


def read(**changes: Any) -> CPInstance:
    return files.parse(json.dumps({**copy.deepcopy(DATA), **changes}), "shop.json")


def test_a_problem_is_read() -> None:
    instance = read()
    assert instance.resources == (Resource("saw", 1, ((4, 6, 1),)), Resource("lathe", 1), Resource("crew", 3))
    assert [t.name for t in instance.tasks] == ["cut", "task 1", "task 2", "task 3", "task 4", "end of job 1"]
    assert instance.tasks[0].modes == (Mode(3, ((0, 1),)), Mode(4, ((1, 1), (2, 2))))
    assert [(t.release, t.deadline, t.due, t.group) for t in instance.tasks] == [
        (0, None, None, 0),
        (0, None, 5, 0),
        (2, 40, None, 1),
        (3, 40, None, 1),
        (2, 30, None, 1),
        (0, None, 8, 1),
    ]
    assert instance.lags == (Lag(0, 1, "FS", 1), Lag(2, 3), Lag(2, 4, "SF"), Lag(3, 5), Lag(4, 5))
    # Tasks 2 and 3 share their machine; the saw for the first task means the lathe for task 2.
    assert set(instance.links) == {ModeLink(2, 0, 3, (1,)), ModeLink(2, 1, 3, (0,)), ModeLink(0, 0, 2, (1,))}
    assert instance.objective == Objective(makespan=1, tardiness=(0, 6, 0, 0, 0, 3))
    # By hand: cut in 0-3; the lathe has task 2 in 2-3, task 1 in 4-6 (1 late, which costs 6) and task 3 in 6-8.
    assert cpsat(instance).objective == 8 + 6


def test_modes_without_a_partner_are_left_out() -> None:
    instance = read(constraints={"different_resources": [{"task1": 1, "task2": 2}, {"task1": 1, "task2": 3}]})
    assert [len(t.modes) for t in instance.tasks[:5]] == [2, 1, 1, 1, 1]
    assert instance.links == ()
    same = {"identical_resources": [{"task1": 1, "task2": 2}], "different_resources": [{"task1": 1, "task2": 2}]}
    with pytest.raises(InputError, match=r"^shop.json: no mode of task 1 can be chosen: there is no schedule$"):
        read(constraints=same)


def test_flow_time_and_maximum_tardiness() -> None:
    jobs = [job([0, 1], due_date=5), job([2, 3], release_date=2, due_date=8), job([4], due_date=3)]
    constraints = {"end_before_start": DATA["constraints"]["end_before_start"]}
    instance = read(jobs=jobs, constraints=constraints, objective={"weight_total_flow_time": 2, "weight_max_tardiness": 5})
    assert instance.objective == Objective(makespan=0, completion=(0, 2, 0, 2, 2, 0), lateness=5, offset=-4)
    assert [t.due for t in instance.tasks] == [None, 5, None, 8, 3, 0]  # the last is a task that is never late
    assert read(objective={"weight_makespan": 0}).objective == Objective(makespan=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"resources": [{"capacity": 3, "type": "consumable"}, *DATA["resources"][1:]]},
            "resources[0].type: resources of the type 'consumable' are not understood; machine and renewable are",
        ),
        (
            {"resources": [{"type": "machine", "no_idle": True}, *DATA["resources"][1:]]},
            "resources[0].no_idle: machines without idle",
        ),
        ({"tasks": [task(0, optional=True), *DATA["tasks"][1:]]}, "tasks[0].optional: tasks with optional are not understood"),
        ({"tasks": [task(0, allow_breaks=True), *DATA["tasks"][1:]]}, "tasks[0].allow_breaks: tasks with allow_breaks are not"),
        (
            {"tasks": [task(0, latest_start=9), *DATA["tasks"][1:]]},
            "tasks[0].latest_start: a latest start of a task with modes of",
        ),
        (
            {"constraints": {"same_sequence": [{"machine1": 0, "machine2": 1}]}},
            "constraints['same_sequence'][0]: constraints 'same_sequence' are not understood; understood are start_before_start",
        ),
        ({"constraints": {"setup_times": [{"machine": 0}]}}, "constraints['setup_times'][0]: constraints 'setup_times' are not"),
        (
            {"constraints": {"mode_dependencies": [{"mode1": 0, "modes2": [2, 4]}]}},
            "constraints['mode_dependencies'][0]: a dependency",
        ),
        ({"objective": {"weight_tardy_jobs": 1}}, "objective['weight_tardy_jobs']: the objective tardy_jobs is not understood;"),
        (
            {"modes": [{"task": 0, "resources": [0], "duration": 0}]},
            "modes[0]: a mode of no duration on a machine is not understood",
        ),
        ({"modes": DATA["modes"][:3]}, "tasks[2]: has no mode"),
        ({"extra": 3}, "unknown key 'extra'; known are jobs, resources"),
    ],
)
def test_what_is_not_understood_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(**changes)
    assert str(caught.value).startswith(f"shop.json: {message}")
    assert str(caught.value).isprintable()
