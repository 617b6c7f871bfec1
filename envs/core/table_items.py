"""An array of a table, read and written where it lies: `s.x[b, j]` is an address, a load, and nothing else.

numba's own array is a record of seven parts that would be put together at each `s.x` and taken apart at each `[b, j]`: most of a
kernel's intermediate code. Here `s.x` is the table itself under another type, so the compiler knows the array that an access goes
to, and says to the optimiser that arrays of different fields do not overlap (type-based alias analysis). Where a kernel takes a
part of an array (`s.x[b]`), or passes one to a function that wants an array, numba's is made.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, Signature, infer_getattr, infer_global, signature
from numba.extending import lower_builtin, lower_cast, lower_getattr, models, register_model

WORD = 8  # bytes
ALIAS_ROOT = "dispatchgym"


class ItemsType(types.Type):
    """An array of type `array` whose entry is at word `first` of a table."""

    def __init__(self, field: str, array: types.Array, first: int) -> None:
        self.field, self.array, self.first = field, array, first
        super().__init__(name=f"Items({field}: {array} at {first})")

    def can_convert_to(self, context: Any, other: types.Type) -> Conversion | None:
        return Conversion.safe if other == self.array else None

    def unify(self, context: Any, other: types.Type) -> types.Type | None:
        of = other.array if isinstance(other, ItemsType) else other
        return self.array if of == self.array else None


register_model(ItemsType)(models.OpaqueModel)


def word(builder: Any, table: Any, n: int, as_type: ir.Type) -> Any:
    """Word `n` of a table; it does not change while a kernel runs."""
    place = cgutils.pointer_add(builder, table, WORD * n, as_type.as_pointer())
    value = builder.load(place)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def whole_array(context: Any, builder: Any, array: types.Array, first: int, table: Any) -> Any:
    """numba's array, put together from the words of its entry."""
    long = ir.IntType(64)
    layout = context.get_value_type(array)
    names = context.data_model_manager[array]._fields
    parts: dict[str, Any] = {
        "nitems": word(builder, table, first + 1, long),
        "itemsize": ir.Constant(long, context.get_abi_sizeof(context.get_data_type(array.dtype))),
        "data": word(builder, table, first, layout.elements[names.index("data")]),
        "shape": _words(builder, table, first + 2, array.ndim),
        "strides": _words(builder, table, first + 2 + array.ndim, array.ndim),
    }
    made: Any = cgutils.get_null_value(layout)  # no owner
    for field, value in parts.items():
        made = builder.insert_value(made, value, names.index(field))
    return made


def _words(builder: Any, table: Any, first: int, count: int) -> Any:
    return cgutils.pack_array(builder, [word(builder, table, first + d, ir.IntType(64)) for d in range(count)])


def _kinds(index: Any) -> Sequence[types.Type]:
    """The types of the numbers in an index."""
    kinds: Any = index
    return tuple(kinds.types) if isinstance(index, types.BaseTuple) else (kinds,)


def _is_item(items: ItemsType, index: types.Type) -> bool:
    """Whether the index names one item, not a part of the array."""
    kinds = _kinds(index)
    return len(kinds) == items.array.ndim and all(isinstance(k, (types.Integer, types.IntEnumMember)) for k in kinds)


def signature_of(function: Any, context: Any, args: Any) -> Signature | None:
    """What `items[index]` and `items[index] = value` mean; None for other functions and for what they cannot mean."""
    if function is operator.getitem and len(args) == 2:
        return _getting(context, *args)
    if function is operator.setitem and len(args) == 3:
        return _setting(context, *args)
    return None


def _of_array(context: Any, function: Any, items: ItemsType, *others: types.Type) -> Signature | None:
    """What numba does with the whole array."""
    found: Signature | None = context.resolve_function_type(function, (items.array, *others), {})
    return found


def _getting(context: Any, items: ItemsType, index: types.Type) -> Signature | None:
    if _is_item(items, index):
        return signature(items.array.dtype, items, index)
    return _of_array(context, operator.getitem, items, index)


def _setting(context: Any, items: ItemsType, index: types.Type, value: types.Type) -> Signature | None:
    if not _is_item(items, index):
        found = _of_array(context, operator.setitem, items, index, value)
        return found and signature(types.none, items, *found.args[1:])
    if not items.array.mutable or not context.can_convert(value, items.array.dtype):
        return None
    return signature(types.none, items, index, value)


