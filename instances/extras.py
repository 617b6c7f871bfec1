"""Optional packages: the extra that each one belongs to, and one line that says so where it is missing."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator

from dispatchgym.instances.errors import InputError

# Package -> extra of pyproject.toml.
EXTRAS = {
    "torch": "agent",
    "safetensors": "agent",
    "torch_geometric": "agent",
    "ortools": "solvers",
    "matplotlib": "plot",
    "tyro": "cli",
    "rich": "cli",
    "stable_baselines3": "sb3",
    "sb3_contrib": "sb3",
    "ray": "cluster",
    "tensorboard": "log",
    "wandb": "wandb",
    "mlflow": "mlflow",
    "scipy": "stats",
    "jinja2": "report",
    "plotly": "report",
    "minari": "minari",
    "h5py": "minari",
    "onnx": "onnx",
}


class MissingExtra(InputError, ModuleNotFoundError):
    """A package that is not installed is needed; the message says how it is installed."""


def missing(package: str, what: str = "this") -> MissingExtra:
    extra = EXTRAS[package]
    error = MissingExtra(f"{what} needs the extra '{extra}': pip install 'dispatchgym[{extra}]'")
    error.name = package
    return error


def installed(package: str) -> bool:
    """Whether `package` can be found, without importing it."""
    if package in sys.modules:
        return sys.modules[package] is not None
    return importlib.util.find_spec(package) is not None


def need(*packages: str, what: str = "this") -> None:
    """Raise MissingExtra, on behalf of `what`, for the first of `packages` that is not installed."""
    for package in packages:
        if not installed(package):
            raise missing(package, what)


@contextlib.contextmanager
def named(what: str = "this") -> Iterator[None]:
    """Inside, an import of an optional package that fails as it is not installed raises MissingExtra."""
    try:
        yield
    except MissingExtra:
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS or installed(package):
            raise
        raise missing(package, what) from error
