"""Programs traced from torch modules: costs worked by hand, fusion, updates in place, the command and its errors."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.files import read_program, write_program
from dispatchgym.instances.memory.instance import BUFFER, BYTES, INPUT, INSTRUCTION, WRITE, MemoryProgram
from dispatchgym.instances.memory.trace.command import STANDARD, main, program_name, trace_network, write_standard
from dispatchgym.instances.memory.trace.module import trace
from dispatchgym.instances.memory.trace.networks import NETWORKS
from dispatchgym.instances.memory.trace.networks.resnet import ResNet

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "instances" / "data" / "memory" / "programs"
CAPACITY = 2**24


class Function(nn.Module):
    """A module that applies a function to its parts and inputs."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, *inputs):
        return self.function(*self.parts, *inputs)


def traced(function, *inputs, parts=lambda: (), **options) -> MemoryProgram:
    return trace(lambda: Function(function, *parts()), inputs, capacity=CAPACITY, name="net", **options)


def moved(program: MemoryProgram, instruction: int) -> tuple[list[int], list[int]]:
    """Bytes that an instruction reads, and that it writes, in ascending order."""
    rows = program.access[program.access[:, INSTRUCTION] == instruction]
    return sorted(rows[rows[:, WRITE] == 0, BYTES].tolist()), sorted(rows[rows[:, WRITE] == 1, BYTES].tolist())


def assert_same(one: MemoryProgram, other: MemoryProgram) -> None:
    assert (one.name, one.labels, one.capacity, one.alignment) == (other.name, other.labels, other.capacity, other.alignment)
    assert (one.slow_rate, one.fast_read_rate, one.fast_write_rate) == (
        other.slow_rate,
        other.fast_read_rate,
        other.fast_write_rate,
    )
    for column in ("compute", "scoped", "size", "define", "access", "output", "pin", "alias"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column), column)


# costs


def test_a_linear_layer_costs_its_products_and_moves_its_operands_once() -> None:
    program = traced(lambda layer, x: layer(x), "256x1024", parts=lambda: (nn.Linear(1024, 512),))
    assert program.labels == ("addmm",)
    assert program.compute.tolist() == [1362617]  # 2 * 256 * 1024 * 512 operations at 197 a tick
    assert moved(program, 0) == ([2 * 512, 2 * 256 * 1024, 2 * 1024 * 512], [2 * 256 * 512])
    assert sorted(program.size.tolist()) == [1024, 262144, 524288, 1048576]
    assert program.output.tolist() == [0, 0, 0, 1]
    assert program.define.tolist() == [INPUT, INPUT, INPUT, 0]


def test_a_convolution_costs_its_products_and_the_rectifier_a_vector_operation_an_element() -> None:
    convolution = lambda: (nn.Conv2d(3, 16, 3, stride=2, padding=1),)  # noqa: E731
    plain = traced(lambda layer, x: layer(x), "2x3x32x32", parts=convolution)
    assert plain.compute.tolist() == [2246]  # 2 * (2 * 16 * 16 * 16) * (3 * 3 * 3) = 442368 operations at 197 a tick
    assert moved(plain, 0) == ([32, 864, 12288], [16384])
    assert sorted(plain.size.tolist()) == [512, 1024, 12288, 16384]  # whole pages of 512 bytes
    rectified = traced(lambda layer, x: F.relu(layer(x)), "2x3x32x32", parts=convolution)
    assert rectified.compute.tolist() == [4294]  # and 8192 elements at 4 a tick
    assert moved(rectified, 0) == moved(plain, 0)


def test_rates_scale_compute_and_reach_the_program() -> None:
    program = traced(
        lambda layer, x: F.relu(layer(x)),
        "2x3x32x32",
        parts=lambda: (nn.Conv2d(3, 16, 3, 2, 1),),
        device_flops=1e12,
        vector_rate=1e12,
        slow_rate=3e9,
        fast_rate=7e9,
    )
    assert program.compute.tolist() == [442368 + 8192]
    assert (program.slow_rate, program.fast_read_rate, program.fast_write_rate) == (3 * 10**9, 7 * 10**9, 7 * 10**9)