@infer_global(operator.getitem)
@infer_global(operator.setitem)
class Item(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Signature | None:
        function: Any = vars(type(self))["key"]
        return signature_of(function, self.context, args) if isinstance(args[0], ItemsType) else None


@infer_global(len)
class Len(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Signature | None:
        return signature(types.intp, args[0]) if isinstance(args[0], ItemsType) else None


@infer_getattr
class ItemsAttributes(AttributeTemplate):
    key = ItemsType

    def resolve_shape(self, items: ItemsType) -> types.Type:
        return types.UniTuple(types.intp, items.array.ndim)

    def resolve_size(self, items: ItemsType) -> types.Type:
        return types.intp


@lower_getattr(ItemsType, "shape")
def shape(context: Any, builder: Any, items: ItemsType, table: Any) -> Any:
    return _words(builder, table, items.first + 2, items.array.ndim)


@lower_getattr(ItemsType, "size")
def size(context: Any, builder: Any, items: ItemsType, table: Any) -> Any:
    return word(builder, table, items.first + 1, ir.IntType(64))


@lower_builtin(len, ItemsType)
def length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return word(builder, args[0], sig.args[0].first + 2, ir.IntType(64))


@lower_cast(ItemsType, types.Array)
def as_array(context: Any, builder: Any, items: ItemsType, array: types.Array, table: Any) -> Any:
    return whole_array(context, builder, array, items.first, table)


@lower_builtin(operator.getitem, ItemsType, types.Integer)
@lower_builtin(operator.getitem, ItemsType, types.BaseTuple)
def get_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    items, index = sig.args
    value = builder.load(_place(context, builder, items, args[0], index, args[1]))
    value.set_metadata("tbaa", _alias_tag(builder.module, items))
    return context.data_model_manager[items.array.dtype].from_data(builder, value)


@lower_builtin(operator.setitem, ItemsType, types.Integer, types.Any)
@lower_builtin(operator.setitem, ItemsType, types.BaseTuple, types.Any)
def set_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    items, index, kind = sig.args
    if not _is_item(items, index):
        whole = signature(types.none, items.array, index, kind)
        array = whole_array(context, builder, items.array, items.first, args[0])
        return context.get_function(operator.setitem, whole)(builder, (array, *args[1:]))
    value = context.cast(builder, args[2], kind, items.array.dtype)
    data = context.data_model_manager[items.array.dtype].as_data(builder, value)
    store = builder.store(data, _place(context, builder, items, args[0], index, args[1]))
    store.set_metadata("tbaa", _alias_tag(builder.module, items))
    return context.get_dummy_value()


def _place(context: Any, builder: Any, items: ItemsType, table: Any, index: types.Type, value: Any) -> Any:
    """The address of one item. Like all of a kernel's indices these do not count from the end."""
    kinds = _kinds(index)
    values = cgutils.unpack_tuple(builder, value, len(kinds)) if isinstance(index, types.BaseTuple) else [value]
    numbers = [context.cast(builder, v, k, types.intp) for v, k in zip(values, kinds, strict=True)]
    item = context.get_data_type(items.array.dtype)
    data = word(builder, table, items.first, item.as_pointer())
    strides = items.first + 2 + items.array.ndim
    long = ir.IntType(64)
    offsets = [
        builder.mul(number, word(builder, table, strides + d, long))
        for d, number in enumerate(numbers[:-1] if items.array.layout == "C" else numbers)
    ]
    for offset in offsets:
        data = cgutils.pointer_add(builder, data, offset, item.as_pointer())
    return builder.gep(data, [numbers[-1]]) if items.array.layout == "C" else data


def _alias_tag(module: Any, items: ItemsType) -> Any:
    """Accesses with unlike tags go to unlike memory."""
    zero = ir.Constant(ir.IntType(64), 0)
    root = module.add_metadata([ir.MetaDataString(module, ALIAS_ROOT)])
    kind = module.add_metadata([ir.MetaDataString(module, items.name), root, zero])
    return module.add_metadata([kind, kind, zero])
