"""An ONNX file as a torch module that can be traced: the same operators on tensors of the same shapes, without the weights.

Initializers are parameters without data. What depends on shapes and constants alone (`Shape`, `Range`, whole-number tensors) is
computed by ONNX's own reference implementation, so that it decides shapes but is no instruction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn
from torch.nn import functional as F

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.trace.module import MAX_SIDE, Shape
from dispatchgym.instances.memory.trace.onnx_operators import OPERATORS

LARGEST_CONSTANT = 100_000  # elements of a tensor of whole numbers that is looked at; larger ones are parameters
OUTSIDE = (onnx.TensorProto.EXTERNAL,)  # its data is in another file, and is not needed


def read_onnx(path: Path) -> onnx.ModelProto:
    """The model, whose weights may lie in other files: they are not read. Raises InputError."""
    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:
        raise InputError(f"{path}: is not an ONNX file ({type(error).__name__})") from None
    if not model.graph.node:
        raise InputError(f"{path}: has no operators")
    functions = {f.name for f in model.functions}
    for node in model.graph.node:
        if node.op_type not in OPERATORS and node.op_type not in KNOWN_ONLY:
            what = "a function of the file" if node.op_type in functions else "not supported"
            raise InputError(f"{path}: node {_called(node)}: operator {node.op_type} is {what}")
    return model


# Have a value that follows from shapes and constants, or are refused.
KNOWN_ONLY = ("Constant", "ConstantOfShape", "Shape", "Size", "Range", "Cast", "CastLike", "NonZero", "Mod", "Trilu")


def inputs_of(model: onnx.ModelProto, batch: int | None, asked: Sequence[Shape] = ()) -> list[Shape]:
    """The shapes of the graph's inputs, `asked` if there are any: those without a type have that of the graph.

    An open first dimension is `batch`; InputError for any other open one.
    """
    inner = {x.name for x in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in inner]
    if asked:
        kinds = [_dtype(value.type.tensor_type.elem_type) for value in inputs]
        return [Shape(shape.sizes, shape.dtype or (kinds[i] if i < len(kinds) else None)) for i, shape in enumerate(asked)]
    found = []
    for value in inputs:
        kind = value.type.tensor_type
        sizes = []
        for axis, dim in enumerate(kind.shape.dim):
            if dim.HasField("dim_value") and 0 < dim.dim_value <= MAX_SIDE:
                sizes.append(dim.dim_value)
            elif axis == 0:
                sizes.append(batch or 1)
            else:
                raise InputError(f"input {value.name!r}: dimension {axis} ({dim.dim_param or '?'}) is open; say it with --input")
        found.append(Shape(tuple(sizes), _dtype(kind.elem_type)))
    return found


class OnnxModule(nn.Module):
    """The graph of `model`. Its parameters are made empty, so under FakeTensorMode they take no memory."""

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        super().__init__()
        self.graph, self.name = model.graph, name
        self.opset = model.opset_import
        self.ir_version = model.ir_version
        self.known: dict[str, np.ndarray[Any, Any]] = {}
        self.weights: dict[str, int] = {}
        tensors: list[nn.Parameter] = []
        for x in self.graph.initializer:
            if x.data_location not in OUTSIDE and _is_constant(x):
                self.known[x.name] = onnx.numpy_helper.to_array(x)
            else:
                self.weights[x.name] = len(tensors)
                tensors.append(nn.Parameter(torch.empty(tuple(x.dims), dtype=_dtype(x.data_type)), requires_grad=False))
        self.tensors = nn.ParameterList(tensors)
        self.biases = _biases(self.graph, {name for name, i in self.weights.items() if tensors[i].dim() == 1})

    def forward(self, *inputs: Tensor) -> list[Any]:
        known = dict(self.known)
        values: dict[str, Any] = {name: self.tensors[i] for name, i in self.weights.items()}
        names = [x.name for x in self.graph.input if x.name not in known and x.name not in values]
        if len(names) != len(inputs):
            raise InputError(f"{self.name}: takes {len(names)} inputs ({', '.join(names)}), not {len(inputs)}")
        values |= dict(zip(names, inputs, strict=True))
        for node in self.graph.node:
            self._run(node, values, known)
        return [values.get(x.name) for x in self.graph.output]

    def _run(self, node: Any, values: dict[str, Any], known: dict[str, Any]) -> None:
        """Add the outputs of a node to `values`, or to `known` if they follow from shapes and constants alone."""
        if node.op_type in ("Shape", "Size") and node.input[0] in values:
            shape = np.array(values[node.input[0]].shape, np.int64)
            end = next((a.i for a in node.attribute if a.name == "end"), None)
            start = next((a.i for a in node.attribute if a.name == "start"), 0)
            known[node.output[0]] = shape[start:end] if node.op_type == "Shape" else np.array(shape.prod(), np.int64)
        elif all(not name or name in known for name in node.input):
            known |= zip(node.output, self._computed(node, known), strict=True)
        elif node.op_type in ("Cast", "CastLike"):
            to = next((a.i for a in node.attribute if a.name == "to"), 0)
            values[node.output[0]] = values[node.input[0]].to(_dtype(to) if to else values[node.input[1]].dtype)
        elif node.output[0] in self.biases and self._is_layer(node, values):
            add, bias = self.biases[node.output[0]]
            values[add] = F.linear(values[node.input[0]], values[node.input[1]].t(), values[bias])
        elif node.op_type == "Add" and node.output[0] in values:
            return  # was added within the product
        elif node.op_type not in OPERATORS:
            raise InputError(f"{self.name}: node {_called(node)}: operator {node.op_type} is supported for constants only")
        else:
            given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} | {"outputs": len(node.output)}
            made = OPERATORS[node.op_type](given, *(_operand(name, values, known) for name in node.input))
            values |= zip(node.output, made if isinstance(made, list) else [made], strict=False)

    def _is_layer(self, node: Any, values: dict[str, Any]) -> bool:
        """Whether a product is with a matrix that has a column for each entry of the bias that is added."""
        if not all(name in values for name in node.input):
            return False
        weight, bias = values[node.input[1]], values[self.biases[node.output[0]][1]]
        return weight.dim() == 2 and weight.shape[1] == bias.shape[0]

    def _computed(self, node: Any, known: dict[str, Any]) -> Sequence[Any]:
        """The outputs of a node whose inputs are known, by ONNX's reference implementation."""
        given = [name for name in node.input if name]
        open_ = [onnx.helper.make_tensor_value_info(x, onnx.TensorProto.UNDEFINED, None) for x in dict.fromkeys(given)]
        out = [onnx.helper.make_tensor_value_info(x, onnx.TensorProto.UNDEFINED, None) for x in node.output if x]
        one = onnx.helper.make_graph([node], "one", open_, out)
        model = onnx.helper.make_model(one, opset_imports=self.opset, ir_version=self.ir_version)
        found: Any = ReferenceEvaluator(model).run(None, {name: known[name] for name in given})
        return found


