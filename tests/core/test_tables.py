"""Tables of arrays: kernels read through an address what numpy holds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from dispatchgym.envs.core import numba_patches
from dispatchgym.envs.core.link import small
from dispatchgym.envs.core.tables import TableType, table_of, with_table
from dispatchgym.envs.core.targets import compile_entries


class Arrays(NamedTuple):
    number: int
    share: float
    line: Any
    square: Any
    cube: Any


def arrays(square: Any) -> Arrays:
    cube = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    return Arrays(3, 0.25, np.arange(5, dtype=np.int8), square, cube)


def gather(b: int, x: Arrays, out: Any) -> None:
    """Every kind of access that kernels use."""
    out[b, 0] = x.number + x.share
    out[b, 1] = x.line[4] + x.line.shape[0] + x.line.size
    out[b, 2] = x.square[1, 2]
    out[b, 3] = x.cube[1, 2, 3] + x.cube.shape[2]
    row = x.square[1]
    total = 0
    for j in range(row.shape[0]):
        total += row[j]
    out[b, 4] = total
    x.line[b] += 1
    x.cube[b, 1, :] = 7


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("turned", [False, True], ids=["contiguous", "transposed"])
def test_compiled_reads_and_writes_are_those_of_python(kept: bool, turned: bool) -> None:
    square = np.arange(12).reshape(4, 3).T if turned else np.arange(12).reshape(3, 4)
    found = []
    for target in ("python", "cpu"):
        x, out = arrays(square), np.zeros((2, 5))
        launch = compile_entries((gather,), target)["gather"]  # type: ignore[arg-type]
        launch(2, with_table(x) if kept else x, out)
        found.append((out.tolist(), x.line.tolist()))
    assert found[0] == found[1]
    assert found[0][0][0] == [3.25, 14.0, square[1, 2], 27.0, float(square[1].sum())]
    assert found[0][1] == [1, 2, 2, 3, 4]


def test_kinds_differ_by_what_the_machine_code_depends_on() -> None:
    plain = arrays(np.zeros((3, 4)))
    others = (plain._replace(square=np.zeros((4, 3)).T), plain._replace(line=np.arange(5)), plain._replace(share=1))
    kinds = [table_of(x).kind for x in (plain, *others)]
    assert len(set(kinds)) == 4
    assert table_of(plain._replace(square=np.ones((30, 40)))).kind == kinds[0], "sizes are no part of the type"
    assert TableType(kinds[0].fields) == kinds[0], "machine code kept on disk is found by an equal type"


def test_a_kept_table_is_made_once_and_not_inherited() -> None:
    kept = with_table(arrays(np.zeros((3, 4))))
    assert table_of(kept) is table_of(kept)
    assert isinstance(kept, Arrays)
    other = kept._replace(line=np.arange(5, dtype=np.int8))
    assert table_of(other).words[2] == other.line.__array_interface__["data"][0]


def leaf(n: int) -> int:
    return n + 1


def trunk(n: int) -> int:
    return leaf(n) * leaf(n + 1) + leaf(n + 2) * leaf(n + 3) - leaf(n + 4) * leaf(n + 5)


def root(b: int, out: Any) -> None:
    out[b] = trunk(b) + trunk(b + 1) + leaf(b)


def test_parts_of_a_kernel_get_no_machine_code_and_lookups_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where a new numba no longer has what numba_patches replaces: kernels still work then, and compile more slowly."""
    import numba
    from numba.core.types import functions

    part = numba.njit(_nrt=False, no_cpython_wrapper=True)(leaf)

    def whole(n):  # type: ignore[no-untyped-def]
        return part(n) + part(n) + part(n) + part(n) + part(n) + part(n)

    asked = []
    original = functions.BaseFunction.get_call_type
    monkeypatch.setattr(functions.BaseFunction, "get_call_type", lambda self, *args: asked.append(args) or original(self, *args))
    outer = numba.njit(_nrt=False)(whole)
    with numba_patches.for_kernels(("leaf",), "whole", {}, once=False):
        outer.compile((numba.int64,))
    assert functions.BaseFunction.get_call_type is not original, "put back as it was"
    (inner,) = part.overloads.values()
    assert type(inner.library).__name__ == "Part"
    assert outer(4) == 30
    additions = [args for args in asked if args[1] == (numba.int64, numba.int64)]
    assert len(additions) <= 2, "the same sum was looked up at every place"


def test_what_is_copied_to_its_callers() -> None:
    assert leaf.__code__ in small((root,), {}, 20)
    assert trunk.__code__ not in small((root,), {}, 20), "large, and called twice"
    assert trunk.__code__ in small((root,), {}, 200)
    assert root.__code__ in small((root,), {}, 1), "called at one place"
    out = np.zeros(3, np.int64)
    compile_entries((root,), "cpu")["root"](3, out)
    assert out.tolist() == [trunk(b) + trunk(b + 1) + leaf(b) for b in range(3)]
