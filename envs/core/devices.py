"""Where environments run: on the CPU, in plain Python, or on the one GPU that a process uses."""

from __future__ import annotations

import re
from typing import TypeAlias

from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.targets import Target
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

Device: TypeAlias = str  # "cpu", "cuda", "cuda:N" or "python"
DEVICES: tuple[Target, ...] = ("cpu", "cuda", "python")

_used: list[int] = []  # the number of the GPU that this process uses, once it uses one


def check_device(device: Device) -> Target:
    """`device` as a compilation target. "cuda:N" also makes GPU N the one that this process uses; "cuda" takes torch's.

    Raises InputError for an unknown device, if a GPU is asked for and none can be used, and for a second GPU.
    """
    found = re.fullmatch(r"cuda:([0-9]{1,3})", device) if isinstance(device, str) else None
    target = next((name for name in DEVICES if name == ("cuda" if found else device)), None)
    if target is None:
        raise InputError(f"device {shown(device)} is not one of {', '.join(DEVICES)}, or cuda:N for GPU N")
    if target == "cuda":
        try:
            from numba import cuda

            usable = cuda.is_available()
        except ImportError:
            usable = False
        if not usable:
            raise InputError(f"device {device!r} needs an NVIDIA GPU and the extra 'cuda' (pip install dispatchgym[cuda])")
        if not simulated():
            _use(int(found[1]) if found else None)
    return target


def used_gpu() -> int | None:
    """The number of the GPU that this process uses; None before there is one."""
    return _used[0] if _used else None


def _use(number: int | None) -> None:
    """Let torch and numba use this GPU, by default torch's current one.

    numba compiles for one GPU and keeps it, whatever torch does later, so a process has one.
    """
    import torch
    from numba import cuda

    asked = torch.cuda.current_device() if number is None else number
    if asked >= torch.cuda.device_count():
        raise InputError(f"device 'cuda:{asked}': this machine has {torch.cuda.device_count()} GPUs, counted from 0")
    if _used and _used[0] != asked:
        raise InputError(f"device 'cuda:{asked}': this process uses cuda:{_used[0]} already, and a process can use one GPU")
    torch.cuda.set_device(asked)
    cuda.select_device(asked)
    _used[:] = [asked]
