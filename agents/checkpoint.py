"""Weights and training state on disk: safetensors with a JSON header, never pickle.

`policy.safetensors` holds the weights and, as its metadata, all that is needed to build the network again;
`policy.json` repeats that metadata for people. `training.safetensors` adds the optimiser, for `--resume`.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.envs.core.contract import Features
from dispatchgym.instances import json_fields
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_bytes, write_bytes, write_text
from dispatchgym.instances.json_fields import Field
from dispatchgym.instances.json_shapes import Key, Object, Whole, optional
from dispatchgym.instances.names import printable

FORMAT = 1
MAX_BYTES = 2**30  # of a checkpoint
MAX_HEADER = 2**20
MAX_FEATURES = 4096
MOST = {"width": 4096, "layers": 64, "hidden": 4096}  # sizes of a network
_LEAST = {"runs_on": 0}  # the other kinds of features cannot be empty
NETWORK = Object(
    {
        "features": Key(Object({f.name: Key(Whole(_LEAST.get(f.name, 1), MAX_FEATURES + 1)) for f in fields(Features)})),
        **{name: Key(Whole(1, most + 1)) for name, most in MOST.items()},
        **optional(encode_every=Whole(0, 2**31), attention=Whole(0, MOST["hidden"] + 1)),
    }
)
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


def load_tensors(path: Path) -> tuple[dict[str, Tensor], Field]:
    """Tensors and metadata, an object.

    Raises InputError if the file is missing, no regular file, too large, truncated or not ours, and for weights that are not
    finite.
    """
    if not os.path.lexists(path):
        raise InputError(f"{printable(path, 200)}: no such checkpoint")
    data = read_bytes(path, MAX_BYTES)
    where = printable(path, 200)
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 0 < size <= min(MAX_HEADER, len(data) - 8):
        raise InputError(f"{where}: not a readable checkpoint (no safetensors header)")
    try:
        header = json_fields.parse(data[8 : 8 + size].decode("utf-8"), where)
        text = header["__metadata__"]["about"].string()
        tensors: dict[str, Tensor] = from_bytes(data)
    except (SafetensorError, UnicodeDecodeError, InputError) as error:
        reason = str(error).removeprefix(f"{where}: ").splitlines()[0]
        raise InputError(f"{where}: not a readable checkpoint ({reason[:150]})") from None
    about = json_fields.parse(text, f"{where} metadata")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{where}: {printable(name)} has values that are not finite")
    return tensors, about


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
    shown = printable(path, 200)
    if about.value.get("format") != FORMAT:
        raise InputError(
            f"{shown}: checkpoint format {json_fields.shown(about.value.get('format'))}, this version reads {FORMAT}"
        )
    if about.value.get("problem") != problem:
        raise InputError(f"{shown}: a policy for {json_fields.shown(about.value.get('problem'))}, not for {problem!r}")
    if "config" in about.value:
        list(about["config"].items())  # an object
    config = network_of(about["network"])
    misfit = difference(config, weights)
    if misfit:
        raise InputError(f"{shown}: the weights do not fit the network it describes ({misfit})")
    policy = Policy(config)
    policy.load_state_dict(weights)
    return policy.to(torch.device(device)).eval(), about.value


def network_of(shape: Field) -> PolicyConfig:
    """The network that metadata describe; InputError for a size that is none, is too large, or is unknown."""
    found = NETWORK.read(shape)
    heads = found.get("attention", 0)
    if heads and found["hidden"] % heads:
        raise shape["attention"].error(f"{heads} does not divide hidden, {found['hidden']}")
    return PolicyConfig(Features(**found.pop("features")), **found)


def difference(config: PolicyConfig, weights: dict[str, Tensor]) -> str:
    """How `weights` differ from those of the network; "" if they are its weights. The network is not built for this."""
    with torch.device("meta"):
        expected = {name: tensor.shape for name, tensor in Policy(config).state_dict().items()}
    for name, shape in expected.items():
        if name not in weights:
            return f"{name} is missing"
        if weights[name].shape != shape:
            return f"{name} has the shape {tuple(weights[name].shape)}, not {tuple(shape)}"
        if weights[name].dtype != torch.float32:
            return f"{name} is {weights[name].dtype}, not float32"
    unknown = next((name for name in weights if name not in expected), None)
    return "" if unknown is None else f"{printable(unknown)} is unknown"
