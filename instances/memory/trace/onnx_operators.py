"""ONNX operators by torch's, for tensors without data: what each one reads and writes, not what it computes, has to be exact."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Given = dict[str, Any]  # the attributes of a node, and `outputs`, how many it has
# (attributes, *inputs) -> a tensor, or a list of them. Inputs are tensors, None where left out, and if their values are known
# numbers or numpy arrays.
Operator = Callable[..., Any]


def as_tensor(value: Any) -> Any:
    """A known array as a tensor, which is made where it is read."""
    return torch.tensor(value.tolist(), dtype=getattr(torch, value.dtype.name)) if isinstance(value, np.ndarray) else value


def _same(function: Callable[..., Any]) -> Operator:
    """An operator without attributes that is one of torch."""
    return lambda given, *inputs: function(*map(as_tensor, inputs))


def _extreme(several: Callable[..., Any], one: Callable[..., Any]) -> Operator:
    """Minimum or maximum of any number of inputs, some of which may be numbers."""

    def both(given: Given, *inputs: Any) -> Any:
        found, *rest = sorted(map(as_tensor, inputs), key=lambda x: not isinstance(x, Tensor))
        for other in rest:
            found = several(found, other) if isinstance(other, Tensor) else one(found, other)
        return found

    return both


def _numbers(value: Any) -> list[int]:
    """A list of whole numbers that are known."""
    return [int(x) for x in np.atleast_1d(value)]


def _axes(given: Given, inputs: Sequence[Any], default: Sequence[int]) -> list[int]:
    """Axes, an attribute in old versions of ONNX and an input in new ones."""
    if len(inputs) > 1 and inputs[1] is not None:
        return _numbers(inputs[1])
    return list(given.get("axes", default))


def _padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> tuple[Tensor, tuple[int, ...]]:
    """`x` and the padding that convolution and pooling can do themselves: the same at both ends, else it is done here."""
    half = len(pads) // 2
    begin, end = list(pads[:half]), list(pads[half:])
    if begin == end:
        return x, tuple(begin)
    both = [n for pair in zip(begin[::-1], end[::-1], strict=True) for n in pair]
    return F.pad(x, both, value=value), (0,) * half


def _window(given: Given, x: Tensor, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Pads, strides and dilations; of `auto_pad` only the forms whose sizes follow from the shape."""
    rank = len(kernel)
    strides, dilations = list(given.get("strides", [1] * rank)), list(given.get("dilations", [1] * rank))
    auto = given.get("auto_pad", b"NOTSET").decode()
    if auto in ("NOTSET", "VALID"):
        return list(given.get("pads", [0] * 2 * rank)) if auto == "NOTSET" else [0] * 2 * rank, strides, dilations
    begin, end = [], []
    for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max((math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size, 0)
        less, more = total // 2, total - total // 2
        begin.append(less if auto == "SAME_UPPER" else more)
        end.append(more if auto == "SAME_UPPER" else less)
    return begin + end, strides, dilations


def _conv(given: Given, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads, strides, dilations = _window(given, x, weight.shape[2:])
    x, padding = _padded(x, pads)
    function: Any = (F.conv1d, F.conv2d, F.conv3d)[weight.dim() - 3]
    found: Tensor = function(x, weight, bias, tuple(strides), padding, tuple(dilations), int(given.get("group", 1)))
    return found


def _conv_transpose(given: Given, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads, strides, dilations = _window(given, x, weight.shape[2:])
    function: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[weight.dim() - 3]
    extra, group = tuple(given.get("output_padding", [0] * len(strides))), int(given.get("group", 1))
    found: Tensor = function(x, weight, bias, tuple(strides), tuple(pads[: len(strides)]), extra, group, tuple(dilations))
    return found


def _max_pool(given: Given, x: Tensor) -> Tensor:
    kernel = given["kernel_shape"]
    pads, strides, dilations = _window(given, x, kernel)
    x, padding = _padded(x, pads, -math.inf)
    function: Any = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    found: Tensor = function(x, tuple(kernel), tuple(strides), padding, tuple(dilations), bool(given.get("ceil_mode", 0)))
    return found


def _average_pool(given: Given, x: Tensor) -> Tensor:
    kernel = given["kernel_shape"]
    pads, strides, _ = _window(given, x, kernel)
    x, padding = _padded(x, pads)
    function: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    found: Tensor = function(x, tuple(kernel), tuple(strides), padding, bool(given.get("ceil_mode", 0)))
    return found


def _global_pool(function: Any) -> Operator:
    return lambda given, x: function(x, tuple(range(2, x.dim())), keepdim=True)


def _gemm(given: Given, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.t() if given.get("transA", 0) else a
    b = b.t() if given.get("transB", 0) else b
    if c is None:
        return torch.mm(a, b)
    return torch.addmm(c, a, b, alpha=given.get("alpha", 1.0), beta=given.get("beta", 1.0))


def _batch_norm(given: Given, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return F.batch_norm(x, mean, var, weight, bias, False, 0.1, float(given.get("epsilon", 1e-5)))


def _layer_norm(given: Given, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = int(given.get("axis", -1)) % x.dim()
    return F.layer_norm(x, list(x.shape[axis:]), weight, bias, float(given.get("epsilon", 1e-5)))


def _group_norm(given: Given, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.group_norm(x, int(given["num_groups"]), weight, bias, float(given.get("epsilon", 1e-5)))


def _instance_norm(given: Given, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.instance_norm(x, weight=weight, bias=bias, eps=float(given.get("epsilon", 1e-5)))


def _reduce(function: Any) -> Operator:
    def reduced(given: Given, *inputs: Any) -> Any:
        x = inputs[0]
        axes = _axes(given, inputs, [])
        if not axes and given.get("noop_with_empty_axes", 0):
            return x
        return function(x, tuple(axes) or tuple(range(x.dim())), keepdim=bool(given.get("keepdims", 1)))

    return reduced


def _reshape(given: Given, x: Tensor, shape: Any) -> Tensor:
    asked = _numbers(shape)
    if not given.get("allowzero", 0):
        asked = [x.shape[i] if n == 0 else n for i, n in enumerate(asked)]
    return x.reshape(asked)


def _flatten(given: Given, x: Tensor) -> Tensor:
    axis = int(given.get("axis", 1)) % (x.dim() + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _transpose(given: Given, x: Tensor) -> Tensor:
    return x.permute(*given.get("perm", range(x.dim())[::-1]))


def _squeeze(given: Given, *inputs: Any) -> Tensor:
    x: Tensor = inputs[0]
    axes = _axes(given, inputs, [i for i, n in enumerate(x.shape) if n == 1])
    return x.squeeze(tuple(axes))


def _unsqueeze(given: Given, *inputs: Any) -> Tensor:
    x: Tensor = inputs[0]
    axes = _axes(given, inputs, [])
    for axis in sorted(a % (x.dim() + len(axes)) for a in axes):
        x = x.unsqueeze(axis)
    return x


def _expand(given: Given, x: Tensor, shape: Any) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(_numbers(shape))))


def _split(given: Given, x: Tensor, parts: Any = None) -> list[Tensor]:
    axis = int(given.get("axis", 0))
    asked = _numbers(parts) if parts is not None else list(given.get("split", []))
    count = int(given["num_outputs"] if "num_outputs" in given else given["outputs"])
    return list(x.split(asked or -(-x.shape[axis] // count), axis))


def _slice(given: Given, x: Tensor, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Tensor:
    first, last = (_numbers(starts), _numbers(ends)) if starts is not None else (given["starts"], given["ends"])
    along = _numbers(axes) if axes is not None else given.get("axes", range(len(first)))
    by = _numbers(steps) if steps is not None else [1] * len(first)
    for axis, a, b, step in zip(along, first, last, by, strict=True):
        index = range(x.shape[axis])[a:b:step]
        if step > 0:
            x = x[(slice(None),) * (axis % x.dim()) + (slice(a, b, step),)]
        else:
            x = x.flip(axis)[(slice(None),) * (axis % x.dim()) + (slice(0, len(index)),)]
    return x


def _gather(given: Given, x: Tensor, index: Any) -> Tensor:
    axis, index = int(given.get("axis", 0)) % x.dim(), as_tensor(index)
    if isinstance(index, int | float):
        return x.select(axis, int(index))
    if axis == 0 and x.dim() == 2 and x.is_floating_point():
        return F.embedding(index, x)
    found = x.index_select(axis, index.reshape(-1))
    return found.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _scatter_nd(given: Given, x: Tensor, index: Any, updates: Tensor) -> Tensor:
    places = tuple(as_tensor(index).unbind(-1))
    return x.index_put(places, updates, accumulate=given.get("reduction", b"none") == b"add")


def _pad(given: Given, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    asked = _numbers(pads) if pads is not None else list(given["pads"])
    along = [a % x.dim() for a in _numbers(axes)] if axes is not None else list(range(x.dim()))
    both = {axis: (asked[i], asked[i + len(along)]) for i, axis in enumerate(along)}
    flat = [n for axis in reversed(range(x.dim())) for n in both.get(axis, (0, 0))]
    mode = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}.get(given.get("mode", b"constant").decode())
    if mode is None:
        return F.pad(x, flat, value=float(value or 0.0))
    while flat[-2:] == [0, 0]:  # torch pads the last dimensions only
        flat = flat[:-2]
    return F.pad(x, flat, mode=mode)


def _clip(given: Given, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    return x.clamp(given.get("min", low), given.get("max", high))


def _resize(given: Given, x: Tensor, roi: Any = None, scales: Any = None, sizes: Any = None) -> Tensor:
    if sizes is not None:
        target = _numbers(sizes)[2:]
    else:
        target = [int(n * float(s)) for n, s in zip(x.shape[2:], list(scales)[2:], strict=True)]
    mode = given.get("mode", b"nearest").decode()
    linear = {3: "linear", 4: "bilinear", 5: "trilinear"}[x.dim()]
    return F.interpolate(x, target, mode={"nearest": "nearest", "cubic": "bicubic"}.get(mode, linear))


def _softmax(function: Any) -> Operator:
    return lambda given, x: function(x, int(given.get("axis", -1)))


def _attention(given: Given, q: Tensor, k: Tensor, v: Tensor, mask: Any = None, *_: Any) -> Tensor:
    causal, scale = bool(given.get("is_causal", 0)), given.get("scale")
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, scale=scale)


def _first(given: Given, x: Any, *_: Any) -> Any:
    return x


OPERATORS: dict[str, Operator] = {
    **{name: _same(getattr(torch, name.lower())) for name in (
        "Where", "Relu", "Sigmoid", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Neg",
        "Abs", "Sin", "Cos", "Floor", "Ceil", "Round", "Sign", "MatMul", "Less", "Greater",
    )},
    "Add": _same(operator.add), "Sub": _same(operator.sub), "Mul": _same(operator.mul), "Div": _same(operator.truediv),
    "Pow": _same(operator.pow), "Equal": _same(torch.eq), "LessOrEqual": _same(torch.le), "GreaterOrEqual": _same(torch.ge),
    "Min": _extreme(torch.minimum, torch.clamp_max), "Max": _extreme(torch.maximum, torch.clamp_min),
    "And": _same(torch.logical_and), "Or": _same(torch.logical_or), "Not": _same(torch.logical_not),
    "Softplus": _same(F.softplus), "Mish": _same(F.mish), "HardSwish": _same(F.hardswish), "HardSigmoid": _same(F.hardsigmoid),
    "PRelu": _same(torch.prelu), "Elu": _same(F.elu), "Selu": _same(F.selu), "LeakyRelu": _same(F.leaky_relu),
    "Gelu": lambda given, x: F.gelu(x, approximate=given.get("approximate", b"none").decode()),
    "Clip": _clip,
    "Conv": _conv, "ConvTranspose": _conv_transpose, "MaxPool": _max_pool, "AveragePool": _average_pool,
    "GlobalAveragePool": _global_pool(torch.mean), "GlobalMaxPool": _global_pool(torch.amax),
    "Gemm": _gemm, "Attention": _attention,
    "BatchNormalization": _batch_norm, "LayerNormalization": _layer_norm, "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "Softmax": _softmax(torch.softmax), "LogSoftmax": _softmax(torch.log_softmax),
    "ReduceMean": _reduce(torch.mean), "ReduceSum": _reduce(torch.sum), "ReduceMax": _reduce(torch.amax),
    "ReduceMin": _reduce(torch.amin), "ReduceL2": _reduce(lambda x, axes, keepdim: torch.linalg.vector_norm(x, 2, axes, keepdim)),
    "ArgMax": lambda given, x: x.argmax(int(given.get("axis", 0)), bool(given.get("keepdims", 1))),
    "CumSum": lambda given, x, axis: x.cumsum(int(axis)),
    "Reshape": _reshape, "Flatten": _flatten, "Transpose": _transpose, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Expand": _expand, "Split": _split, "Slice": _slice, "Gather": _gather, "Pad": _pad, "Resize": _resize,
    "Concat": lambda given, *inputs: torch.cat(list(map(as_tensor, inputs)), int(given["axis"])),
    "ScatterND": _scatter_nd,
    "GatherElements": lambda given, x, index: x.gather(int(given.get("axis", 0)), index),
    "Tile": lambda given, x, repeats: x.repeat(_numbers(repeats)),
    "Einsum": lambda given, *inputs: torch.einsum(given["equation"].decode(), *inputs),
    "Identity": _first, "Dropout": _first,
}  # fmt: skip
