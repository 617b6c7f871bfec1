"""Turns a torch module into a `MemoryProgram`.

The module runs once on tensors without data, in bfloat16 unless it says otherwise, so neither weights nor memory for them are
needed. What it does is recorded operator by operator (`trace_record`) and joined into instructions (`trace_fuse`):

* Compute time: the operations of matrix products and convolutions at `device_flops` a second, plus one operation for each
  element that any other operator writes, at `vector_rate` a second. The second rate is an assumption: no vendor states it.
* Bytes of an access: those of the operand as it is viewed. Embeddings and gathers read the entries that they return; an update in
  place moves the entries that it changes. What an instruction reads twice, it pays for twice.
* Buffers are whole storages, in multiples of 512 bytes. A tensor that is updated in place (a cache, a running mean, in training
  every parameter) becomes a new buffer, alias of the old one.
* Constants made from shapes alone (masks, positions, zeros) are made where they are read and have no buffer.
* With `train`, the loss is the cross-entropy of what the module returns, classes along dimension 1, or what it returns if that
  is a single number. Each parameter is updated in place by stochastic gradient descent as soon as its gradient is known.

Rates are those of a TPU v5e: 1.97e14 bfloat16 operations a second, 8.1e11 bytes a second from slow memory and 22 times that from
fast memory (jax-ml/scaling-book, `tpus.md`).
"""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeCopyMode,
    FakeTensorMode,
)
from torch.nn import functional as F

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import INPUT, MAX_BYTES, MAX_RATE, TICKS_PER_SECOND, MemoryProgram
from dispatchgym.instances.memory.trace.fuse import Fusion, alias, needed, update_in_place
from dispatchgym.instances.memory.trace.record import NONE, Recorder

DEVICE_FLOPS = 1.97e14
VECTOR_RATE = 4e12
SLOW_RATE = 8.1e11
FAST_RATE = 22 * SLOW_RATE
ALIGNMENT = 512
CAPACITY = 16 * 2**20
LEARNING_RATE = 0.01  # its value changes nothing

_LONGEST_LABEL = 100
MAX_SIDE = 2**24  # of a dimension of an input


class Shape(NamedTuple):
    """An input tensor of the forward pass."""

    sizes: tuple[int, ...]
    dtype: torch.dtype | None = None  # None = that of the module's first parameter

    @staticmethod
    def parse(text: str) -> Shape:
        """`8x3x224x224` or `8x128:int64`; raises InputError."""
        sizes, _, kind = text.partition(":")
        if re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})*", sizes) is None:
            raise InputError(f"input {text!r} is not of the form 8x3x224x224 or 8x128:int64")
        found = tuple(map(int, sizes.split("x")))
        if not all(0 < size <= MAX_SIDE for size in found):
            raise InputError(f"input {text!r}: sizes are not between 1 and {MAX_SIDE}")
        dtype = getattr(torch, kind, None) if kind else None
        if kind and not isinstance(dtype, torch.dtype):
            raise InputError(f"input {text!r}: {kind!r} is not a dtype of torch, such as int64, float32 or bool")
        return Shape(found, dtype)


def trace(
    module: nn.Module | Callable[[], nn.Module],
    inputs: Sequence[Shape | str],
    *,
    capacity: int = CAPACITY,
    name: str,
    train: bool = False,
    device_flops: float = DEVICE_FLOPS,
    vector_rate: float = VECTOR_RATE,
    slow_rate: float = SLOW_RATE,
    fast_rate: float = FAST_RATE,
) -> MemoryProgram:
    """The program that a forward pass is, or with `train` a step of training; see the head of this file.

    `module` is a module, or what makes one and then needs no memory for its weights. `inputs` are the shapes of its arguments;
    updates of arguments, in place or returned, may overwrite them. `capacity` is in bytes, rates are per second. Parameters,
    random numbers and global settings of torch are left as they were.

    Raises InputError for capacities and rates that are not positive, and for a module that fails, whose control flow or shapes
    depend on values of tensors, or that computes nothing.
    """
    if not 0 < capacity <= MAX_BYTES:
        raise InputError(f"{name}: capacity {capacity} is not between 1 and {MAX_BYTES} bytes")
    rates = {"device_flops": device_flops, "vector_rate": vector_rate, "slow_rate": slow_rate, "fast_rate": fast_rate}
    for what, rate in rates.items():
        if not 1 <= rate <= MAX_RATE:
            raise InputError(f"{name}: {what} {rate:g} is not between 1 and {MAX_RATE:g} per second")
    shapes = [shape if isinstance(shape, Shape) else Shape.parse(shape) for shape in inputs]
    record, outputs = _recorded(module, shapes, name, train)
    return _program(record, outputs, name, capacity, rates)


