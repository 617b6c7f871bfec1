"""NamedTuples of arrays as kernels on the CPU see them: one address of a table with the place and shape of every array.

numba would pass such a tuple array by array: some 500 arguments for a kernel, unpacked at every call from Python and passed on
to every function of the kernel, which took most of the time to compile. A table is filled once; `s.x` in a kernel reads what it
needs from it. Tables do not change while a kernel runs, and the compiler is told so, so it keeps what it read in registers.

    word of an array's entry   0      1             2 ...           2 + dimensions ...
                               data   size (items)  shape (items)   strides (bytes)

A number's entry is one word.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import typeof, types
from numba.core import config
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    unbox,
)

from dispatchgym.envs.core.table_items import WORD, ItemsType, whole_array, word


class TableType(types.Type):
    """The type of a table: the names and types of its entries."""

    def __init__(self, fields: tuple[tuple[str, types.Type], ...]) -> None:
        self.fields = fields
        self.types, self.places = dict(fields), {}
        words = 0
        for name, kind in fields:
            self.places[name] = words
            words += _words(kind)
        self.bytes = WORD * words
        super().__init__(name="Table({})".format(", ".join(f"{name}: {kind}" for name, kind in fields)))


def _words(kind: types.Type) -> int:
    return 2 + 2 * kind.ndim if isinstance(kind, types.Array) else 1


register_model(TableType)(models.OpaqueModel)


def checked() -> bool:
    """Whether numba is to check all indices (NUMBA_BOUNDSCHECK=1), which its own arrays do."""
    options: Any = config
    return bool(options.BOUNDSCHECK)


@infer_getattr
class TableAttributes(AttributeTemplate):
    key = TableType

    def generic_resolve(self, kind: TableType, name: str) -> types.Type | None:  # type: ignore[override]
        entry = kind.types.get(name)
        if isinstance(entry, types.Array) and not checked():  # numba's arrays check their indices
            return ItemsType(name, entry, kind.places[name])
        return entry


@lower_getattr_generic(TableType)
def read_entry(context: Any, builder: Any, kind: TableType, table: Any, name: str) -> Any:
    """The array (or number) of that name."""
    entry, first = kind.types[name], kind.places[name]
    if not isinstance(entry, types.Array):
        return word(builder, table, first, context.get_value_type(entry))
    return whole_array(context, builder, entry, first, table) if checked() else table


@unbox(TableType)
def take_address(kind: TableType, number: Any, c: Any) -> Any:
    return NativeValue(c.pyapi.long_as_voidptr(number))


class Table(NamedTuple):
    kind: TableType
    number: int  # of the kind in this process: found faster than the kind itself
    address: int
    words: Any  # keeps the memory


def table_of(arrays: Any) -> Table:
    """The table of a NamedTuple of numpy arrays and numbers. What `with_table` returned keeps it; others get one for the call."""
    kept = getattr(arrays, "_table", None)
    if kept is not None:
        return kept
    words: list[int] = []
    looks: list[Any] = []
    for x in arrays:
        if isinstance(x, np.ndarray):
            words += (x.__array_interface__["data"][0], x.size, *x.shape, *x.strides)
            looks.append((x.dtype, x.ndim, x.flags.c_contiguous, x.flags.writeable))
        elif isinstance(x, float):
            words.append(int(np.float64(x).view(np.int64)))
            looks.append(float)
        else:
            words.append(int(x))
            looks.append(int)
    memory = np.array(words, np.int64)
    kind = _kind(type(arrays)._fields, tuple(looks))
    return Table(kind, id(kind), memory.__array_interface__["data"][0], memory)


@cache
def _kind(names: tuple[str, ...], looks: tuple[Any, ...]) -> TableType:
    numbers = {float: types.float64, int: types.int64}

    def entry(look: Any) -> types.Type:
        if look in numbers:
            return numbers[look]
        dtype, dimensions, contiguous, writeable = look
        of = typeof(np.empty((), dtype)).dtype
        return types.Array(of, dimensions, "C" if contiguous else "A", readonly=not writeable)

    return TableType(tuple(zip(names, map(entry, looks), strict=True)))


def with_table(arrays: Any) -> Any:
    """The same NamedTuple with its table kept. Its arrays must keep their memory (no `resize`)."""
    base: Any = type(arrays)
    kept = _keeping(base)(*arrays)
    kept._table = table_of(arrays)
    return kept


@lru_cache(maxsize=256)
def _keeping(base: Any) -> Any:
    return base if hasattr(base, "_table") else type(base.__name__, (base,), {"_table": None, "__module__": base.__module__})
