"""The grammar of instance names: what each function reads, and what it refuses in one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dispatchgym.instances import names
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import Generator, Option, Parameter

OPTIONS = {
    "queue": Option("cap", int),
    "noise": Option("noise", float),
    "retry": Option("full", value="retry"),
    "redraw": Option("full", value="redraw"),
}
GENERATORS = {
    "tree": Generator(
        dict,
        {
            "n": Parameter("nodes", int, required=True),
            "ccr": Parameter("ccr", float, 1.0),
            "w": Parameter("weight", float, 50.0, named=False),
            "t": Parameter("times", int),
            "train": Parameter("training", bool),
            "p": Parameter("pes", str, "1+1", named=False),
            "s": Parameter("seed", int, 0),
        },
        "n4/s0",
    )
}
SETS = {"small": ("a1", "a2", "a3"), "large": ("b1", "a3", "b2")}
KNOWN = ("a1", "a2", "a3", "b1", "b2", "lonely")


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    """What the InputError says, which must be one printable line."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    return message


NO_NUMBERS = ("", "x", "/s3", "x/s", "x/t3", "x/s-1", "x/s3 ", "x/s٣", "x/s1..", "xs3")


@pytest.mark.parametrize(
    ("text", "numbers", "number", "members"),
    [
        ("x/s3", ("x", "/s3"), ("x", 3), None),
        ("x/s003", ("x", "/s003"), ("x", 3), None),
        ("a/b,c=1/s0", ("a/b,c=1", "/s0"), ("a/b,c=1", 0), None),
        ("x/s1/s2", ("x/s1", "/s2"), ("x/s1", 2), None),
        ("x/s3..s5", ("x", "/s3..s5"), ("x/s3..s5", None), ["x/s3", "x/s4", "x/s5"]),
        ("x/s8..9", ("x", "/s8..9"), ("x/s8..9", None), ["x/s8", "x/s9"]),
        ("x/s4..s4", ("x", "/s4..s4"), ("x/s4..s4", None), ["x/s4"]),
        *(
            (text, (text, ""), (text, None), None)
            for text in ("", "x", "/s3", "x/s", "x/t3", "x/s-1", "x/s3 ", "x/s٣", "x/s1..", "xs3")
        ),
    ],
)
def test_numbers_of_instances(
    text: str, numbers: tuple[str, str], number: tuple[str, int | None], members: list[str] | None
) -> None:
    assert names.split_numbers(text) == numbers
    assert names.split_number(text) == number
    assert names.number_range(text) == members


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x/s5..s3", "range 'x/s5..s3': 3 comes before 5, or is too far from it"),
        ("x/s0..s100000", "range 'x/s0..s100000': 100000 comes before 0, or is too far from it"),
        ("x/s0..s999999999", "range 'x/s0..s999999999': 999999999 comes before 0, or is too far from it"),
        ("x/s0..s" + "9" * 5000, "needs a whole number that is not negative, of at most 9 digits"),
        ("x/s" + "9" * 5000 + "..s" + "9" * 5000, "needs a whole number that is not negative, of at most 9 digits"),
    ],
)
def test_ranges_of_numbers_are_refused_before_they_are_built(text: str, message: str) -> None:
    begin = time.perf_counter()
    assert message in refusal(names.number_range, text)
    assert time.perf_counter() - begin < 0.5


def test_the_longest_range_of_numbers() -> None:
    assert len(names.number_range("x/s1..s100000") or ()) == names.MAX_MEMBERS


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("a1..a3", ("a1", "a3")),
        ("a1..", ("a1", "")),
        ("..a1", ("", "a1")),
        *((text, None) for text in ("", "a1", "..", "...", "a1...a3", "../a1..a3", "a1.txt..b", "a\\b..c", "a..b..c", "./..")),
    ],
)
def test_ranges_of_names(text: str, ends: tuple[str, str] | None) -> None:
    assert names.split_range(text) == ends


