"""Files of shops and projects: what they mean, round trips, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dispatchgym.instances.cpmodel import catalogue, files
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, ModeLink, Objective, Resource, Task
from dispatchgym.instances.cpmodel.shops import from_job_shop
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue as jobshop

# Two jobs of two operations with two options each: fattahi1, as FJSPLib's documentation gives it in its three forms.
FJSP = "2 2 2\n2 2 1 25 2 37 2 1 32 2 24\n2 2 1 45 2 65 2 1 21 2 65\n"
FAJSP = "4 2 2\n0 1 0\n2 3 1\n2 0 25 1 37\n2 0 32 1 24\n2 0 45 1 65\n2 0 21 1 65\n"
_TIMES = ((25, 37), (32, 24), (45, 65), (21, 65))
FJSPLIB = {
    "instance": "fattahi1",
    "format": "fajsp",
    "operations": [
        {"operation": i, "option": m, "machine": m, "duration": d} for i, row in enumerate(_TIMES) for m, d in enumerate(row)
    ],
    "precedences": [{"before": 0, "after": 1, "job": 0}, {"before": 2, "after": 3, "job": 1}],
}
PATTERSON = "5 2\n4 3\n\n0 0 0 2 2 3\n6 2 1 1 4\n1 0 3 1\n4 5 3 0 1 5\n0 0 0 0\n"
PSPLIB = """************************************************************************
jobs (incl. supersource/sink ):  5
horizon                       : 12
RESOURCES
  - renewable                 :  2   R
  - nonrenewable              :  0   N
  - doubly constrained        :  0   D
************************************************************************
PROJECT INFORMATION:
pronr.  #jobs rel.date duedate tardcost  MPM-Time
    1      3      0       12        0       12
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        2          1           4
   3        1          1           4
   4        1          1           5
   5        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2
------------------------------------------------------------------------
  1      1     0       0    0
  2      1     6       2    1
         2     9       1    0
  3      1     1       0    3
  4      1     5       3    0
  5      1     0       0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  R 2
    4    3
