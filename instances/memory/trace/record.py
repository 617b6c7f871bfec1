"""What a torch module does, operator by operator: which tensors each one reads and writes, and how many bytes of them.

Operators are seen below autograd, as they would be dispatched to a device, on tensors without data (FakeTensorMode). Views are no
operators: they read and write the storage that they look at. Values are immutable here: an operator that updates a storage
in place writes a new buffer, whose `previous` is the one that it overwrites.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

NONE = -1  # the buffer of a constant, the maker of an input, the predecessor of a value that overwrites none

_aten = torch.ops.aten
_FLOPS: dict[Any, Callable[..., int]] = dict(flop_registry)
for _attention in ("_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_backward"):
    _FLOPS[getattr(_aten, _attention.replace("attention", "attention_for_cpu"))] = flop_registry[getattr(_aten, _attention)]

# Made of shapes alone, or where they are read: neither needs memory of its own.
_CONSTANT = ("empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "lift_fresh", "lift_fresh_copy")
_NEW = ("new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full")
_COPIES = ("clone", "copy_", "copy", "_to_copy", "fill_", "zero_", "native_dropout", "_native_batch_norm_legit_no_training")
_OVERWRITES = ("copy_", "fill_", "zero_")  # do not read what they overwrite
_GATHERS = ("embedding", "index_select", "gather", "index", "take")  # read only the entries that they return
_SCATTERS = ("slice_scatter", "select_scatter", "index_put", "_unsafe_index_put", "index_copy", "scatter")
_ACCUMULATES = ("index_add", "scatter_add", "scatter_reduce")  # scatter, and read what they add to
_BATCH_NORM = ("native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit")


@dataclass
class Operator:
    """One dispatched operator."""

    name: str
    flops: int  # of matrix products and convolutions
    vector: int  # elements that other operators write
    pointwise: bool  # writes each element from those at the same place, so that it could be part of the operator before it
    elements: int  # of the largest tensor that it writes
    reads: dict[int, int] = field(default_factory=dict)  # buffer -> bytes
    read_elements: dict[int, int] = field(default_factory=dict)  # buffer -> elements
    writes: dict[int, int] = field(default_factory=dict)  # buffer -> bytes
    base: int = NONE  # buffer that it copies but for some entries
    changed: int = 0  # bytes of those entries
    accumulates: bool = False  # whether these are read as well


@dataclass
class Buffer:
    """A value of a storage."""

    size: int  # bytes
    maker: int  # operator that writes it, NONE = an input
    previous: int = NONE  # value of the same storage that it overwrites in place
    whole: bool = True  # a tensor that is all of its storage


class Recorder(TorchDispatchMode):
    """While it is entered, records every operator on tensors into `operators` and `buffers`."""

    def __init__(self, arguments: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self.operators: list[Operator] = []
        self.buffers: list[Buffer] = []
        self._current: dict[int, int] = {}  # storage -> the buffer that is its value now, NONE = a constant
        self._kept: list[Tensor] = []  # keeps storages alive, so that no two have the same identity
        self.arguments = frozenset(self._buffer(tensor) for tensor in arguments)  # buffers that the program may overwrite

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self._record(func, args, kwargs, out)
        return out

    def _record(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        read, written, made = _tensors((args, kwargs)), list(_written(func, args, kwargs)), _tensors(out)
        known = {_storage(tensor) for tensor in read}
        fresh = [tensor for tensor in made if _storage(tensor) not in known]
        name = _name(func)
        self._kept += read + made
        if name in _CONSTANT + _NEW or not any(self._buffer(tensor) != NONE for tensor in read):
            for tensor in fresh if name not in ("lift_fresh", "lift_fresh_copy") else made:
                self._current[_storage(tensor)] = NONE
        elif fresh or written:
            self._add(func, args, kwargs, out, written, fresh)

    def _add(self, func: Any, args: Any, kwargs: Any, out: Any, written: list[Tensor], fresh: list[Tensor]) -> None:
        name = _name(func)
        count = _FLOPS.get(func._overloadpacket)
        elements = max(tensor.numel() for tensor in fresh + written)
        operator = Operator(
            name=name.removeprefix("_").removeprefix("native_").removesuffix("_"),
            flops=0 if count is None else int(count(*args, **kwargs, out_val=out)),
            vector=0 if count is not None else elements,
            pointwise=torch.Tag.pointwise in func.tags or name in _COPIES or (name in _BATCH_NORM and not _trains(func, args)),
            elements=elements,
        )
        tensors = _tensors((_without_running(func, args), kwargs))
        stem = name.removesuffix("_")
        scatters = stem in _SCATTERS + _ACCUMULATES
        operator.accumulates = stem in _ACCUMULATES or (stem == "index_put" and len(args) > 3 and bool(args[3]))
        if scatters:
            operator.changed = _changed(tensors)
        if name in _OVERWRITES or (scatters and written):
            tensors = tensors[1:]
        for place, tensor in enumerate(tensors):
            part = min(_seen(tensor), fresh[0].numel()) if place == 0 and stem in _GATHERS and fresh else _seen(tensor)
            self._read(operator, self._buffer(tensor), part, tensor.itemsize)
        if scatters and not written:
            operator.base = self._buffer(tensors[0]) if _whole(tensors[0]) else NONE
        self.operators.append(operator)
        for tensor in written:
            self._overwrite(operator, tensor)
        for tensor in fresh:
            self._define(operator, tensor, tensor.numel() * tensor.itemsize, NONE)

    def _read(self, operator: Operator, buffer: int, elements: int, width: int) -> None:
        if buffer != NONE:
            operator.reads[buffer] = operator.reads.get(buffer, 0) + elements * width
            operator.read_elements[buffer] = operator.read_elements.get(buffer, 0) + elements

    def _overwrite(self, operator: Operator, tensor: Tensor) -> None:
        """A new value of the tensor's storage; what the operator leaves as it is stays where it is, so nothing moves."""
        previous = self._buffer(tensor)
        moved = operator.changed or _seen(tensor) * tensor.itemsize
        if previous == NONE:  # a constant that becomes a tensor is written whole
            moved = tensor.untyped_storage().nbytes()
        elif operator.changed:
            operator.vector = min(operator.vector, operator.changed // tensor.itemsize)
        self._read(operator, previous, 0, tensor.itemsize)
        if operator.accumulates:
            self._read(operator, previous, operator.changed // tensor.itemsize, tensor.itemsize)
        self._define(operator, tensor, moved, previous)

    def _define(self, operator: Operator, tensor: Tensor, moved: int, previous: int) -> None:
        storage = _storage(tensor)
        current = self._current.get(storage, NONE)
        if current in operator.writes:  # another part of what it has just written
            operator.writes[current] += moved
            return
        buffer = Buffer(tensor.untyped_storage().nbytes(), len(self.operators) - 1, previous, _whole(tensor))
        self._current[storage] = len(self.buffers)
        operator.writes[len(self.buffers)] = moved
        self.buffers.append(buffer)

    def _buffer(self, tensor: Tensor) -> int:
        """The buffer that a tensor now looks at; one that nothing has made is an input of the program."""
        storage = _storage(tensor)
        if storage not in self._current:
            self._kept.append(tensor)
            self._current[storage] = len(self.buffers)
            self.buffers.append(Buffer(tensor.untyped_storage().nbytes(), NONE, whole=_whole(tensor)))
        return self._current[storage]

    def outputs(self, result: Any) -> set[int]:
        """The buffers that the program leaves behind: tensors in `result`, and the last values of inputs that it overwrote."""
        left = {self._buffer(tensor) for tensor in _tensors(result)}
        for n in self._current.values():
            first = n
            while first != NONE and self.buffers[first].previous != NONE:
                first = self.buffers[first].previous
            if first != n and self.buffers[first].maker == NONE:
                left.add(n)
        return {n for n in left if n != NONE and self.buffers[n].maker != NONE}


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _name(func: Any) -> str:
    return cast(str, func._overloadpacket.__name__)


def _seen(tensor: Tensor) -> int:
    """Elements of a tensor, each counted once however often a view repeats it."""
    if tensor.numel() == 0:
        return 0
    return math.prod(n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)


def _whole(tensor: Tensor) -> bool:
    return tensor.numel() * tensor.itemsize == tensor.untyped_storage().nbytes()


def _changed(tensors: Sequence[Tensor]) -> int:
    """Bytes of the first tensor that a scatter replaces: as many entries as its source has, or as are indexed."""
    base, others = tensors[0], tensors[1:]
    entries = max((tensor.numel() for tensor in others), default=base.numel())
    return min(entries, base.numel()) * base.itemsize


def _without_running(func: Any, args: Sequence[Any]) -> Sequence[Any]:
    """The arguments but for running statistics that an operator is given and, as it has those of the batch, does not use."""
    if not _name(func).endswith("batch_norm_backward") or not _trains(func, args):
        return args
    names = (argument.name for argument in func._schema.arguments)
    return [value for name, value in zip(names, args, strict=False) if not name.startswith("running_")]


def _trains(func: Any, args: Sequence[Any]) -> bool:
    """Whether a batch normalisation uses the statistics of the batch and updates the running ones."""
    place = next((i for i, argument in enumerate(func._schema.arguments) if argument.name in ("train", "training")), None)
    return place is None or bool(args[place])


def _written(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors among the arguments that an operator writes in place."""
    for place, argument in enumerate(func._schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        quietly = argument.name in ("running_mean", "running_var") and _name(func) in _BATCH_NORM and _trains(func, args)
        if quietly or (argument.alias_info is not None and argument.alias_info.is_write):
            yield from _tensors(value)
