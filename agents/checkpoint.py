"""Weights and training state on disk: safetensors with a JSON header, never pickle.

`policy.safetensors` holds the weights and, as its metadata, all that is needed to build the network again;
`policy.json` repeats that metadata for people. `training.safetensors` adds the optimiser, for `--resume`.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.envs.core.contract import Features
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import write_bytes, write_text

FORMAT = 1
PRETRAINED = Path(__file__).with_name("pretrained")


def writable(folder: Path) -> None:
    """Make `folder`; InputError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    write_bytes(path, to_bytes(plain, metadata={"about": json.dumps(about)}), make_folder=True)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata; InputError if the file is missing, truncated or not ours."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 (safe_open is no dict)
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint") from None
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error})") from None


def save_policy(folder: Path, policy: Policy, weights: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write policy.safetensors and policy.json; `about` says how the weights came to be."""
    header = {"format": FORMAT, "problem": about["problem"], "network": asdict(policy.config), **about}
    save_tensors(folder / "policy.safetensors", weights, header)
    write_text(folder / "policy.json", json.dumps(header, indent=1) + "\n")


def load_policy(where: str | Path, problem: str, device: str = "cpu") -> tuple[Policy, dict[str, Any]]:
    """The policy in a folder (or the policy.safetensors itself) and its metadata.

    Raises InputError for a missing, unreadable or truncated file, an unknown format, and another family's policy.
    """
    path = Path(where)
    path = path / "policy.safetensors" if path.suffix != ".safetensors" else path
    weights, about = load_tensors(path)
    if about.get("format") != FORMAT:
        raise InputError(f"{path}: checkpoint format {about.get('format')!r}, this version reads {FORMAT}")
    if about.get("problem") != problem:
        raise InputError(f"{path}: a policy for {about.get('problem')!r}, not for {problem!r}")
    try:
        shape = dict(about["network"])
        config = PolicyConfig(**{**shape, "features": Features(**shape["features"])})
        policy = Policy(config)
        policy.load_state_dict(weights)
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{path}: the weights do not fit the network it describes ({str(error).splitlines()[0]})") from None
    return policy.to(torch.device(device)).eval(), about
