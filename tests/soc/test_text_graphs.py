"""Task graphs in DOT and STG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dispatchgym import families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue
from dispatchgym.instances.soc import files as soc_files

# The same graph: split (3) sends 7 to work (4) and 0 to join (0); work sends 2 to join.
NETWORKX = """strict digraph  {
split [weight=3];
work [weight=4];
join [weight=0];
split -> work  [weight=7];
split -> join  [weight=0];
work -> join  [weight=2];
}
"""
PYDOT = """digraph "my graph" {
    graph [rankdir=LR];
    node [shape=box, duration="4.0"];
    "split" [duration="3", label="a \\"split\\" -> b"];  // a remark
    /* another
       one */ work;
    join [duration=0]
    split:p:n -> work [volume=7];
    subgraph cluster_0 { color=blue; work -> join [volume=2] }
    split -> { join };
}"""
STG = """          1
    0    3    0
    1    4    1    0
    2    0    2    0    1
# a remark
"""
STG_WITH_COMMUNICATION = "1\n0 3 0\n1 4 1\n0 7\n2 0 2\n0 0\n1 2\n"


def read(text: str, name: str = "x.dot") -> Any:
    return soc_files.parse(text, name)


@pytest.mark.parametrize(
    ("text", "volumes"), [(NETWORKX, [7, 0, 2]), (PYDOT, [7, 0, 2]), (STG, [0, 0, 0]), (STG_WITH_COMMUNICATION, [7, 0, 2])]
)
def test_the_same_graph_in_every_text(text: str, volumes: list[int]) -> None:
    dag = read(text)
    assert dag.duration.tolist() == [[6, 6, 3, 3], [8, 8, 4, 4], [0, 0, 0, 0]]
    assert sorted(map(tuple, dag.edges.tolist())) == sorted(zip([0, 0, 1], [1, 2, 2], volumes, strict=True))
    assert dag.tasks == (("0", "1", "2") if text in (STG, STG_WITH_COMMUNICATION) else ("split", "work", "join"))
    assert dag.name == "x"


def test_heft_gives_the_same_for_a_dot_file_and_for_its_copy_in_our_own_format(tmp_path: Path) -> None:
    (tmp_path / "mine.gv").write_text(NETWORKX)
    card = families.load("static-dag")
    (name,) = card.expand([str(tmp_path / "mine.gv")], None)
    dag = card.load(name)
    soc_files.write(dag, tmp_path / "own.json")
    assert card.solve(dag, "heft").objective == card.solve(card.load(str(tmp_path / "own.json")), "heft").objective == 7
    with pytest.raises(InputError, match="no such file"):
        catalogue.load_static(str(tmp_path / "none.stg"))


def test_chains_and_groups_are_edges() -> None:
    dag = read("digraph { node [time=1] a -> b -> {c d} -> e; }")
    assert sorted(dag.edges[:, :2].tolist()) == [[0, 1], [1, 2], [1, 3], [2, 4], [3, 4]]


BAD = [
    (" " * 9_000 + "digraph", "x.dot"),
    ("digraph {" + ";" * 2**23 + "}", "x.dot: is larger than 8388608 characters"),
    ("graph { a -- b }", "x.dot line 1: an undirected graph does not say what comes first"),
    ("digraph { a [time=1]\na -- b }", "x.dot line 2: an edge -- does not say what comes first"),
    ("digraph { a }", "node 'a' has none of duration, runtime, time, cost, weight"),
    ("digraph { a [time=1.5] }", "node 'a': time '1.5' is not a whole number of ticks"),
    ("digraph { a [time=99999999999] }", "is not a whole number of ticks below 2**30"),
    ("digraph { a [time=1] b [time=1] a -> b [weight=x] }", "edge 'a' -> 'b': weight 'x' is not"),
    ("digraph { a [time=1] ", "x.dot: ends before its graph does"),
    ("digraph { a [time=<b>] }", "line 1: '<b>] }' is not DOT"),
    ("digraph { } }", "nothing may follow the graph"),
    ("digraph { }", "x.dot: has no nodes"),
    ("digraph { node [time=1] a -> b -> a }", "x.dot: x: no head"),
    ("digraph " + "{" * 100, "groups are nested deeper than 50"),
    ("digraph { = }", "'=' stands where a name is expected"),
    ("2\n0 1 0\n", "x.dot: its numbers are not 2 or 4 tasks"),
    ("1\n0 1 1 5\n", "x.dot: task 0: predecessor 5 is not a task"),
    ("2\n0 1 0\n0 1 0\n", "x.dot: task 0 is given twice"),
    ("999999999\n0 1 0\n", "tasks are more than"),
    ("1\n0 -1 0\n", "x.dot line 2: '-1' is not a whole number"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_wrong_files_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
