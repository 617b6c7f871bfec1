"""The applications, platforms, static graphs and presets of streams that come with the package."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc.instance import Application, Platform, StaticDag, Workload

OWN = ("wifi-tx", "wifi-rx", "range-detection", "single-carrier-tx", "single-carrier-rx", "temporal-mitigation")
_TOP_OPTIMA = (73, 81, 80, 87, 85, 80, 72, 65, 72, 74)  # of top-01 to top-10, proved by CP-SAT
TOP = tuple(f"top-{i:02d}" for i in range(1, len(_TOP_OPTIMA) + 1))
APPLICATIONS = {
    **{name: f"own/jobs/{name.replace('-', '_')}.json" for name in OWN},
    **{name: f"mit-gym-ds3/jobs/{name.replace('-', '_')}.json" for name in TOP},
}
PLATFORMS = {
    "wireless-16": "own/platforms/soc_16pe_wireless.json",
    "matrix-16": "own/platforms/soc_16pe_matrix.json",
    "wireless-8": "own/platforms/soc_8pe.json",
    "gym-ds3": "mit-gym-ds3/platforms/top_3pe.json",
}
STATIC = {"topcuoglu-10": "static/topcuoglu_10.json", "peft-10": "static/peft_10.json"}

SETS: dict[str, tuple[str, ...]] = {
    "worked": tuple(STATIC),
    "top": TOP,
    "own": tuple(f"{job}@{chip}" for chip in PLATFORMS if chip != "gym-ds3" for job in OWN),
}

_GYM_DS3: dict[str, Any] = {"scale": 25.0, "cap": 3, "when_full": "redraw", "prefill": True, "horizon": 5000}
_DS3: dict[str, Any] = {
    "scale": 200.0,
    "cap": 12,
    "when_full": "retry",
    "prefill": False,
    "horizon": 50_000,
    "warmup": 10_000,
}
_PRESETS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {  # platform, applications, other fields of the workload
    **{f"gym-ds3-{n}": ("gym-ds3", TOP[:n], _GYM_DS3) for n in (1, 5, 10)},
    "wireless-16-tx": ("wireless-16", OWN[:2], {**_DS3, "probabilities": (0.8, 0.2)}),
    "wireless-16-rx": ("wireless-16", OWN[:2], {**_DS3, "probabilities": (0.2, 0.8)}),
    "wireless-16-six": ("wireless-16", OWN, _DS3),
    "wireless-8-six": ("wireless-8", OWN, _DS3),
}
PRESETS: tuple[str, ...] = tuple(_PRESETS)


def application(what: str) -> Application:
    """The bundled application called `what`, or else the one in a file."""
    return _part(what, APPLICATIONS) if what in APPLICATIONS else soc_files.read_application(what)


def platform(what: str) -> Platform:
    """The bundled platform called `what`, or else the one in a file."""
    return _part(what, PLATFORMS) if what in PLATFORMS else soc_files.read_platform(what)


def _part(name: str, where: Mapping[str, str]) -> Any:
    return dataclasses.replace(_bundled(where[name]), name=name)


@lru_cache(maxsize=64)
def _bundled(file: str) -> soc_files.Readable:
    return soc_files.parse(_data(file), file)


def _data(file: str) -> str:
    return (files("dispatchgym.instances") / "data" / "soc" / file).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def optima() -> dict[str, int]:
    """Proved optimal makespans of the bundled graphs of applications on platforms (microseconds)."""
    rows = json.loads(_data("own/reference_results.json"))["single_job_us"]
    known = dict(zip(TOP, _TOP_OPTIMA, strict=True))
    for chip, file in PLATFORMS.items():
        for job, row in rows.get(Path(file).stem, {}).items():
            if row["proved"]:
                known[f"{job.replace('_', '-')}@{chip}"] = row["optimum"]
    return known


@lru_cache(maxsize=16)
def preset(name: str) -> Workload:
    """The workload of a preset."""
    chip, jobs, fields = _PRESETS[name]
    return Workload(platform(chip), tuple(application(x) for x in jobs), name=name, **fields)


def static(name: str) -> StaticDag:
    """A bundled static graph that is no pair of an application and a platform."""
    dag = _bundled(STATIC[name])
    assert isinstance(dag, StaticDag)
    return dag