def test_an_embedding_reads_the_rows_that_it_returns() -> None:
    program = traced(lambda table, x: table(x), "4x8:int64", parts=lambda: (nn.Embedding(1000, 64),))
    assert moved(program, 0) == ([32 * 8, 32 * 64 * 2], [32 * 64 * 2])
    assert int(program.size.max()) == 1000 * 64 * 2


def test_attention_in_one_operator_counts_both_products() -> None:
    program = traced(lambda q, k, v: F.scaled_dot_product_attention(q, k, v), *["2x4x64x32"] * 3, device_flops=1e12)
    assert int(program.compute.sum()) == 2 * 2 * (2 * 4 * 64 * 64 * 32)


def test_a_repeated_operand_is_paid_twice_and_a_broadcast_one_once() -> None:
    assert moved(traced(lambda x: x * x, "4x64"), 0)[0] == [2 * 4 * 64 * 2]
    assert moved(traced(lambda x, y: x * y.expand(4, 64), "4x64", "1x64"), 0)[0] == [64 * 2, 4 * 64 * 2]


# instructions and buffers


def test_views_are_no_instructions_and_read_their_own_part() -> None:
    program = traced(lambda x: x.view(8, 64).t().unsqueeze(0)[:, :16].sum(), "4x128")
    assert program.labels == ("sum",)
    assert moved(program, 0)[0] == [16 * 8 * 2]
    assert program.size.tolist() == [1024, 512]


def test_constants_have_no_buffer() -> None:
    program = traced(lambda x: x + torch.arange(64) * torch.ones(64) + torch.tensor(2.0), "4x64")
    assert (program.instructions, program.buffers) == (1, 2)


def test_what_nothing_needs_is_left_out() -> None:
    pooled = traced(lambda x: (x.exp().sum(), F.max_pool2d(x, 2))[1], "1x1x32x32")
    assert pooled.labels == ("max_pool2d_with_indices",)
    assert moved(pooled, 0)[1] == [16 * 16 * 2]


def test_pointwise_operators_join_the_operator_before_them() -> None:
    layers = lambda: (nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))  # noqa: E731
    program = traced(lambda layer, norm, x: F.relu(norm(layer(x)) + x), "1x8x16x16", parts=layers)
    assert program.labels == ("convolution+batch_norm+add+relu",)
    assert moved(program, 0) == ([16, 16, 16, 16, 8 * 8 * 9 * 2, 2 * 4096], [4096])


@pytest.mark.parametrize(
    ("function", "labels"),
    [
        (lambda x: (x.cumsum(0) + 1) * 2, ["cumsum+add+mul"]),
        (lambda x: (y := x.cumsum(0), y + 1), ["cumsum", "add"]),  # y is an output itself
        (lambda x: (x + 1) * x.cumsum(0), ["add", "cumsum+mul"]),  # joins what is made last
        (lambda x: (y := x.exp()) * y.cumsum(0), ["exp", "cumsum+mul"]),  # y has two readers
        (lambda x: x - x.mean(1, keepdim=True), ["mean", "sub"]),  # has fewer elements than the result
        (lambda x: x.cumsum(0).sum(0), ["cumsum", "sum"]),  # is not pointwise
    ],
)
def test_fusion_follows_its_rule(function, labels) -> None:
    assert list(traced(function, "16x16").labels) == labels


# updates in place


def test_an_update_in_place_is_an_alias_and_moves_only_what_changes() -> None:
    def append(cache, new):
        cache[:, -1:] = new
        return cache.sum(1)

    program = traced(append, "4x128x64", "4x1x64")
    assert program.labels == ("copy", "sum")
    assert moved(program, 0) == ([0, 4 * 64 * 2], [4 * 64 * 2])
    assert moved(program, 1)[0] == [4 * 128 * 64 * 2]
    old, new = np.flatnonzero(program.size == 65536)
    assert program.alias.tolist() == [int(old) if n == new else -1 for n in range(program.buffers)]
    assert (int(program.define[old]), int(program.define[new]), int(program.output[new])) == (INPUT, 0, 1)