************************************************************************
"""
FULL = CPInstance(
    (
        Task("cut", (Mode(3, ((0, 1),)), Mode(5, ((1, 2),), cost=4)), release=1, group=0),
        Task("glue", (Mode(2, ((1, 1),)),), due=-6),
        Task("dry", (Mode(0), Mode(7)), deadline=40),
    ),
    (Resource("saw", 1, ((4, 6, 1),)), Resource("crew", 3)),
    (Lag(0, 1, "FF", -3), Lag(1, 2, "SS", 3, second_mode=1)),
    (ModeLink(0, 0, 2, (1,)),),
    Objective(makespan=0, completion=(1, 0, 2), tardiness=(0, 3, 0), lateness=2, cost=1, offset=-7),
    horizon=44,
    name="full",
    best_known=50,
)


def test_the_forms_of_a_flexible_shop_give_one_instance() -> None:
    shop = files.parse(FJSP, "fattahi1.fjs")
    assert [[(m.demands, m.duration) for m in task.modes] for task in shop.tasks] == [
        [(((0, 1),), one), (((1, 1),), other)] for one, other in _TIMES
    ]
    assert shop.lags == (Lag(0, 1), Lag(2, 3))
    assert [task.group for task in shop.tasks] == [0, 0, 1, 1]
    assembly = files.parse(FAJSP, "fattahi1.txt")
    assert assembly == files.parse(json.dumps(FJSPLIB), "x.json")
    assert files.shop_text(assembly) == files.shop_text(shop)
    assert [task.modes for task in assembly.tasks] == [task.modes for task in shop.tasks]
    assert [task.group for task in assembly.tasks] == [0, 0, 1, 1]


def test_the_forms_of_a_project_give_its_activities_without_dummies() -> None:
    project = files.parse(PSPLIB, "p.mm")
    assert project.tasks == (
        Task("activity 2", (Mode(6, ((0, 2), (1, 1))), Mode(9, ((0, 1),)))),
        Task("activity 3", (Mode(1, ((1, 3),)),)),
        Task("activity 4", (Mode(5, ((0, 3),)),)),
    )
    assert project.lags == (Lag(0, 2), Lag(1, 2))
    assert [resource.capacity for resource in project.resources] == [4, 3]
    single = files.parse(PATTERSON, "p.rcp")
    assert single.tasks[0].modes == (Mode(6, ((0, 2), (1, 1))),)
    assert single.tasks[1:] == project.tasks[1:]
    assert single.lags == project.lags


@pytest.mark.parametrize("instance", [FULL, catalogue.load("project/n12/m2/s1"), catalogue.load("j301_1")], ids=lambda x: x.name)
def test_json_keeps_everything(instance: CPInstance, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    files.write(instance, path)
    again = files.read(path)
    assert again == instance
    assert (again.name, again.best_known, again.lower_bound) == (instance.name, instance.best_known, instance.lower_bound)


@pytest.mark.parametrize(
    ("name", "suffix"), [("mk01", ".fjs"), ("dafjs02", ".fajsp"), ("j301_2", ".rcp"), ("la01-vdata", ".fjs")]
)
def test_text_forms_are_read_as_they_are_written(name: str, suffix: str, tmp_path: Path) -> None:
    files.write(catalogue.load(name), tmp_path / f"x{suffix}")
    assert files.read(tmp_path / f"x{suffix}") == catalogue.load(name)


def test_a_job_shop_is_the_flexible_shop_without_options() -> None:
    shop = from_job_shop(jobshop.load("ft06"))
    assert files.shop_text(shop) == files.shop_text(catalogue.load("ft06-sdata"))
    assert (shop.lower_bound, shop.best_known) == (55, 55)


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".fjs", "full: is no flexible shop: its objective is not the makespan alone"),
        (".rcp", "full: is no project in Patterson's form: it has links, or another objective than the makespan"),
        (".csv", "x.csv: the suffix must be one of .json, .fjs, .fajsp, .rcp"),
    ],
)
def test_a_form_that_has_no_place_for_something_is_not_written(suffix: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        files.write(FULL, tmp_path / f"x{suffix}")
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


def without(text: str, old: str, new: str = "") -> str:
    assert old in text
    return text.replace(old, new)


BAD = [
    ("x.fjs", "", "x.fjs: is empty"),
    ("x.fjs", "2 2 2 2\n", "x.fjs line 1: 4 numbers, expected jobs, machines and perhaps the mean number of options"),
    ("x.fjs", "0 2\n", "x.fjs line 1: 0 jobs and 2 machines; at most 20000 and 5000 are allowed, at least 1"),
    ("x.fjs", without(FJSP, "1 25", "3 25"), "x.fjs line 2: machine 3 of operation 0 of job 0 is not between 1 and 2"),
    ("x.fjs", without(FJSP, "1 25", "1 2.5"), "x.fjs line 2: number 2.5 of job 0 is not a whole number"),
    ("x.fjs", without(FJSP, " 2 65\n", "\n"), "x.fjs line 3: the line ends within the 2 options of operation 1 of job 1"),
    ("x.fjs", FJSP + "1 1 1 1\n", "x.fjs line 4: one more line than the 2 jobs of the header"),
    ("x.fjs", FJSP[:29], "x.fjs line 2: "),
    (
        "x.txt",
        without(FAJSP, "2 3 1", "3 2 1\n2 3 1").replace("4 2 2", "4 3 2"),
        "x.txt: x: lags form a cycle through tasks 2, 3",
    ),
    ("x.txt", without(FAJSP, "0 1 0", "0 4 0"), "x.txt line 2: operation 4 of precedence 0 is not below 4"),
    ("x.rcp", PATTERSON[:-3], "x.rcp line 8: the file ends, expected the number of successors of activity 5"),
    ("x.rcp", PATTERSON + "1", "x.rcp line 9: more numbers than the header says"),
    ("x.rcp", without(PATTERSON, "6 2 1", "6 5 1"), "x.rcp: demand 5 of activity 2 is above the capacity 4"),
    ("x.rcp", without(PATTERSON, "1 4\n", "1 6\n"), "x.rcp line 5: a successor of activity 2 6 is not between 1 and 5"),
    (
        "x.mm",
        without(PSPLIB, ":  0   N", ":  2   N"),
        "x.mm line 6: 2 nonrenewable resources; only renewable ones are understood",
    ),
    (
        "x.sm",
        without(PSPLIB, "  3      1     1       0    3\n"),
        "x.sm line 27: expected job 3, mode 1, its duration and 2 demands",
    ),
    ("x.sm", PSPLIB[:700], "x.sm line "),
    ("x.sm", PSPLIB + PSPLIB, "x.sm line "),
    ("x.fjs", "1 1 x\n1 1 1 3\n", "x.fjs line 1: the mean number of options x is not a number"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD)
def test_what_is_wrong_is_said_in_one_line(name: str, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        files.parse(text, name)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": []}, "x.json: tasks: 0 entries, expected at least 1"),
        ({"extra": 1}, "x.json: unknown key 'extra'; known are problem, name, horizon, tasks"),
        ({"problem": "jobshop"}, "x.json: 'problem' is 'jobshop', expected 'cpmodel'"),
        ({"tasks": [{"name": "a", "modes": [{"duration": -1}]}]}, "x.json: tasks[0].modes[0].duration: -1 is negative"),
        ({"lags": [{"first": 0, "second": 9}]}, "x.json: x: lag 0: second task 9 is not between 0 and 0"),
        ({"lags": [{"first": 0, "second": 0, "kind": "XX"}]}, "x.json: lags[0].kind: 'XX' is not one of FS, SS, FF, SF"),
        ({"resources": [{"name": "r", "capacity": 0}]}, "x.json: resources[0].capacity: 0 is not between 1 and"),
        ({"objective": {"makespan": 1.5}}, "x.json: objective.makespan: 1.5 is not a whole number"),
        (
            {"tasks": [{"name": "a", "modes": [{"duration": 1, "demands": [[0, 1]]}]}]},
            "x.json: x: task 0 (a): resource of mode 0",
        ),
    ],
)
def test_what_is_wrong_in_json_is_said_in_one_line(change: dict[str, Any], message: str) -> None:
    data = {"tasks": [{"name": "a", "modes": [{"duration": 1}]}], **change}
    with pytest.raises(InputError) as caught:
        files.parse(json.dumps(data), "x.json")
    assert str(caught.value).startswith(message)


def test_bundled_sets_are_whole_and_have_their_bounds() -> None:
    assert len(catalogue.SETS["flexible"]) == 402
    assert len(catalogue.SETS["projects"]) == 1560
    assert set(catalogue.bounds()) == set(catalogue.SETS["flexible"])
    for group in catalogue._STORED:
        assert tuple(catalogue._texts(group)) == catalogue.SETS[group]
        last = catalogue.load(catalogue.SETS[group][-1])
        assert catalogue.group(last.name) == group
    mk = catalogue.load("mk10")
    assert (len(mk.tasks), len(mk.resources), mk.lower_bound, mk.best_known) == (240, 15, 189, 193)
    assert catalogue.expand(["mk01..mk03", "la-vdata", "mk02"])[:4] == ["mk01", "mk02", "mk03", "la01-vdata"]
    assert len(catalogue.expand(["la-vdata"])) == 40


def test_generated_instances_have_one_name_and_their_parameters() -> None:
    assert catalogue.expand(["sd1/m5/j10/s1..s2"]) == ["sd1/j10/m5/s1", "sd1/j10/m5/s2"]
    one = catalogue.load("sd1/j10/m5/s1")
    assert one == catalogue.load("sd1/m5/s1/j10")
    assert one != catalogue.load("sd1/j10/m5/s2")
    for task in one.tasks:
        times = [mode.duration for mode in task.modes]
        assert 1 <= len(times) <= 5
        assert max(times) <= 1.2 / 0.8 * min(times) + 2
    jobs = [sum(task.group == j for task in one.tasks) for j in range(10)]
    assert min(jobs) >= 4
    assert max(jobs) <= 6
    for kind, low, high in (("e", 1.05, 1.25), ("r", 1.85, 2.15), ("v", 4.7, 5.3)):
        shop = catalogue.load(f"hurink-{kind}/j40/m10")
        assert low < shop.modes / len(shop.tasks) < high
        assert all(len({mode.duration for mode in task.modes}) == 1 for task in shop.tasks)


def test_projects_keep_their_network_complexity_and_resource_factor() -> None:
    project = catalogue.load("project/n30/nc1.5/rf0.5/rs0.2/s4")
    sources = 30 - len({lag.second for lag in project.lags})
    sinks = 30 - len({lag.first for lag in project.lags})
    assert len(project.lags) + sources + sinks == round(1.5 * 32)
    assert sum(len(task.modes[0].demands) for task in project.tasks) == 0.5 * 30 * 4
    after: dict[int, set[int]] = {}
    for lag in sorted(project.lags, key=lambda x: -x.first):
        after.setdefault(lag.first, set()).add(lag.second)
    reach: dict[int, set[int]] = {}
    for i in range(29, -1, -1):
        reach[i] = set().union(*({j} | reach[j] for j in after.get(i, ())))
        assert not any(j in reach[k] for j in after.get(i, ()) for k in after.get(i, ()))  # no arrow follows from others
    loose = catalogue.load("project/n30/nc1.5/rf0.5/rs1/s4")
    assert all(a.capacity <= b.capacity for a, b in zip(project.resources, loose.resources, strict=True))
