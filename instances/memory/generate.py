"""Random memory instances: packings whose optimum is known or not, and programs shaped like neural networks."""

from __future__ import annotations

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.memory.instance import INPUT, MAX_COMPUTE, TICKS_PER_SECOND, LongArray, MemoryProgram, Packing

MAX_BUFFERS = 5000  # of a generated packing
MAX_INSTRUCTIONS = 10_000  # of a generated program
UNIT = 1024  # bytes: sizes and times of the packings are multiples of it, as in MiniMalloc's benchmark
MIB = 2**20

# TPU v5e (jax-ml/scaling-book at 0819a7d, tpus.md): 8.1e11 bytes per second from HBM, and about 22 times that from VMEM.
# Operations per second do not appear: compute times are drawn against memory times.
SLOW_RATE = 810 * 10**9
FAST_RATE = 22 * SLOW_RATE
ALIGNMENT = 512


def guillotine(
    rng: np.random.Generator,
    buffers: int,
    *,
    times: int = 1024,
    capacity: int = MIB,
    stretch: float | None = None,
    variety: float = 0.4,
    removed: float = 0.0,
    name: str = "guillotine",
) -> Packing:
    """A rectangle of time x address cut at random into blocks, so that a packing of height `capacity` is known to exist.

    One block after another is cut in two, at a random place, until there are enough. With w and h, a block's shares of all
    `times` and of `capacity`, to the power 1 - `variety`: the block is drawn in proportion to w h, and cut by time with
    probability w / (w + `stretch` h), else by address. So at variety 0 areas and shapes are alike, at 1 they are anything; a
    large stretch (None: log-uniform on 0.7 to 8) makes small and long-lived buffers, which overlap many others. Then a share
    `removed` of the blocks is left out; there are `buffers` without them. Their order is random, sizes and times are multiples
    of `UNIT`.

    The peak, which is the lower bound, is `capacity` and so the optimum if nothing is removed; `best_known` is the height of the
    construction. Numbers of times and of overlapping pairs are near those of MiniMalloc's benchmark: of K at stretch 0.7, E at 1,
    I at 2, A, B and C at 3 to 4, J at 6, D at 8; of F, G and H at stretch 0.5, variety 0 and removed 0.35.

    Raises InputError for arguments that make no packing.
    """
    _check("buffers", buffers, 1, MAX_BUFFERS)
    stretch = float(np.exp(rng.uniform(np.log(0.7), np.log(8)))) if stretch is None else stretch
    _check("stretch", stretch, 0.001, 1000)
    _check("variety", variety, 0, 1)
    _check("removed", removed, 0, 0.9)
    _check("times", times, 1, 1_000_000)
    if capacity % UNIT or not UNIT <= capacity <= 2**40:
        raise InputError(f"capacity {capacity} is not a multiple of {UNIT} between {UNIT} and 2^40")
    blocks = _cut(rng, round(buffers / (1 - removed)), times, capacity // UNIT, stretch, 1 - variety)
    kept = rng.permutation(len(blocks))[:buffers]
    begin, end, low, high = blocks[kept].T
    return Packing(
        begin * UNIT,
        end * UNIT,
        (high - low) * UNIT,
        capacity,
        name=name,
        best_known=int(high.max()) * UNIT,
    )


def _cut(rng: np.random.Generator, count: int, width: int, height: int, stretch: float, power: float) -> LongArray:
    """(count, 4) blocks [begin, end) x [low, high) of the rectangle `width` x `height`."""
    blocks = np.zeros((count, 4), np.int64)
    blocks[0] = 0, width, 0, height
    for made in range(1, count):
        wide, tall = (blocks[:made, [1, 3]] - blocks[:made, [0, 2]]).T
        if int((wide * tall).max()) < 2:
            raise InputError(f"{width} times and {height} units of {UNIT} bytes do not make {count} blocks")
        w, h = (wide / width) ** power, (tall / height) ** power
        weight = np.where(wide * tall > 1, w * h, 0.0)
        which = int(rng.choice(made, p=weight / weight.sum()))
        share = w[which] / (w[which] + stretch * h[which])
        by_time = tall[which] < 2 or (wide[which] > 1 and rng.random() < share)
        axis = 0 if by_time else 2
        at = int(rng.integers(blocks[which, axis] + 1, blocks[which, axis + 1]))
        blocks[made] = blocks[which]
        blocks[which, axis + 1] = blocks[made, axis] = at
    return blocks


def random_packing(
    rng: np.random.Generator,
    buffers: int,
    *,
    times: int = 0,
    largest: int = MIB // 8,
    name: str = "random",
) -> Packing:
    """Buffers of independent lives and sizes and no capacity: the optimum is unknown.

    A life is log-uniform on 1 to `times` - 1 steps (default: half as many times as buffers), its begin uniform among those that
    fit; a size is log-uniform on `UNIT` to `largest` bytes, in multiples of `UNIT`. Raises InputError for arguments that make no
    packing.
    """
    _check("buffers", buffers, 1, MAX_BUFFERS)
    times = times or max(buffers // 2, 2)
    _check("times", times, 2, 1_000_000)
    _check("largest", largest, UNIT, 2**40)
    life = np.minimum(np.exp(rng.uniform(0, np.log(times), buffers)).astype(np.int64), times - 1)
    begin = rng.integers(0, times - life)
    units = np.maximum(1, np.exp(rng.uniform(0, np.log(largest / UNIT + 1), buffers)).astype(np.int64))
    return Packing(begin, begin + life, np.minimum(units, largest // UNIT) * UNIT, name=name)


class _Tape:
    """A program under construction; sizes are relative until it is cut to measure."""

    def __init__(self) -> None:
        self.size: list[float] = []
        self.define: list[int] = []
        self.alias: list[int] = []
        self.output: list[bool] = []
        self.access: list[tuple[int, int, float, bool]] = []  # buffer, instruction, share of its bytes, whether it writes

    def new(self, size: float, define: int, alias: int = -1, output: bool = False) -> int:
        """A buffer, written whole by the instruction `define`."""
        self.size.append(size)
        self.define.append(define)
        self.alias.append(alias)
        self.output.append(output)
        if define != INPUT:
            self.access.append((len(self.size) - 1, define, 1.0, True))
        return len(self.size) - 1

    def read(self, instruction: int, buffers: list[int], share: float = 1.0) -> None:
        self.access += [(n, instruction, share, False) for n in dict.fromkeys(buffers)]


class _Layer:
    """An instruction of the forward pass: the activations and the weights (-1 = none) that it reads, and what it writes."""

    def __init__(self, inputs: list[int], weights: int, result: int) -> None:
        self.inputs, self.weights, self.result = inputs, weights, result


def layered(
    rng: np.random.Generator,
    instructions: int,
    *,
    pressure: float | None = None,
    memory_bound: float | None = None,
    training: bool | None = None,
    capacity: int = 16 * MIB,
    name: str = "layered",
) -> MemoryProgram:
    """A random program that resembles a neural network on a TPU v5e.

    A chain of layers: with weights (an input of the program, read once), elementwise (in place one time in three, where nobody
    needs the old value), and joins with an activation kept from before (a sum if the sizes are equal, else a concatenation). A
    layer now and then goes on from a kept activation, which makes parallel branches; some reads touch only a part. Outputs are
    what nobody reads, and of the other activations one in thirty. A training graph (`training`; drawn one time in three) has
    its first half of such layers and in its second half the same in reverse order: each step reads the gradient so far, the
    activations and the weights of its layer, writes the next gradient and, in place, the new weights, which are outputs.

    Sizes spread over six octaves; all storages together take `pressure` times `capacity` (None: log-uniform on 1 to 20). The
    compute time of an instruction is what its traffic takes from slow memory times 2^U(-6 m, 6 (1 - m)), so that a share m =
    `memory_bound` (None: uniform on 0.5 to 0.9) is memory-bound if served from slow memory. One instruction in ten needs scoped
    bytes, at most a sixteenth of the capacity. Offsets and sizes are multiples of 512.

    Raises InputError for arguments that make no program.
    """
    _check("instructions", instructions, 1, MAX_INSTRUCTIONS)
    if not 16 * ALIGNMENT <= capacity <= 2**40:
        raise InputError(f"capacity {capacity} is not between {16 * ALIGNMENT} and 2^40")
    drawn = bool(rng.random() < 1 / 3)
    if training not in (None, True, False):
        raise InputError(f"training={shown(training)} is neither True nor False")
    training = instructions > 1 and (drawn if training is None else training)
    free = float(np.exp(rng.uniform(0, np.log(20)))), float(rng.uniform(0.5, 0.9))
    pressure, memory_bound = free[0] if pressure is None else pressure, free[1] if memory_bound is None else memory_bound
    _check("pressure", pressure, 0.001, 1000)
    _check("memory-bound share", memory_bound, 0, 1)
    tape = _Tape()
    forward = (instructions + 1) // 2 if training else instructions
    layers = _forward(rng, tape, forward, in_place=not training)
    if training:
        _backward(tape, layers, forward, instructions)
    read = {n for n, _, _, write in tape.access if not write}
    tape.output = [out or n not in read for n, out in enumerate(tape.output)]
    size, access = _measured(tape, pressure * capacity)
    traffic = np.zeros(instructions, np.int64)
    np.add.at(traffic, access[:, 1], access[:, 2])
    octaves = rng.uniform(-6 * memory_bound, 6 * (1 - memory_bound), instructions)
    scoped = ALIGNMENT * np.exp(rng.uniform(0, np.log(capacity / 16 / ALIGNMENT), instructions)).astype(np.int64)
    if float(traffic.max()) * TICKS_PER_SECOND / SLOW_RATE * 2**6 > MAX_COMPUTE:
        raise InputError(f"a pressure of {pressure:g} on {capacity} bytes makes instructions that take too long")
    return MemoryProgram(
        compute=np.ceil(traffic * (TICKS_PER_SECOND / SLOW_RATE) * 2**octaves).astype(np.int64),
        size=size,
        define=np.array(tape.define, np.int64),
        access=access,
        capacity=capacity,
        slow_rate=SLOW_RATE,
        fast_read_rate=FAST_RATE,
        fast_write_rate=FAST_RATE,
        scoped=np.where(rng.random(instructions) < 0.1, scoped, 0),
        output=np.array(tape.output, np.int64),
        alias=np.array(tape.alias, np.int64),
        alignment=ALIGNMENT,
        name=name,
    )


def _forward(rng: np.random.Generator, tape: _Tape, count: int, *, in_place: bool) -> list[_Layer]:
    now = tape.new(2.0 ** rng.uniform(-2, 2), INPUT)
    kept: list[int] = []
    layers: list[_Layer] = []
    for i in range(count):
        if rng.random() < 0.2 and now not in kept:
            kept.append(now)
        if kept and rng.random() < 0.1:
            kept[-1], now = now, kept[-1]
        kind = rng.random()
        inputs, weights, size, owner = [now], -1, tape.size[now], -1
        if kept and kind < 0.25 and kept[-1] != now:
            inputs.append(kept.pop())
            size = size if tape.size[inputs[1]] == size else size + tape.size[inputs[1]]
        elif kind < 0.7:
            weights = tape.new(2.0 ** rng.uniform(-3, 3), INPUT)
            size = size if rng.random() < 0.6 else 2.0 ** int(rng.integers(-2, 3))
        elif in_place and now not in kept and tape.define[now] != INPUT and not tape.output[now] and rng.random() < 1 / 3:
            owner = now
        share = rng.uniform(0.05, 1) if owner < 0 and rng.random() < 0.1 else 1.0
        tape.read(i, inputs, share)
        tape.read(i, [weights] if weights >= 0 else [])
        result = tape.new(size, i, owner, output=bool(rng.random() < 1 / 30))
        layers.append(_Layer(inputs, weights, result))
        now = result
    return layers


def _backward(tape: _Tape, layers: list[_Layer], first: int, end: int) -> None:
    """The layers in reverse order, as instructions `first` to `end` - 1."""
    gradients: dict[int, list[int]] = {layers[-1].result: [layers[-1].result]}  # of each activation, to be added up
    for i, layer in zip(range(first, end), reversed(layers), strict=False):
        reads = gradients.pop(layer.result, [layer.result])
        tape.read(i, reads + layer.inputs)
        if layer.weights >= 0:
            tape.read(i, [layer.weights])
            tape.new(tape.size[layer.weights], i, layer.weights, output=True)
        result = tape.new(tape.size[layer.inputs[0]], i)
        for n in layer.inputs:
            gradients.setdefault(n, []).append(result)


def _measured(tape: _Tape, total: float) -> tuple[LongArray, LongArray]:
    """Sizes (N,) and accesses (A, 4) in bytes, so that the storages take about `total` together."""
    relative, alias = np.array(tape.size), np.array(tape.alias)
    size = np.ceil(relative * (total / relative[alias < 0].sum()) / ALIGNMENT).astype(np.int64) * ALIGNMENT
    rows = [(n, i, max(1, int(size[n] * share)), write) for n, i, share, write in tape.access]
    return size, np.array(rows, np.int64)


def _check(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{what} {value:g} is not between {low:g} and {high:g}")