def test_an_update_that_returns_a_copy_overwrites_an_argument_that_is_not_read_again() -> None:
    put = lambda cache, at, new: cache.index_put((at,), new)  # noqa: E731
    program = traced(put, "64x64", "2:int64", "2x64")
    assert moved(program, 0) == ([0, 16, 256], [256])
    assert program.alias.max() >= 0
    again = traced(lambda *given: (put(*given), given[0].sum()), "64x64", "2:int64", "2x64")
    assert moved(again, 0) == ([16, 256, 8192], [8192])
    assert again.alias.max() == -1


def test_an_update_takes_an_operation_for_each_entry_that_it_changes() -> None:
    def ticks(function) -> int:
        return int(traced(function, "64x64", "2:int64", "2x64", vector_rate=1e12).compute[0])

    assert ticks(lambda cache, at, new: cache.index_put((at,), new)) == 128
    assert ticks(lambda cache, at, new: cache.index_put_((at,), new)) == 128
    assert ticks(lambda cache, at, new: (cache.index_put((at,), new), cache.sum())) == 4096  # the old value is read again


def test_a_parameter_is_not_overwritten_by_a_forward_pass() -> None:
    program = traced(
        lambda table, at, new: table.weight.index_put((at,), new), "2:int64", "2x64", parts=lambda: (nn.Embedding(64, 64),)
    )
    assert program.alias.max() == -1
    assert moved(program, 0)[1] == [8192]


def test_adding_in_place_reads_what_it_adds_to() -> None:
    program = traced(lambda x, at, new: x.index_add_(0, at, new), "64x64", "2:int64", "2x64")
    assert moved(program, 0) == ([16, 256, 256], [256])


def test_an_update_waits_for_readers_of_the_old_value_and_takes_its_producer_along() -> None:
    def update(x, y):
        step = y.cumsum(0)
        total = x.sum()
        return x.add_(step), total

    assert traced(update, "16x16", "16x16").labels == ("sum", "cumsum+add")
    kept = traced(lambda x, y: (y.cumsum(0), x.sum(), x.add_(y.cumsum(0))), "16x16", "16x16")
    assert kept.labels == ("cumsum", "sum", "cumsum+add")


def test_an_update_does_not_move_before_a_reader_when_its_operand_is_needed_early() -> None:
    def update(x, y):
        step, place = y.cummax(0)
        total = x.sum()
        return x.add_(step), total, place

    assert traced(update, "16x16", "16x16").labels == ("cummax", "sum", "add")


def test_updates_that_become_one_instruction_are_one_alias() -> None:
    program = traced(lambda x: x.relu_().add_(1), "16x16")
    assert program.labels == ("relu+add",)
    assert sorted(program.alias.tolist()) == [-1, 0]


def test_a_constant_that_is_filled_in_is_written_whole() -> None:
    program = traced(lambda x: torch.zeros(32, 16).index_copy_(0, torch.arange(8), x), "8x16")
    assert moved(program, 0) == ([256], [1024])
    assert program.alias.max() == -1


def test_an_update_of_several_views_of_a_tensor_moves_all_of_them() -> None:
    def update(x):
        torch._foreach_add_([x[0], x[3]], 1.0)
        return x

    assert moved(traced(update, "4x64"), 0) == ([256], [256])


def test_training_updates_every_parameter_in_place_and_yields_the_loss() -> None:
    program = traced(lambda layer, x: layer(x), "32x64", parts=lambda: (nn.Linear(64, 10),), train=True)
    assert program.labels[-2:] == ("mm+sub", "sum+sub")
    assert program.alias[program.output == 1].tolist().count(-1) == 1  # the loss
    for new in np.flatnonzero(program.alias >= 0):
        assert program.define[program.alias[new]] == INPUT
    assert sorted(program.size[program.alias >= 0].tolist()) == [512, 1536]