def test_a_range_belongs_to_the_first_set_with_both_ends() -> None:
    for spec, members in (("a1..a3", SETS["small"]), ("a2..a2", ("a2",)), ("b1..a3", ("b1", "a3")), ("a1", None), ("..", None)):
        assert names.name_range(spec, KNOWN, SETS.values()) == members


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("a3..a1", "range 'a3..a1': a1 comes before a3"),
        ("a1..b1", "range 'a1..b1': a1 and b1 are not in one set"),
        ("a1..lonely", "range 'a1..lonely': a1 and lonely are not in one set"),
        ("a1..lonley", "range 'a1..lonley': unknown instance 'lonley'; did you mean 'lonely'?"),
        ("A1..a2", "range 'A1..a2': unknown instance 'A1'; did you mean 'a1'?"),
        ("a1..", "range 'a1..': unknown instance ''"),
        ("a1..\x1b[31m", r"range 'a1..\x1b[31m': unknown instance '\x1b[31m'"),
    ],
)
def test_ranges_of_names_that_are_none_are_refused(spec: str, message: str) -> None:
    assert refusal(names.name_range, spec, KNOWN, SETS.values()) == message


def test_members_come_in_order_and_once() -> None:
    assert names.each_once(["small", "large", "small"], lambda spec: SETS[spec]) == ["a1", "a2", "a3", "b1", "b2"]
    assert names.each_once([], lambda spec: SETS[spec]) == []


def test_a_selector_follows_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own#3").touch()
    for text, file, index in (
        ("tai.txt#3", "tai.txt", 3),
        ("../up.txt#12", "../up.txt", 12),
        ("own#3", "own#3", None),
        ("tai.txt#٣", "tai.txt#٣", None),
        ("tai.txt#1234567", "tai.txt#1234567", None),
        ("tai.txt#", "tai.txt#", None),
        ("#3", "#3", None),
    ):
        assert names.split_selector(text) == (Path(file), index)


@pytest.mark.parametrize(
    ("text", "base", "options"),
    [
        ("x", "x", ()),
        ("", "", ()),
        ("x,", "x", ("",)),
        ("x,a=1,b", "x", ("a=1", "b")),
        (",a", "", ("a",)),
        ("../x,a/b", "../x", ("a/b",)),
    ],
)
def test_options_are_split(text: str, base: str, options: tuple[str, ...]) -> None:
    assert names.split_options(text) == (base, options)


def test_options_are_read_and_written() -> None:
    fields = names.read_options("x", ["noise=0.50", "queue=4", "retry"], OPTIONS)
    assert fields == {"noise": 0.5, "cap": 4, "full": "retry"}
    plain = SimpleNamespace(cap=3, noise=0.0, full="redraw")
    assert names.write_options(plain, SimpleNamespace(**fields), OPTIONS) == ",queue=4,noise=0.5,retry"
    assert names.write_options(plain, plain, OPTIONS) == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["que=3"], "x: unknown option 'que=3'; known are queue=N, noise=N, retry, redraw; did you mean 'queue=N'?"),
        (["queue"], "x: unknown option 'queue'; known are queue=N, noise=N, retry, redraw; did you mean 'queue=N'?"),
        (["retry=1"], "x: unknown option 'retry=1'; known are queue=N, noise=N, retry, redraw; did you mean 'retry'?"),
        ([""], "x: unknown option ''; known are queue=N, noise=N, retry, redraw"),
        (["\n"], r"x: unknown option '\n'; known are queue=N, noise=N, retry, redraw"),
        (["queue=1", "queue=1"], "x: options 'queue=1' and 'queue=1' both set cap"),
        (["retry", "redraw"], "x: options 'retry' and 'redraw' both set full"),
        (["queue="], "x: 'queue=' needs a whole number that is not negative, of at most 9 digits"),
        (["queue=1=2"], "x: 'queue=1=2' needs a whole number that is not negative, of at most 9 digits"),
    ],
)
def test_options_that_are_none_are_refused(options: list[str], message: str) -> None:
    assert refusal(names.read_options, "x", options, OPTIONS) == message


