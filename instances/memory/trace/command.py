"""`python -m dispatchgym.instances.trace MODEL`: what a neural network does to memory, as a program to map. Needs no weights.

How programs come from modules: `module.py`.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro
from torch import nn

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.memory.files import write_program
from dispatchgym.instances.memory.instance import INPUT, MemoryProgram, all_slow
from dispatchgym.instances.memory.trace.module import (
    CAPACITY,
    DEVICE_FLOPS,
    FAST_RATE,
    MAX_SIDE,
    SLOW_RATE,
    VECTOR_RATE,
    Shape,
    trace,
    user_code,
)
from dispatchgym.instances.memory.trace.networks import NETWORKS, Network
from dispatchgym.instances.names import parse_size


class Standard(NamedTuple):
    """A program that is bundled."""

    model: str
    batch: int
    sequence: int | None = None
    train: bool = False


# Names by which they are bundled; all with 16 MiB of fast memory.
STANDARD = (
    Standard("alexnet", 8),
    Standard("unet", 1),
    Standard("resnet50", 8),
    Standard("resnet101", 8),
    Standard("densenet121", 8),
    Standard("mixer", 8),
    Standard("vit", 8),
    Standard("bert-base", 8, 128),
    Standard("gpt2-prefill", 1, 512),
    Standard("gpt2-decode", 8, 1024),
    Standard("resnet50", 8, train=True),
    Standard("bert-base", 4, 128, train=True),
    Standard("alexnet", 1),
    Standard("alexnet", 32),
    Standard("unet", 2),
    Standard("resnet14", 8),
    Standard("resnet50", 1),
    Standard("mixer", 1),
    Standard("vit", 1),
    Standard("bert-tiny", 32, 128),
    Standard("bert-base", 1, 384),
    Standard("gpt2-prefill", 4, 128),
    Standard("alexnet", 32, train=True),
    Standard("resnet14", 8, train=True),
    Standard("bert-tiny", 32, 128, train=True),
)

_LISTING = "\n".join(f"  {name:14}{network.about}" for name, network in NETWORKS.items())
DESCRIPTION = f"""Write the memory program of a neural network: its operators as instructions, its tensors as buffers.

MODEL is one of
{_LISTING}

or a module of your own, package.module:Class or path/to/file.py:Class, or an ONNX file, path/to/file.onnx (extra `onnx`).

examples:
  python -m dispatchgym.instances.trace resnet50 --batch 8
  python -m dispatchgym.instances.trace bert-base --batch 4 --sequence 128 --train --capacity 32MiB
  python -m dispatchgym.instances.trace nets/mine.py:Net --input 8x3x64x64 --args '{{"width": 32}}' --out mine.json
  python -m dispatchgym.instances.trace shop.models:Ranker --input 16x128:int64 --input 16x8
  python -m dispatchgym.instances.trace nets/mine.onnx --batch 8

Nothing is downloaded and no weights are made: a network of any size is traced in seconds. Its forward method must not decide
anything by the values of tensors."""


@dataclass(frozen=True)
class Arguments:
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")] = ""
    """What to trace; see above."""
    batch: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Inputs at a time (1 by default)."""
    sequence: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Tokens of each input, for a decoder those in its caches; by default as usual for the network."""
    input: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="SHAPE")] = ()
    """Of your own module or ONNX file: shape of an argument, as 8x3x224x224 or 8x128:int64; once for each argument."""
    args: Annotated[str, tyro.conf.arg(metavar="JSON")] = "{}"
    """Of your own module: arguments of its constructor, an object of keywords or a list."""
    train: bool = False
    """A step of training instead of a forward pass: gradients, and parameters updated in place by gradient descent. The loss is
    the cross-entropy of what the module returns, classes along dimension 1, or what it returns if that is one number."""
    capacity: Annotated[str, tyro.conf.arg(metavar="BYTES")] = "16MiB"
    """Fast memory: bytes, or with KiB, MiB, GiB."""
    device_flops: Annotated[float, tyro.conf.arg(metavar="X")] = DEVICE_FLOPS
    """Operations a second of matrix products and convolutions (a TPU v5e in bfloat16)."""
    vector_rate: Annotated[float, tyro.conf.arg(metavar="X")] = VECTOR_RATE
    """Elements a second of any other operator (an assumption)."""
    slow_rate: Annotated[float, tyro.conf.arg(metavar="X")] = SLOW_RATE
    """Bytes a second of slow memory (a TPU v5e)."""
    fast_rate: Annotated[float, tyro.conf.arg(metavar="X")] = FAST_RATE
    """Bytes a second of fast memory (22 times that)."""
    standard: bool = False
    """Write all bundled programs into the folder --out instead of one."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Where the program goes; by default NAME.json here."""


