"""From recorded operators to the instructions of a program: what nothing needs is left out, pointwise operators join others.

A pointwise operator becomes part of the one that makes its last operand, if nothing else reads that operand and it has as many
elements as the result. The operand then never reaches memory. This stands in for the fusion of a compiler.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from dispatchgym.instances.memory.trace.record import NONE, Buffer, Operator, Recorder


@dataclass
class Instruction:
    """Operators that run as one."""

    at: int  # its place among the recorded operators
    parts: list[int] = field(default_factory=list)
    flops: int = 0
    vector: int = 0
    label: str = ""
    reads: dict[int, int] = field(default_factory=dict)
    writes: dict[int, int] = field(default_factory=dict)

    def add(self, number: int, operator: Operator) -> None:
        self.parts.append(number)
        self.flops += operator.flops
        self.vector += operator.vector
        self.label += f"+{operator.name}" if self.label else operator.name
        self.writes |= operator.writes
        for buffer, moved in operator.reads.items():
            if buffer not in self.writes:
                self.reads[buffer] = self.reads.get(buffer, 0) + moved


def needed(record: Recorder, outputs: Collection[int]) -> list[int]:
    """The operators, by number, without which the outputs cannot be made."""
    wanted, kept = set(outputs), []
    for number in reversed(range(len(record.operators))):
        operator = record.operators[number]
        if not wanted.isdisjoint(operator.writes):
            kept.append(number)
            wanted.update(operator.reads)
    return kept[::-1]


def update_in_place(record: Recorder, kept: Collection[int], outputs: Collection[int]) -> None:
    """Let operators that copy a tensor but for some entries overwrite it instead, where nothing later reads the old value."""
    last = {buffer: number for number in kept for buffer in record.operators[number].reads}
    overwritten = {buffer.previous for buffer in record.buffers}
    for number in kept:
        operator = record.operators[number]
        if operator.base == NONE or operator.base in overwritten or operator.base in outputs or last[operator.base] != number:
            continue
        base = record.buffers[operator.base]
        (new,) = operator.writes
        if base.maker == NONE and operator.base not in record.arguments:
            continue
        if base.size == record.buffers[new].size and operator.changed < base.size:
            record.buffers[new].previous = operator.base
            operator.reads[operator.base] = operator.changed if operator.accumulates else 0
            operator.writes[new] = operator.changed
            operator.vector = operator.vector * operator.changed // base.size  # it writes no other elements
            overwritten.add(operator.base)


class Fusion:
    """Instructions made of the operators `kept` of a record; `outputs` are the buffers that must reach memory."""

    def __init__(self, record: Recorder, kept: Collection[int], outputs: Collection[int]) -> None:
        self.operators, self.buffers, self.outputs = record.operators, record.buffers, set(outputs)
        self.readers: dict[int, list[int]] = {}
        for number in kept:
            for buffer in self.operators[number].reads:
                self.readers.setdefault(buffer, []).append(number)
        self.home: dict[int, Instruction] = {}  # of each operator so far
        self.overwriter: dict[int, int] = {}  # buffer -> operator that overwrites it, so far
        for number in kept:
            self._place(number)
        found = {id(instruction): instruction for instruction in self.home.values()}
        self.instructions = sorted(found.values(), key=lambda instruction: instruction.at)
        for instruction in self.instructions:
            instruction.writes = {n: moved for n, moved in instruction.writes.items() if self._leaves(n, instruction)}

    def _leaves(self, buffer: int, instruction: Instruction) -> bool:
        return buffer in self.outputs or any(self.home[reader] is not instruction for reader in self.readers.get(buffer, ()))

    def _place(self, number: int) -> None:
        operator = self.operators[number]
        instruction = self._joins(number) if operator.pointwise else None
        if instruction is None:
            instruction = Instruction(number)
        instruction.add(number, operator)
        self.home[number] = instruction
        for buffer in operator.writes:
            self.overwriter[self.buffers[buffer].previous] = number

    def _joins(self, number: int) -> Instruction | None:
        """The instruction that a pointwise operator becomes part of, if any."""
        operator = self.operators[number]
        makers = {n: self.home[self.buffers[n].maker] for n in operator.reads if self.buffers[n].maker != NONE}
        if not makers:
            return None
        last = max(makers.values(), key=lambda instruction: instruction.at)
        operands = [n for n, maker in makers.items() if maker is last]
        fits = all(operator.read_elements[n] == operator.elements for n in operands)
        if not fits or not any(self.readers[n] == [number] and n not in self.outputs for n in operands):
            return None
        old = {self.buffers[n].previous for n in operator.writes} - {NONE}
        late = [i for n in old for i in self.readers[n] if i < number and self.home[i] is not last and self.home[i].at > last.at]
        if late:
            if not self._can_wait(last, number):
                return None
            last.at = number
        return last

    def _can_wait(self, instruction: Instruction, number: int) -> bool:
        """Whether an instruction could run as late as operator `number`, the only one that uses what it makes."""
        inside = {number, *instruction.parts}
        alone = all(inside.issuperset(self.readers.get(n, ())) and n not in self.outputs for n in instruction.writes)
        changes = [self.overwriter[n] for n in instruction.reads if n in self.overwriter]
        return alone and not any(instruction.at < self.home[i].at <= number for i in changes)


def alias(buffers: list[Buffer], kept: Collection[int], buffer: int) -> int:
    """The buffer among `kept` that `buffer` overwrites in place, or NONE."""
    previous = buffers[buffer].previous
    while previous != NONE and previous not in kept:
        previous = buffers[previous].previous
    return previous
