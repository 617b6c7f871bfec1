"""The processes that train together: this one alone, or those that torchrun has started.

Each plays a part of the instances of a batch. Sums over all processes stand in the place of sums over the batch, so the weights
are those of one process with the whole batch, but for the order in which floats are added.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn

from dispatchgym.agents.settings import TrainConfig
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

GATHERING = timedelta(minutes=10)  # until all processes have started
PATIENCE = timedelta(hours=2)  # of a process that waits for the others, as for the schedules of an expert
MOST = 2**20  # processes


class Ranks:
    """`rank` of `count` processes; `device` is where tensors that they exchange must be."""

    def __init__(self, rank: int = 0, count: int = 1, device: str = "cpu") -> None:
        self.rank, self.count, self.device = rank, count, torch.device(device)

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files, validates and prints."""
        return self.rank == 0

    def part(self, items: Any, each: int = 1) -> Any:
        """Which of these items, a list or an array, are this process's; consecutive `each` belong together."""
        groups = len(items) // each
        return items[groups * self.rank // self.count * each : groups * (self.rank + 1) // self.count * each]

    def sums(self, **values: float) -> dict[str, float]:
        """The sum of each number over all processes."""
        if self.count == 1:
            return values
        table = torch.tensor(list(values.values()), dtype=torch.float64)
        return dict(zip(values, self._reduced(table, distributed.ReduceOp.SUM).tolist(), strict=True))

    def total(self, value: float) -> float:
        return self.sums(value=value)["value"]

    def most(self, value: float) -> float:
        """The largest of all processes' numbers."""
        if self.count == 1:
            return value
        return self._reduced(torch.tensor([value], dtype=torch.float64), distributed.ReduceOp.MAX).item()

    def lead(self, value: float) -> float:
        """The first process's number."""
        return self.most(value if self.leads else -torch.inf)

    def mean(self, values: Tensor) -> Tensor:
        """This process's part of the mean over all values of all processes: the parts add up to it."""
        if self.count == 1:
            return values.mean()
        return values.sum() / max(1.0, self.total(values.numel()))

    def standardised(self, values: Tensor) -> Tensor:
        """Less the mean, in standard deviations, both over all processes."""
        if self.count == 1:
            return (values - values.mean()) / (values.std() + 1e-6)
        mean, variance = self._moments(values)
        return (values - mean) / (variance**0.5 + 1e-6)

    def variance(self, values: Tensor) -> float:
        """That of a sample, over all processes."""
        return float(values.var()) if self.count == 1 else self._moments(values)[1]

    def _moments(self, values: Tensor) -> tuple[float, float]:
        exact = values.double()
        count = self.total(len(exact))
        mean = self.total(float(exact.sum())) / count
        squares = self.total(float((exact - mean).square().sum()))
        return mean, squares / (count - 1) if count > 1 else torch.nan

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the sum of all processes' gradients; none where no process has one."""
        if self.count == 1:
            return
        own = list(parameters)
        flat = torch.cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in own])
        known = flat.new_tensor([float(p.grad is not None) for p in own])
        found = self._reduced(torch.cat([flat, known]), distributed.ReduceOp.SUM)
        parts = found[: len(flat)].split([p.numel() for p in own])
        for p, part, holders in zip(own, parts, found[len(flat) :].tolist(), strict=True):
            p.grad = part.view_as(p) if holders else None

    def forward(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """A policy's forward pass that also takes the empty batch, which one of several processes may have."""
        if self.count == 1:
            return run

        def guarded(graph: Any, choices: Any) -> tuple[Tensor, Tensor]:
            if len(choices.features):
                found: tuple[Tensor, Tensor] = run(graph, choices)
                return found
            return choices.features.new_zeros(0), choices.features.new_zeros(0)

        return guarded

    @contextlib.contextmanager
    def agreed(self) -> Iterator[None]:
        """All processes go on together, or none: of those in which the block raises InputError the first one raises it on.

        The others leave with exit status 2.
        """
        fault: InputError | None = None
        try:
            yield
        except InputError as error:
            fault = error
        first = -self.most(-self.rank if fault is not None else -self.count)
        if fault is not None and first == self.rank:
            raise fault
        if first < self.count:
            raise SystemExit(2)

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """The block runs in the first process, then in the others, which find what it has compiled."""
        if not self.leads:
            self.most(0)
        yield
        if self.leads:
            self.most(0)

    def _reduced(self, values: Tensor, how: Any) -> Tensor:
        there = values.to(self.device)
        try:
            distributed.all_reduce(there, how)
            return there.to(values.device)
        except RuntimeError:
            raise InputError(
                f"process {self.rank} of {self.count}: another process of this training has ended; "
                "start all of them with --resume to go on from the last checkpoint"
            ) from None


ALONE = Ranks()


@contextlib.contextmanager
def joined(device: str, environment: Mapping[str, str] = os.environ) -> Iterator[Ranks]:
    """The processes that torchrun has started, connected while the context is open; without torchrun this one alone.

    They talk by NCCL, a GPU each, with device "cuda", else by Gloo, and share the cores of their machine. Raises InputError for
    variables that torchrun does not set like this, a GPU that is not there, and where the others cannot be reached.
    """
    count = _number(environment, "WORLD_SIZE", 1)
    if count == 1:
        yield ALONE
        return
    rank, here = _number(environment, "RANK", 0), _number(environment, "LOCAL_RANK", 0)
    if rank >= count:
        raise InputError(f"RANK={rank}: not below WORLD_SIZE={count}, as torchrun sets it")
    gpus = device == "cuda" and torch.cuda.is_available()
    where = f"cuda:{here}" if gpus else "cpu"
    if gpus:
        if here >= torch.cuda.device_count():
            raise InputError(f"LOCAL_RANK {here}: this machine has {torch.cuda.device_count()} GPUs, each process needs one")
        torch.cuda.set_device(here)
    cores, beside = len(os.sched_getaffinity(0)), _number(environment, "LOCAL_WORLD_SIZE", 1)
    os.environ.setdefault("DISPATCHGYM_THREADS", str(max(1, cores // beside)))
    try:
        with _ended_by_signals():
            shared, _, _ = next(distributed.rendezvous("env://", rank, count, timeout=GATHERING))
            # A restart by torchrun finds the addresses of processes that have ended in the same store.
            store = distributed.PrefixStore(f"start-{_number(environment, 'TORCHELASTIC_RESTART_COUNT', 0)}", shared)
            distributed.init_process_group("nccl" if gpus else "gloo", store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:150]
        raise InputError(f"process {rank} of {count}: the other processes cannot be reached: {reason}") from None
    try:
        yield Ranks(rank, count, where)
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """While torch waits for other processes it lets no handler of Python run, and there is nothing to save yet."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _number(environment: Mapping[str, str], name: str, least: int) -> int:
    """A variable of torchrun's; `least` if it is not set."""
    text = environment.get(name, str(least))
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and least <= int(text) <= MOST):
        raise InputError(f"{name}={shown(text)}: not a whole number from {least} to {MOST}, as torchrun sets it")
    return int(text)


def check_split(config: TrainConfig, count: int) -> None:
    """InputError for settings whose batch cannot be split over `count` processes."""
    if count == 1:
        return
    if config.learner in ("sb3", "without-replacement"):
        raise InputError(f"--learner {config.learner} cannot be split over {count} processes: start it without torchrun")
    if config.instances < count:
        raise InputError(f"--instances {config.instances}: {count} processes need at least one each")
    if config.learner == "ppo" and config.encode_every and config.ppo.minibatches > 1:
        raise InputError(
            f"--minibatches {config.ppo.minibatches} with --encode-every {config.encode_every} cannot be split over "
            f"{count} processes: the order of its graphs is that of the whole batch"
        )