def _recorded(
    module: nn.Module | Callable[[], nn.Module], shapes: Sequence[Shape], name: str, train: bool
) -> tuple[Recorder, set[int]]:
    """What the module does, and which buffers it leaves behind."""
    with _torch_settings(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
        with user_code(f"{name}: cannot be made"):
            made = _without_data(module, mode) if isinstance(module, nn.Module) else module()
        if not isinstance(made, nn.Module):
            raise InputError(f"{name}: {type(made).__name__} is not a torch.nn.Module")
        usual = next((x.dtype for x in made.parameters() if x.is_floating_point()), torch.get_default_dtype())
        arguments = [torch.empty(shape.sizes, dtype=shape.dtype or usual) for shape in shapes]
        record = Recorder(arguments)
        made.train(train)
        with user_code(f"{name}: forward of {', '.join('x'.join(map(str, s.sizes)) for s in shapes) or 'no input'} fails"):
            result = _step(made, arguments, record, name) if train else _forward(made, arguments, record)
        return record, record.outputs(result)


def _without_data(module: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """A copy of a module whose tensors have shapes only."""
    with FakeCopyMode(mode):
        return copy.deepcopy(module)


def _forward(module: nn.Module, arguments: Sequence[Tensor], record: Recorder) -> Any:
    with torch.no_grad(), record:
        return module(*arguments)


def _step(module: nn.Module, arguments: Sequence[Tensor], record: Recorder, name: str) -> Tensor:
    """Forward and backward pass; each parameter is updated when its gradient is known. Returns the loss."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.register_hook(functools.partial(_descend, parameter))
    with torch.enable_grad():
        with record:
            result = module(*arguments)
        loss = _loss(result, record, name)
        if not parameters or not loss.requires_grad:
            raise InputError(f"{name}: what it returns depends on no parameter, so there is nothing to train")
        with record:
            torch.autograd.grad(loss, parameters, allow_unused=True)
    return loss.detach()


def _descend(parameter: Tensor, gradient: Tensor) -> None:
    with torch.no_grad():
        parameter.data.sub_(gradient, alpha=LEARNING_RATE)


def _loss(result: Any, record: Recorder, name: str) -> Tensor:
    if not isinstance(result, Tensor) or not result.is_floating_point() or result.dim() == 1:
        said = f"a tensor {tuple(result.shape)} of {result.dtype}" if isinstance(result, Tensor) else type(result).__name__
        raise InputError(f"{name}: returns {said}; for training, return logits (B, classes, ...) or a loss of one number")
    if result.dim() == 0:
        return result
    labels = torch.empty(result.shape[:1] + result.shape[2:], dtype=torch.int64)
    with record:
        return F.cross_entropy(result, labels)


@contextlib.contextmanager
def _torch_settings() -> Iterator[None]:
    """Default dtype bfloat16, and operators as they are before a CPU library fuses them; afterwards all is as before."""
    dtype, fast_path = torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled()
    onednn, log = torch._C._get_mkldnn_enabled(), logging.getLogger("torch._subclasses.fake_tensor")
    silent, log.disabled = log.disabled, True  # it would print the traceback of an error that is reported here
    with torch.random.fork_rng(devices=[]):
        try:
            torch.set_default_dtype(torch.bfloat16)
            torch.backends.mha.set_fastpath_enabled(False)
            torch._C._set_mkldnn_enabled(False)
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.backends.mha.set_fastpath_enabled(fast_path)
            torch._C._set_mkldnn_enabled(onednn)
            log.disabled = silent


@contextlib.contextmanager
def user_code(what: str) -> Iterator[None]:
    """Any error of somebody else's module as an InputError of one line."""
    try:
        yield
    except InputError:
        raise
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        raise InputError(f"{what}: control flow or shapes depend on values of tensors ({error.func})") from error
    except (Exception, SystemExit) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise InputError(f"{what}: {type(error).__name__}: {lines[0][:300] if lines else 'without a message'}") from error


def _program(record: Recorder, outputs: set[int], name: str, capacity: int, rates: Mapping[str, float]) -> MemoryProgram:
    kept = needed(record, outputs)
    if not kept:
        raise InputError(f"{name}: computes nothing")
    update_in_place(record, kept, outputs)
    instructions = Fusion(record, kept, outputs).instructions
    order: dict[int, int] = {}  # buffers as they are first accessed
    access: list[tuple[int, int, int, int]] = []
    define: list[int] = []
    for i, instruction in enumerate(instructions):
        for accessed, write in ((instruction.reads, 0), (instruction.writes, 1)):
            for buffer, moved in accessed.items():
                if buffer not in order:
                    order[buffer] = len(order)
                    define.append(i if write else INPUT)
                access.append((order[buffer], i, moved, write))
    buffers = [record.buffers[buffer] for buffer in order]
    aliased = [alias(record.buffers, order.keys(), buffer) for buffer in order]
    return MemoryProgram(
        compute=np.array([_ticks(x.flops, x.vector, rates) for x in instructions], np.int64),
        size=np.array([max(-(-buffer.size // ALIGNMENT), 1) * ALIGNMENT for buffer in buffers], np.int64),
        define=np.array(define, np.int64),
        access=np.array(sorted(access, key=lambda row: (row[1], row[0])), np.int64),
        capacity=capacity,
        slow_rate=round(rates["slow_rate"]),
        fast_read_rate=round(rates["fast_rate"]),
        fast_write_rate=round(rates["fast_rate"]),
        output=np.array([buffer in outputs for buffer in order], np.int64),
        alias=np.array([-1 if previous == NONE else order[previous] for previous in aliased], np.int64),
        alignment=ALIGNMENT,
        labels=tuple(_label(x.label) for x in instructions),
        name=name,
    )


def _ticks(flops: int, vector: int, rates: Mapping[str, float]) -> int:
    seconds = Fraction(flops) / Fraction(rates["device_flops"]) + Fraction(vector) / Fraction(rates["vector_rate"])
    return math.ceil(seconds * TICKS_PER_SECOND)


def _label(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 3].rpartition("+")[0] + "..."
