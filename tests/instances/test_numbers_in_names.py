"""Numbers in instance names: counts, shares, truths and sizes in bytes, as they are read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dispatchgym.instances import names
from dispatchgym.instances.errors import InputError


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    """What the InputError says, which must be one printable line."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    return message


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("0", int, 0),
        ("007", int, 7),
        ("999999999", int, 999_999_999),
        ("0.25", float, 0.25),
        (".5", float, 0.5),
        ("3.", float, 3.0),
        ("1e-3", float, 0.001),
        ("2e+3", float, 2000.0),
        ("1", bool, True),
        ("0", bool, False),
        ("2+2", str, "2+2"),
    ],
)
def test_numbers_are_read(text: str, kind: names.Kind, value: object) -> None:
    read = names.number("x", f"n{text}", text, kind)
    assert (read, type(read)) == (value, kind)


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1 ", "1_0", "1\n", "0x1", "1e2", "1" * 10, "1" * 10_000, "٣", "²", "\uff11"]
)
def test_whole_numbers_that_are_none_are_refused(text: str) -> None:
    needed = "needs a whole number that is not negative, of at most 9 digits"
    assert refusal(names.number, "x", f"n{text}", text, int).endswith(needed)


@pytest.mark.parametrize(
    "text", ["", ".", "nan", "inf", "1e999", "1" * 10, "1.1.1", "1e", "e5", "-0.1", "0." + "1" * 17, "٣.٥", "1_0.0"]
)
def test_numbers_that_are_none_are_refused(text: str) -> None:
    assert "needs a number that is not negative" in refusal(names.number, "x", f"n{text}", text, float)


@pytest.mark.parametrize("text", ["", "2", "01", "true", "١"])
def test_truths_that_are_none_are_refused(text: str) -> None:
    assert refusal(names.number, "x", f"n{text}", text, bool) == f"x: {f'n{text}'!r} needs 0 or 1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (1.0, "1"),
        (1e-5, "1e-05"),
        (1 / 3, "0.333333333333"),
        (1 / 7000, "0.000142857142857"),
        (True, "1"),
        ("2+2", "2+2"),
    ],
)
def test_numbers_are_written_as_they_are_read(value: names.Value, text: str) -> None:
    assert names.written(value) == text
    assert names.written(names.number("x", text, text, type(value))) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0"), (1, "1"), (1024, "1KiB"), (1536, "1536"), (3 * 2**20, "3MiB"), (2**40, "1024GiB")],
)
def test_sizes_are_read_and_written(size: int, text: str) -> None:
    assert names.format_size(size) == text
    assert names.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4MB", "-4", "4 MiB", "MiB", "1" * 17, "٤MiB", "4.5MiB", "4MiB\n"])
def test_sizes_that_are_none(text: str) -> None:
    assert names.parse_size(text) is None