def _biases(graph: Any, vectors: Collection[str]) -> dict[str, tuple[str, str]]:
    """Products whose only reader adds one of `vectors`: output of MatMul -> (output of Add, vector). torch does both at once."""
    kept = {x.name for x in graph.output}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = {}
    for node in graph.node:
        nexts = readers.get(node.output[0], [])
        if node.op_type == "MatMul" and node.output[0] not in kept and [x.op_type for x in nexts] == ["Add"]:
            bias = [name for name in nexts[0].input if name in vectors]
            if len(bias) == 1:
                found[node.output[0]] = nexts[0].output[0], bias[0]
    return found


def _operand(name: str, values: dict[str, Any], known: dict[str, Any]) -> Any:
    """An input of an operator: a tensor; a number or numpy array if it is known; None if it is left out."""
    if not name or name in values:
        return values.get(name)
    value = known[name]
    single = value.ndim == 0 or (value.size == 1 and np.issubdtype(value.dtype, np.floating))
    return value.item() if single else value


def _is_constant(x: Any) -> bool:
    """Whether an initializer is looked at: whole numbers, which decide shapes and places, and single numbers."""
    count = int(np.prod(x.dims, dtype=np.int64)) if len(x.dims) else 1
    return count == 1 or (count <= LARGEST_CONSTANT and not _dtype(x.data_type).is_floating_point)


def _dtype(kind: int) -> torch.dtype:
    name = onnx.helper.tensor_dtype_to_np_dtype(kind).name if kind else "float32"
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise InputError(f"tensors of type {name} are not supported")
    return found


def _called(node: Any) -> str:
    return repr(node.name or next(iter(node.output), "?"))