def main(argv: list[str] | None = None) -> None:
    """Run the command with `argv` (default: the process's own). Exits with 2 on bad input."""
    options = tyro.cli(
        Arguments,
        prog="python -m dispatchgym.instances.trace",
        description=DESCRIPTION,
        args=argv,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    try:
        if options.standard:
            write_standard(_folder(options))
        else:
            program = _traced(options)
            file = options.out or Path(f"{program.name}.json")
            write_program(program, file)
            print(f"{describe(program)}; written to {file}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def describe(program: MemoryProgram) -> str:
    """A line of what there is in a program."""
    inputs, millions = program.define == INPUT, 10**6
    return (
        f"{program.name}: {program.instructions} instructions, {program.buffers} buffers, "
        f"{program.size[inputs].sum() / 2**20:.1f} MiB of inputs, {program.size[~inputs].sum() / 2**20:.1f} MiB made; "
        f"{all_slow(program) / millions:.1f} us from slow memory alone, at least {(program.lower_bound or 0) / millions:.1f} us"
    )


def write_standard(folder: Path) -> None:
    """Trace the bundled programs again, into `folder`; a line is printed for each."""
    for what in STANDARD:
        program = trace_network(what.model, batch=what.batch, sequence=what.sequence, train=what.train)
        write_program(program, folder / f"{program.name}.json")
        print(describe(program), flush=True)


def _folder(options: Arguments) -> Path:
    if options.model or options.out is None:
        raise InputError("--standard takes no MODEL, but the folder --out")
    if not options.out.is_dir():
        raise InputError(f"--out {options.out}: is not a folder")
    return options.out


def _traced(options: Arguments) -> MemoryProgram:
    rates = {key: getattr(options, key) for key in ("device_flops", "vector_rate", "slow_rate", "fast_rate")}
    capacity = _bytes(options.capacity)
    if options.model.endswith(".onnx"):
        return _traced_onnx(options, capacity, rates)
    if ":" not in options.model:
        if options.input or options.args != "{}":
            raise InputError("--input and --args are for modules of your own, package.module:Class or path/to/file.py:Class")
        batch = 1 if options.batch is None else options.batch
        return trace_network(
            options.model, batch=batch, sequence=options.sequence, train=options.train, capacity=capacity, **rates
        )
    if options.batch is not None or options.sequence is not None:
        raise InputError("--batch and --sequence are for networks known by name; --input says the shapes of your own module")
    if not options.input:
        raise InputError(f"{options.model}: --input is missing, the shape of what its forward method takes, such as 8x3x224x224")
    shapes = [Shape.parse(text) for text in options.input]
    positional, keywords = _constructor(options.args)
    build = functools.partial(find_class(options.model), *positional, **keywords)
    name = f"{options.model.rpartition(':')[2]}{'-train' if options.train else ''}-{'x'.join(map(str, shapes[0].sizes))}"
    return trace(build, shapes, capacity=capacity, name=name, train=options.train, **rates)


def _traced_onnx(options: Arguments, capacity: int, rates: dict[str, Any]) -> MemoryProgram:
    """The program of an ONNX file; open first dimensions are --batch, and --input replaces all shapes."""
    if options.train or options.args != "{}" or options.sequence is not None:
        wrong = "--train is for torch modules" if options.train else "--args is for modules of your own"
        raise InputError(wrong if options.sequence is None else "--sequence is for networks known by name")
    need("onnx", what="an ONNX file")
    from dispatchgym.instances.memory.trace.onnx_graph import OnnxModule, inputs_of, read_onnx

    path = Path(options.model)
    model = read_onnx(path)
    shapes = inputs_of(model, options.batch, [Shape.parse(text) for text in options.input])
    build = functools.partial(OnnxModule, model, str(path))
    return trace(build, shapes, capacity=capacity, name=path.stem, **rates)


def _bytes(text: str) -> int:
    size = parse_size(re.sub(r"(?<=[0-9])B$", "", text.strip()))
    if size is None:
        raise InputError(f"--capacity {text!r} is not a number of bytes, such as 16777216, 512KiB or 16MiB")
    return size


def _constructor(text: str) -> tuple[list[Any], dict[str, Any]]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f"--args {text!r} is not JSON: {error}") from None
    if not isinstance(given, list | dict):
        raise InputError(f"--args {text!r} is neither an object of keywords nor a list")
    return (given, {}) if isinstance(given, list) else ([], given)


def trace_network(
    model: str, *, batch: int = 1, sequence: int | None = None, train: bool = False, capacity: int = CAPACITY, **rates: float
) -> MemoryProgram:
    """The program of one of `NETWORKS` for `batch` inputs; `sequence` is the length of those that have one. See `trace`.

    Raises InputError as `trace` does, and for an unknown model.
    """
    network = _network(model)
    for what, value in (("batch", batch), ("sequence", sequence)):
        if value is not None and not 1 <= value <= MAX_SIDE:
            raise InputError(f"{what} {value} is not between 1 and {MAX_SIDE}")
    if network.sequence is None and sequence is not None:
        raise InputError(f"sequence {sequence}: {model} has no sequence length")
    if sequence is not None and network.longest is not None and sequence > network.longest:
        raise InputError(f"sequence {sequence}: {model} has positions for {network.longest}")
    length = sequence or network.sequence
    name = program_name(model, batch, sequence, train)
    inputs = [text.format(b=batch, s=length) for text in network.inputs]
    build = functools.partial(find_class(network.target), **network.arguments)
    return trace(build, inputs, capacity=capacity, name=name, train=train, **rates)


def program_name(model: str, batch: int, sequence: int | None = None, train: bool = False) -> str:
    """What a network's program is called: `gpt2-prefill-b1-s512`, `resnet50-train-b8`. Raises InputError for an unknown model."""
    network = _network(model)
    length = sequence or network.sequence
    return f"{model}{'-train' if train else ''}-b{batch}{f'-{network.counts}{length}' if length else ''}"


def _network(model: str) -> Network:
    if model.endswith(".py"):
        raise InputError(f"{model}: which class? Write {model}:Class")
    if model not in NETWORKS:
        near = difflib.get_close_matches(model, NETWORKS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NETWORKS)}, and package.module:Class"
        raise InputError(f"model {model!r} is unknown; {hint}")
    return NETWORKS[model]


def find_class(target: str) -> Callable[..., Any]:
    """What `package.module:Class` or `path/to/file.py:Class` names. Raises InputError."""
    where, _, name = target.rpartition(":")
    with user_code(f"{target}: cannot be imported"):
        module = _file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    found = getattr(module, name, None)
    if not callable(found):
        classes = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, nn.Module)]
        near = difflib.get_close_matches(name, classes, n=1) or classes
        raise InputError(f"{target}: {where} has no class {name!r}" + (f"; it has {', '.join(near)}" if near else ""))
    return found


def _file(path: Path) -> Any:
    """The module in a file; files beside it can be imported while it is read."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(f"_traced_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[spec.name] = module  # dataclasses look their own module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
        sys.path.remove(str(path.parent))
    return module


if __name__ == "__main__":
    main()