def test_a_module_that_returns_a_number_is_trained_on_it() -> None:
    program = traced(lambda layer, x: layer(x).sum(), "32x64", parts=lambda: (nn.Linear(64, 10),), train=True)
    assert [label for label in program.labels if "loss" in label or "softmax" in label] == []
    assert (program.alias >= 0).sum() == 2


def test_training_keeps_running_statistics_in_place() -> None:
    program = traced(lambda norm, x: norm(x), "32x64", parts=lambda: (nn.BatchNorm1d(64),), train=True)
    assert (program.alias >= 0).sum() == 5  # weight, bias, mean, variance, count of batches


@pytest.mark.parametrize("model", ["bert-tiny", "resnet14"])
def test_a_value_is_not_read_after_it_is_overwritten(model) -> None:
    program = trace_network(model, batch=2, train=True)
    new = np.flatnonzero(program.alias >= 0)
    assert len(new) > 30
    for n in new:
        readers = program.access[program.access[:, BUFFER] == program.alias[n], INSTRUCTION]
        assert readers.max() == program.define[n]


# the networks


@functools.cache
def small(model: str) -> MemoryProgram:
    return trace_network(model, sequence=32 if NETWORKS[model].sequence else None)


@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_is_traced(model) -> None:
    program = small(model)
    assert program.instructions >= 10
    assert program.output.sum() >= 1
    assert (program.compute > 0).all()


def test_networks_have_the_published_number_of_parameters() -> None:
    counts = {}
    for model in ("alexnet", "resnet50", "resnet101", "densenet121", "bert-base", "mixer", "vit"):
        program = small(model)
        counts[model] = int(program.size[program.define == INPUT].sum()) / 2 / 1e6  # two bytes each; images are few
    published = {"alexnet": 61.1, "resnet50": 25.6, "resnet101": 44.5, "densenet121": 8.0, "mixer": 59.9, "vit": 86.6}
    assert {model: round(counts[model]) for model in published} == pytest.approx(published, abs=1.0)
    assert counts["bert-base"] == pytest.approx(109.5, abs=0.5)


def test_operations_add_up_to_what_torch_counts() -> None:
    program = trace_network("resnet14", batch=2, device_flops=1e12, vector_rate=2.0**59)
    with torch.device("meta"), FlopCounterMode(display=False) as count, torch.no_grad():
        ResNet((1, 1, 1, 1)).eval()(torch.empty(2, 3, 224, 224))
    assert int(program.compute.sum()) == pytest.approx(count.get_total_flops(), rel=1e-7)


def test_a_decoder_updates_its_caches_in_place() -> None:
    program = trace_network("gpt2-decode", batch=2, sequence=64)
    caches = np.flatnonzero(program.alias >= 0)
    assert len(caches) == 24
    assert set(program.size[caches].tolist()) == {2 * 64 * 768 * 2}
    assert program.output[caches].all()


# bundled programs


def test_the_bundled_programs_are_the_standard_ones() -> None:
    names = [program_name(*what) for what in STANDARD]
    assert sorted(path.stem for path in BUNDLED.glob("*.json")) == sorted(names)
    assert sum(path.stat().st_size for path in BUNDLED.glob("*.json")) < 10**6
    for name in names:
        program = read_program(BUNDLED / f"{name}.json")
        assert (program.name, program.capacity, program.alignment) == (name, CAPACITY, 512)


