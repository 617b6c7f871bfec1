"""Devices by name: one GPU a process, chosen once and followed by torch and by numba. The driver is a stand-in."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dispatchgym.envs.core import devices
from dispatchgym.envs.core.devices import check_device, used_gpu
from dispatchgym.instances.errors import InputError


@pytest.fixture
def chosen(monkeypatch: Any) -> dict[str, int]:
    """The current GPU of torch and of numba, of two that there seem to be."""
    cuda = pytest.importorskip("numba.cuda")
    found = {"torch": 0, "numba": 0}
    monkeypatch.setattr(devices, "_used", [])
    monkeypatch.setattr(devices, "simulated", lambda: False)
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "select_device", lambda number: found.update(numba=number))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: found["torch"])
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: found.update(torch=number))
    return found


def test_a_gpu_is_chosen_by_number_and_followed(chosen: dict[str, int]) -> None:
    assert used_gpu() is None
    assert check_device("cuda:1") == "cuda"
    assert chosen == {"torch": 1, "numba": 1}
    assert check_device("cuda") == check_device("cuda:1") == "cuda"
    assert used_gpu() == 1


def test_without_a_number_it_is_torchs_current_one(chosen: dict[str, int]) -> None:
    chosen["torch"] = 1
    assert check_device("cuda") == "cuda"
    assert (used_gpu(), chosen["numba"]) == (1, 1)


def test_a_second_gpu_is_refused_also_where_torch_was_moved_to_it(chosen: dict[str, int]) -> None:
    check_device("cuda:1")
    with pytest.raises(InputError, match=r"^device 'cuda:0': this process uses cuda:1 already, and a process can use one GPU$"):
        check_device("cuda:0")
    chosen["torch"] = 0
    with pytest.raises(InputError, match=r"^device 'cuda:0': this process uses cuda:1 already"):
        check_device("cuda")


def test_a_gpu_that_is_not_there_is_refused(chosen: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"^device 'cuda:2': this machine has 2 GPUs"):
        check_device("cuda:2")


@pytest.mark.parametrize("device", ["cuda:", "cuda:-1", "cuda:x", "cpu:0", "cuda:1 ", "", None, 0])
def test_what_is_no_device_is_one_line(device: Any) -> None:
    with pytest.raises(InputError, match="is not one of cpu, cuda, python, or cuda:N"):
        check_device(device)
