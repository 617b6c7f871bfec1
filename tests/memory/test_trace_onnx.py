"""Programs of ONNX files: of the same network the tracer makes the same one from the file as from the module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.onnx_programs import export
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.files import read_program
from dispatchgym.instances.memory.instance import MemoryProgram
from dispatchgym.instances.memory.trace.command import main
from dispatchgym.instances.memory.trace.module import Shape, trace
from dispatchgym.instances.memory.trace.networks.bert import Bert
from dispatchgym.instances.memory.trace.networks.gpt2 import GPT2
from dispatchgym.instances.memory.trace.networks.resnet import ResNet

BYTES = 2  # column of `access`


class Words(nn.Module):
    """Embedding, normalisation, residual connection, parts and their concatenation, a mask of constants."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(50, 32), nn.LayerNorm(32)
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        x = self.words(index)
        x = x + self.down(F.gelu(self.up(self.norm(x))))
        left, right = x.view(x.shape[0], -1, 2, 16).transpose(1, 2).unbind(1)
        return torch.softmax(torch.cat([left, 0.5 * right], -1).mean(1), -1)


NETWORKS: dict[str, tuple[Any, list[str]]] = {
    "resnet": (lambda: ResNet((1, 1, 1, 1)), ["2x3x64x64"]),
    "words": (Words, ["4x16:int64"]),
    "bert": (lambda: Bert(layers=1, width=32, heads=2, vocabulary=50), ["2x16:int64", "2x16:int64"]),
    "gpt2": (
        lambda: GPT2(layers=1, width=32, heads=2, vocabulary=50, positions=64),
        ["2x1:int64", "2x2x64x16", "2x2x64x16"],  # writes a token into its caches
    ),
}


@pytest.fixture(scope="module", params=NETWORKS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryProgram, MemoryProgram]:
    """The program of the file, and of the module that was exported to it."""
    build, shapes = NETWORKS[request.param]
    path = tmp_path_factory.mktemp("onnx") / f"{request.param}.onnx"
    network = build().eval()
    export(network, [Shape.parse(text) for text in shapes], path, fold=False)
    rates = ["--device-flops", "1e12", "--vector-rate", "1e12"]  # a tick is an operation
    main([str(path), "--out", str(path.with_suffix(".json")), *rates])
    return read_program(path.with_suffix(".json")), trace(network, shapes, name="module", device_flops=1e12, vector_rate=1e12)


def test_a_file_and_its_module_are_the_same_program(both: tuple[MemoryProgram, MemoryProgram]) -> None:
    file, module = both
    assert file.instructions == module.instructions
    assert file.name in NETWORKS
    np.testing.assert_allclose(file.compute, module.compute, rtol=0.01)  # floating-point operations
    assert file.access[:, BYTES].sum() == module.access[:, BYTES].sum()
    assert file.buffers == module.buffers
    assert (file.alias >= 0).sum() == (module.alias >= 0).sum()  # what is updated in place


def test_constants_that_the_exporter_folded_are_not_in_the_program(tmp_path: Path) -> None:
    build, shapes = NETWORKS["bert"]
    programs = []
    for fold in (False, True):
        path = tmp_path / f"{fold}.onnx"
        export(build().eval(), [Shape.parse(text) for text in shapes], path, fold)
        main([str(path), "--out", str(path.with_suffix(".json"))])
        programs.append(read_program(path.with_suffix(".json")))
    plain, folded = programs
    assert plain.labels.count("embedding") - folded.labels.count("embedding") == 1  # of positions


def model(*nodes: Any, sizes: tuple[Any, ...] = (2, 4), **weights: Any) -> Any:
    value = onnx.helper.make_tensor_value_info
    inner = [onnx.numpy_helper.from_array(np.asarray(x), name) for name, x in weights.items()]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(list(nodes), "g", [value("x", kind, sizes)], [value("y", kind, None)], inner)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])


def test_shapes_and_constants_are_no_instructions(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = (
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "zero", "one"], ["batch"]),
        node("Concat", ["batch", "rest"], ["shape"], axis=0),
        node("Reshape", ["x", "shape"], ["r"]),
        node("Relu", ["r"], ["y"]),
    )
    path = tmp_path / "a.onnx"
    onnx.save(model(*nodes, zero=np.array([0]), one=np.array([1]), rest=np.array([2, 2])), path)
    main([str(path), "--out", str(tmp_path / "a.json")])
    program = read_program(tmp_path / "a.json")
    assert program.labels == ("relu",)
    assert program.access[:, BYTES].tolist() == [32, 32]


def test_a_product_that_others_read_or_that_a_wider_vector_is_added_to_stands_alone(tmp_path: Path) -> None:
    node, weight = onnx.helper.make_node, np.zeros((4, 1), np.float32)
    wider = [node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])]
    twice = [*wider[:1], node("Add", ["p", "b"], ["q"]), node("Mul", ["q", "p"], ["y"])]
    for nodes, width in ((wider, 3), (twice, 2)):
        path = tmp_path / f"{width}.onnx"
        onnx.save(model(*nodes, w=np.repeat(weight, width if nodes is twice else 1, 1), b=np.zeros(width, np.float32)), path)
        main([str(path), "--out", str(tmp_path / "p.json")])
        assert "addmm" not in read_program(tmp_path / "p.json").labels[0], width


def test_what_cannot_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node, place = onnx.helper.make_node, tmp_path / "x.onnx"
    for what, words, said in (
        (b"not a model", [], "x.onnx: is not an ONNX file"),
        (model(node("Lstmm", ["x"], ["y"], name="cell")), [], "node 'cell': operator Lstmm is not supported"),
        (
            model(node("Relu", ["x"], ["y"]), sizes=(2, "width")),
            [],
            "input 'x': dimension 1 (width) is open; say it with --input",
        ),
        (model(node("Relu", ["x"], ["y"])), ["--input", "2x4", "--input", "1"], "takes 1 inputs (x), not 2"),
        (model(node("MatMul", ["x", "w"], ["y"]), w=np.zeros((3, 3), np.float32)), [], "fails: RuntimeError"),
        (model(node("Relu", ["x"], ["y"])), ["--train"], "--train is for torch modules"),
        (model(node("Relu", ["x"], ["y"])), ["--args", "[1]"], "--args is for modules of your own"),
    ):
        if isinstance(what, bytes):
            place.write_bytes(what)
        else:
            onnx.save(what, place)
        with pytest.raises(SystemExit) as left:
            main([str(place), *words])
        error = capsys.readouterr().err
        assert left.value.code == 2
        assert said in error
        assert error.count("\n") == 1
    with pytest.raises(SystemExit):
        main([str(tmp_path / "missing.onnx")])
    assert "missing.onnx: cannot be read" in capsys.readouterr().err


def test_an_open_batch_is_said_with_batch(tmp_path: Path) -> None:
    path = tmp_path / "b.onnx"
    onnx.save(model(onnx.helper.make_node("Relu", ["x"], ["y"]), sizes=("n", 4)), path)
    main([str(path), "--batch", "8", "--out", str(tmp_path / "b.json")])
    assert read_program(tmp_path / "b.json").access[:, BYTES].tolist() == [128, 128]
    main([str(path), "--input", "3x4", "--out", str(tmp_path / "c.json")])
    assert read_program(tmp_path / "c.json").access[:, BYTES].tolist() == [48, 48]


def test_the_error_of_the_reader_is_of_the_kind_of_all_readers() -> None:
    from dispatchgym.instances.memory.trace.onnx_graph import read_onnx

    with pytest.raises(InputError):
        read_onnx(Path("missing.onnx"))