@pytest.mark.parametrize(
    ("text", "arguments", "full"),
    [
        ("tree/n4", {"nodes": 4, "ccr": 1.0, "weight": 50.0, "pes": "1+1", "seed": 0}, "tree/n4/ccr1/s0"),
        ("tree/s07/n04/w50", {"nodes": 4, "ccr": 1.0, "weight": 50.0, "pes": "1+1", "seed": 7}, "tree/n4/ccr1/s7"),
        (
            "tree/train1/t9/n4/p2+2/w5/ccr1e-5",
            {"nodes": 4, "ccr": 1e-5, "weight": 5.0, "times": 9, "training": True, "pes": "2+2", "seed": 0},
            "tree/n4/ccr1e-05/w5/t9/train1/p2+2/s0",
        ),
    ],
)
def test_parameters_make_arguments_and_the_full_name(text: str, arguments: dict[str, Any], full: str) -> None:
    assert names.generator_of(text, GENERATORS) == "tree"
    assert names.read_parameters(text, GENERATORS) == ("tree", arguments, full)
    assert names.read_parameters(full, GENERATORS) == ("tree", arguments, full)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tree/", "tree/: '' is not one of nN, ccrN, wN, tN, trainN, pN, sN, each once"),
        ("tree/s1", "tree/s1: 'n' is missing, as in tree/n4/s0"),
        ("tree/n4/n4", "tree/n4/n4: 'n4' is not one of nN, ccrN, wN, tN, trainN, pN, sN, each once"),
        ("tree/n4/q1", "tree/n4/q1: 'q1' is not one of nN, ccrN, wN, tN, trainN, pN, sN, each once"),
        ("tree/n٤", "tree/n٤: 'n٤' needs a whole number that is not negative, of at most 9 digits"),
        ("tree/n4/\n", r"tree/n4/\n: '\n' is not one of nN, ccrN, wN, tN, trainN, pN, sN, each once"),
        ("tree/n4\n", r"tree/n4\n: 'n4\n' is not one of nN, ccrN, wN, tN, trainN, pN, sN, each once"),
    ],
)
def test_parameters_that_are_none_are_refused(text: str, message: str) -> None:
    assert refusal(names.read_parameters, text, GENERATORS) == message


def test_names_of_nothing_generated() -> None:
    assert [names.generator_of(text, GENERATORS) for text in ("", "tree", "trees/n4", "/tree/n4", "a1")] == [None] * 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lonly", "unknown instance 'lonly'; did you mean 'lonely'?"),
        ("lonelY", "unknown instance 'lonelY'; did you mean 'lonely'?"),
        ("tre/n4", "unknown instance 'tre/n4'; did you mean 'tree'?"),
        ("tree", "tree: parameters are missing, as in tree/n4/s0"),
        ("zzz", "unknown instance 'zzz'; sets are small, large"),
        ("", "unknown instance ''; sets are small, large"),
        ("..", "..: is a folder, not a file"),
        ("../no.json", "../no.json: no such file"),
        ("no\n.json", r"no\n.json: no such file"),
        ("\x00\x1b\u202e\ud800", r"unknown instance '\x00\x1b\u202e\ud800'; sets are small, large"),
    ],
)
def test_what_nothing_is_called(text: str, message: str) -> None:
    def fail() -> None:
        raise names.unknown(text, KNOWN, "sets are small, large", GENERATORS, suffixes=(".json",))

    assert refusal(fail) == message


def test_what_is_printed_has_one_line() -> None:
    assert names.printable("a\nb\t\x1b[0m\u2028é\ud800") == r"a\nb\t\x1b[0m\u2028é\ud800"
    assert names.printable("x" * 500) == "x" * 80