@pytest.mark.parametrize("what", [("alexnet", 8, None, False), ("resnet14", 8, None, False)], ids=lambda what: what[0])
def test_bundled_programs_equal_a_fresh_trace(what, tmp_path) -> None:
    model, batch, sequence, train = what
    program = trace_network(model, batch=batch, sequence=sequence, train=train)
    assert_same(read_program(BUNDLED / f"{program.name}.json"), program)
    write_program(program, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (BUNDLED / f"{program.name}.json").read_bytes()


def test_the_standard_set_is_written_again(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("dispatchgym.instances.memory.trace.command.STANDARD", STANDARD[:1])
    main(["--standard", "--out", str(tmp_path)])
    assert (tmp_path / "alexnet-b8.json").read_bytes() == (BUNDLED / "alexnet-b8.json").read_bytes()
    assert "alexnet-b8: 11 instructions, 28 buffers" in capsys.readouterr().out
    with pytest.raises(InputError, match="cannot be written"):
        write_standard(tmp_path / "missing")


# the state of torch


def state() -> tuple[object, ...]:
    flags = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    return torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state().tolist(), flags, list(sys.path)


def test_torch_is_left_as_it_was() -> None:
    before = state()
    for train in (False, True):
        traced(lambda layer, x: F.dropout(layer(x)), "4x8", parts=lambda: (nn.Linear(8, 8),), train=train)
    with pytest.raises(InputError):
        traced(lambda layer, x: layer(x), "4x9", parts=lambda: (nn.Linear(8, 8),))
    assert state() == before


def test_a_module_with_weights_is_traced_in_its_own_dtype_and_left_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)).train(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    program = trace(module, ["4x8"], capacity=CAPACITY, name="real", train=True)
    assert 4 * 8 * 4 in moved(program, 0)[1]
    assert not module.training
    assert all(parameter.grad is None and not parameter._backward_hooks for parameter in module.parameters())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_tracing_twice_gives_the_same_program() -> None:
    assert_same(trace_network("bert-tiny", train=True), trace_network("bert-tiny", train=True))


def test_the_package_is_imported_without_torch_being_traced() -> None:
    modules = "dispatchgym.instances.memory.instance, dispatchgym.instances.memory.trace.networks"
    command = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


# the command

NET = """
import torch
from torch import nn
from beside import WIDTH

class Net(nn.Module):
    def __init__(self, width=WIDTH, *, fail=None):
        super().__init__()
        if fail == "constructor":
            raise ValueError("no such width")
        self.fail, self.layer = fail, nn.Linear(8, width)

    def forward(self, x):
        if self.fail == "branch" and x.sum() > 0:
            return x
        return x[x > 0] if self.fail == "shape" else self.layer(x)

class Vector(nn.Module):
    def forward(self, x):
        return x.sum(1)

class NotAModule:
    pass

class Nothing(nn.Module):
    def forward(self, x):
        return x.view(-1)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("WIDTH = 16\n")
    (tmp_path / "mynet.py").write_text(NET)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("beside", "mynet"):
        sys.modules.pop(name, None)


def test_a_class_in_a_file_is_traced(folder, capsys) -> None:
    main(["./mynet.py:Net", "--input", "4x8", "--args", '{"width": 32}', "--capacity", "64KiB", "--out", "x.json"])
    program = read_program(folder / "x.json")
    assert (program.name, program.capacity, program.labels) == ("Net-4x8", 65536, ("addmm",))
    assert moved(program, 0)[1] == [4 * 32 * 2]
    assert capsys.readouterr().out.startswith("Net-4x8: 1 instructions, 4 buffers")
    assert "_traced_mynet" not in sys.modules


def test_a_class_in_a_package_is_traced_by_the_command_itself(folder) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "dispatchgym.instances.trace",
        "mynet:Net",
        "--input",
        "4x8",
        "--args",
        "[24]",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert done.stderr == ""
    assert moved(read_program(folder / "Net-4x8.json"), 0)[1] == [4 * 24 * 2]


def test_a_network_is_traced_by_name(folder) -> None:
    main(["bert-tiny", "--batch", "2", "--sequence", "16", "--train", "--device-flops", "1e12"])
    assert read_program(folder / "bert-tiny-train-b2-s16.json").instructions > 50


def test_help_lists_every_network(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert [model for model in NETWORKS if model not in said] == []
    assert "--input" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "model '' is unknown; there are alexnet, "),
        ("resnet-50", "model 'resnet-50' is unknown; did you mean resnet50"),
        ("alexnet --batch 0", "batch 0 is not between 1 and"),
        ("bert-tiny --sequence 0", "sequence 0 is not between 1 and"),
        ("alexnet --sequence 8", "alexnet has no sequence length"),
        ("bert-tiny --sequence 513", "sequence 513: bert-tiny has positions for 512"),
        ("alexnet --capacity 0", "alexnet-b1: capacity 0 is not between 1 and"),
        ("alexnet --capacity 16MB", "--capacity '16MB' is not a number of bytes"),
        ("alexnet --device-flops 0", "device_flops 0 is not between 1 and"),
        ("alexnet --slow-rate nan", "slow_rate nan is not between 1 and"),
        ("alexnet --input 8x8", "--input and --args are for modules of your own"),
        ("alexnet --out missing/x.json", "missing/x.json: cannot be written"),
        ("alexnet --standard --out .", "--standard takes no MODEL"),
        ("--standard", "--standard takes no MODEL, but the folder --out"),
        ("--standard --out missing", "--out missing: is not a folder"),
        ("mynet.py", "mynet.py: which class? Write mynet.py:Class"),
        ("absent.py:Net --input 4x8", "absent.py: no such file"),
        ("absent.module:Net --input 4x8", "absent.module:Net: cannot be imported: ModuleNotFoundError: "),
        ("broken.py:Net --input 4x8", "broken.py:Net: cannot be imported: ModuleNotFoundError: "),
        ("leaves.py:Net --input 4x8", "leaves.py:Net: cannot be imported: SystemExit: 3"),
        ("mynet.py:Nett --input 4x8", "mynet.py has no class 'Nett'; it has Net"),
        ("mynet.py:NotAModule --input 4x8", "NotAModule is not a torch.nn.Module"),
        ("mynet.py:Net", "mynet.py:Net: --input is missing"),
        ("mynet.py:Net --batch 4 --input 4x8", "--batch and --sequence are for networks known by name"),
        ("mynet.py:Net --input 4*8", "input '4*8' is not of the form"),
        ("mynet.py:Net --input 4x0", "input '4x0': sizes are not between 1 and"),
        ("mynet.py:Net --input 4x8:word", "'word' is not a dtype of torch"),
        ("mynet.py:Net --input 4x8:nn", "'nn' is not a dtype of torch"),
        ("mynet.py:Net --input 4x9", "Net-4x9: forward of 4x9 fails: RuntimeError: "),
        ("mynet.py:Net --input 4x8 --input 4x8", "forward of 4x8, 4x8 fails: TypeError: "),
        ("mynet.py:Net --input 4x8 --args 5", "--args '5' is neither an object of keywords nor a list"),
        ("mynet.py:Net --input 4x8 --args {", "--args '{' is not JSON: "),
        ('mynet.py:Net --input 4x8 --args {"height":1}', "Net-4x8: cannot be made: TypeError: "),
        ('mynet.py:Net --input 4x8 --args {"fail":"constructor"}', "cannot be made: ValueError: no such width"),
        ('mynet.py:Net --input 4x8 --args {"fail":"branch"}', "control flow or shapes depend on values of tensors"),
        ('mynet.py:Net --input 4x8 --args {"fail":"shape"}', "control flow or shapes depend on values of tensors"),
        ("mynet.py:Nothing --input 4x8", "Nothing-4x8: computes nothing"),
        ("mynet.py:Nothing --input 4x8x2 --train", "returns a tensor (64,) of torch.bfloat16; for training, return logits"),
        ("mynet.py:Vector --input 4x8x2 --train", "what it returns depends on no parameter"),
    ],
)
def test_bad_requests_end_with_one_line_and_code_2(folder, capsys, arguments, message) -> None:
    before = torch.get_default_dtype()
    with pytest.raises(SystemExit) as left:
        main(arguments.split())
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert message in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert torch.get_default_dtype() == before
    assert not list(folder.glob("*.json"))
