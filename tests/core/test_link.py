"""The linker: stubs are replaced, constants can be set, and the version knows everything that machine code depends on."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import Any

import pytest

from dispatchgym.envs.core.columns import Columns, markdown_table, stacked
from dispatchgym.envs.core.contract import Kernel
from dispatchgym.envs.core.link import link, problem_functions
from dispatchgym.envs.core.rules import NotLinked, finished, step
from dispatchgym.envs.jobshop import features, rules

DOUBLE = True


class Column(Columns):
    LEFT = "left"
    RIGHT = "r + 1", "right"


def own_step(inst: Any, s: Any, b: int, action: int) -> float:
    return float(2 * action if DOUBLE else action)


def entry(b: int, inst: Any, s: Any) -> float:
    return step(inst, s, b, Column.RIGHT)


def same(function: FunctionType) -> FunctionType:
    return function


def test_a_stub_says_that_it_is_one() -> None:
    with pytest.raises(NotLinked, match="finished"):
        finished(None, None, 0)
    with pytest.raises(NotLinked):
        entry(0, None, None)


def test_stubs_are_replaced_in_copies_and_settings_replace_constants() -> None:
    linked = link([entry], {step: own_step}, same)
    assert linked.entries["entry"](0, None, None) == 2.0
    assert link([entry], {step: own_step}, same, {"DOUBLE": False}).entries["entry"](0, None, None) == 1.0
    with pytest.raises(TypeError, match="no kernel function uses the setting TRIPLE"):
        link([entry], {step: own_step}, same, {"TRIPLE": 1})


def test_the_version_depends_on_code_constants_and_columns_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(settings: dict[str, Any] | None = None, replaced: Any = own_step) -> str:
        return link([entry], {step: replaced}, same, settings).version

    def other_step(inst: Any, s: Any, b: int, action: int) -> float:
        return float(3 * action)

    first = version()
    assert version() == first
    assert version({"DOUBLE": False}) != first
    assert version({"DOUBLE": True}) == first
    assert version(replaced=other_step) != first
    monkeypatch.setitem(globals(), "Column", Columns("Column", {"RIGHT": ("x",), "LEFT": ("y",)}))
    assert version() != first


def test_a_problem_defines_every_function_of_the_contract_once() -> None:
    found = problem_functions(Kernel((rules, features)))
    assert found[step] is rules.step
    with pytest.raises(TypeError, match=r"'candidate' must be defined once in .*, not 0 times"):
        problem_functions(Kernel((rules,)))
    twin = ModuleType(rules.__name__)
    twin.step = rules.step  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"'step' must be defined once in .*, not 2 times"):
        problem_functions(Kernel((rules, features, twin)))


def test_columns_are_their_indices_with_names() -> None:
    assert [int(c) for c in Column] == [0, 1]
    assert stacked(Column, {Column.RIGHT: [3, 4], Column.LEFT: [1, 2]}).tolist() == [[1, 3], [2, 4]]
    assert markdown_table(Column).splitlines()[2:] == ["| 0 | left |  | left |", "| 1 | right | `r + 1` | right |"]
