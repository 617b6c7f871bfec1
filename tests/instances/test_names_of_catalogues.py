"""Names in the catalogues: the parts that other code asks for, and odd names, refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatchgym.instances.blocking import catalogue as blocking
from dispatchgym.instances.cpmodel import catalogue as cpmodel
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue as jobshop
from dispatchgym.instances.memory import catalogue as memory
from dispatchgym.instances.soc import catalogue as soc

EVERY_CATALOGUE: dict[str, Callable[[str], Any]] = {
    "jobshop.load": jobshop.load,
    "jobshop.expand": lambda text: jobshop.expand([text]),
    "blocking.load": blocking.load,
    "cpmodel.load": cpmodel.load,
    "cpmodel.expand": lambda text: cpmodel.expand([text]),
    "soc.load": soc.load,
    "soc.expand": lambda text: soc.expand([text]),
    "soc.workload": soc.workload,
    "memory.load_packing": memory.load_packing,
    "memory.load_program": memory.load_program,
    "memory.expand_packings": lambda text: memory.expand_packings([text]),
    "memory.expand_programs": lambda text: memory.expand_programs([text]),
}


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    """What the InputError says, which must be one printable line."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    return message


ODD = [
    "",
    "\n",
    "\x00",
    "a\x00b",
    "x\x1b[31m",
    "\u202egnp",
    "٣",
    "ta٠١",
    "gym-ds3-5/s٣",
    "#1",
    ",",
    "/",
    "@",
    "/s0",
    "x,/s0",
    "..",
    "a..b",
    "~",
]
LONG = [
    "x" * 5000,
    "ta" + "1" * 5000,
    "ta01.." + "9" * 5000,
    "gym-ds3-5/s" + "9" * 5000,
    "gym-ds3-5,queue=" + "9" * 5000,
    "A,capacity=" + "9" * 5000,
]


@pytest.mark.parametrize("use", EVERY_CATALOGUE)
@pytest.mark.parametrize("text", [*ODD, *LONG], ids=lambda text: ascii(text[:24]))
def test_every_catalogue_refuses_odd_names_in_one_line(
    use: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refusal(EVERY_CATALOGUE[use], text)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("la01", ("la01", None, None, None)),
        ("la01/bws", ("la01", "bws", None, None)),
        ("la01/bxs", ("la01/bxs", None, None, None)),
        ("la01..la03/nwt", ("la01..la03", "nwt", None, None)),
        ("../my/shop.txt#2/bns/p0.1,repair=4/t07", ("../my/shop.txt#2", "bns", "0.1,repair=4", 7)),
        ("la01/bws/p0.1", ("la01/bws/p0.1", None, None, None)),
        ("la01/bws/p0.1/t1234567890", ("la01/bws/p0.1/t1234567890", None, None, None)),
        ("la01/bws/p0.1/t٣", ("la01/bws/p0.1/t٣", None, None, None)),
    ],
)
def test_parts_of_blocking_names(name: str, parts: tuple[Any, ...]) -> None:
    assert blocking.split(name) == parts
    assert str(blocking.split(name)) == name.replace("t07", "t7")


def test_blocking_names_have_an_original_and_a_level() -> None:
    for name, original, level in (
        ("la01/bws/p0.1,restart/t3", "la01/bws", "bws p0.1,restart"),
        ("la01/bns", "la01/bns", "bns"),
        ("la01", "la01", ""),
        ("a/b.txt/bws/p0.1/t3", "a/b.txt/bws", "bws p0.1"),
    ):
        assert (blocking.original(name), blocking.level(name)) == (original, level)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("pnan", "'pnan' needs a number"),
        ("p-1", "'p-1' needs a number"),
        ("p1", "down share 1.0 is not in"),
        ("p0.1,repair=2,repair=3", "options 'repair=2' and 'repair=3' both set repair"),
        ("p0.1,bernoulli,exponential", "options 'bernoulli' and 'exponential' both set mode"),
        (
            "p0.1,bernouli",
            "unknown option 'bernouli'; known are",
        ),
        ("p0.1,repair=0", "mean repair time 0.0 is not positive"),
    ],
)
def test_laws_of_interruptions_that_are_none_are_refused(law: str, message: str) -> None:
    assert f"la01/bws/{law}/t0: {message}" in refusal(blocking.load, f"la01/bws/{law}/t0")


def test_parts_of_stream_names() -> None:
    name = "gym-ds3-5,scale=30,queue=4/s3"
    assert soc.split_stream(name) == ("gym-ds3-5,scale=30,queue=4", "/s3")
    assert soc.split_stream("my/load.json/s0..9") == ("my/load.json", "/s0..9")
    assert soc.split_stream("gym-ds3-5") == ("gym-ds3-5", "")
    assert soc.workload_of(name) == "gym-ds3-5,scale=30,queue=4"
    assert soc.workload_of(name, without="scale") == "gym-ds3-5,queue=4"
    assert soc.preset_of(name) == "gym-ds3-5"
    assert soc.kind_of("topcuoglu/v40/ccr5/s0") == ("topcuoglu", "ccr5")
    assert soc.kind_of("cholesky/n4/p2+2") == ("cholesky", "")
    assert soc.kind_of("top-01") is None


def test_parts_of_memory_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.csv").touch()
    assert memory.base_and_options("A,capacity=2MiB") == ("A", "capacity=2MiB")
    assert memory.base_and_options("A") == ("A", "")
    assert memory.base_and_options("a,b.csv") == ("a,b.csv", "")
    assert memory.set_of("A,capacity=2MiB") == "minimalloc"
    assert memory.set_of("unet-b1") == "programs-test"
    assert memory.set_of("guillotine/n9") is None


def test_groups_of_job_shops() -> None:
    expected = {"la01": "la", "dmu40": "dmu01-40", "dmu41": "dmu41-80", "tai_10_10_1": "tai", "x.txt": None}
    assert {name: jobshop.group(name) for name in expected} == expected
