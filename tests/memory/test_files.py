"""Files of the memory family: what they mean, what is refused with which words, and what is written reads back."""

from __future__ import annotations

import copy
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.files import (
    parse_packing,
    parse_program,
    read,
    read_packing,
    read_program,
    write_packing,
    write_program,
)
from dispatchgym.instances.memory.generate import layered, random_packing
from dispatchgym.instances.memory.instance import LIMIT, MAX_BYTES, MAX_COMPUTE, MAX_RATE, MemoryProgram, Packing, latency_bound

HEADER = "id,lower,upper,size\n"
PROGRAM: dict[str, Any] = {
    "format": "dispatchgym-memory-program",
    "version": 1,
    "name": "two",
    "capacity": 4096,
    "alignment": 512,
    "slow_rate": 10**11,
    "fast_read_rate": 10**12,
    "fast_write_rate": 5 * 10**11,
    "instructions": [{"label": "matmul", "compute": 50}, {"compute": 7, "scoped": 1024}],
    "buffers": [
        {"size": 600, "define": -1, "access": [[0, 300, "r"]]},
        {"size": 60, "define": 0, "access": [[1, 50, "r"], [0, 60, "w"]], "pin": "fast"},
        {"size": 60, "define": 1, "access": [[1, 60, "w"]], "output": True, "alias": 1, "pin": "fast"},
    ],
}


def same(a: Packing, b: Packing) -> bool:
    columns = ("lower", "upper", "size", "alignment", "hint")
    plain = (a.capacity, a.gaps, a.ids, a.name) == (b.capacity, b.gaps, b.ids, b.name)
    return plain and all(np.array_equal(getattr(a, x), getattr(b, x)) for x in columns)


def test_a_packing_is_read_with_all_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "net.100.csv"
    text = (
        "size, hint ,id,lower,upper,alignment,gaps,offset\r\n\r\n8,,b1,0,9,4,,16\r\n6,12, b 2 ,-3,9,1,-1-2 4-6@0:3  7-8@2:2,\r\n"
    )
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_packing(file)
    assert (found.name, found.capacity, found.ids) == ("net", 100, ("b1", "b 2"))
    assert found.lower.tolist() == [0, -3]
    assert found.upper.tolist() == [9, 9]
    assert found.size.tolist() == [8, 6]
    assert found.alignment.tolist() == [4, 1]
    assert found.hint.tolist() == [-1, 12]
    assert found.gaps == ((), ((-1, 2, 0, 0), (4, 6, 0, 3), (7, 8, 2, 2)))


@pytest.mark.parametrize("header", ["buffer,start,upper,size", "buffer_id,begin,upper,size", "id,lower,upper,size"])
def test_columns_go_by_their_other_names(header: str) -> None:
    assert same(parse_packing(f"{header}\nx,1,5,7\n", "a.csv"), Packing([1], [5], [7], ids=("x",), name="a"))  # type: ignore[arg-type]


def test_the_end_of_a_life_and_of_its_gaps_is_inclusive_where_the_column_says_end() -> None:
    found = parse_packing("id,start,size,end,gaps\nx,6,18,11,7-8 10-10@1:4\n", "a.csv")
    assert found.upper.tolist() == [12]
    assert found.gaps == (((7, 9, 0, 0), (10, 11, 1, 4)),)


def test_the_capacity_is_the_given_one_else_that_in_the_file_name(tmp_path: Path) -> None:
    for name, capacity in (("x.12.csv", 12), ("x.csv", None), ("x.y.csv", None), ("x.y.30.csv", 30)):
        (tmp_path / name).write_text(HEADER + "a,0,1,4\n")
        assert read_packing(tmp_path / name).capacity == capacity
        assert read_packing(tmp_path / name, 44).capacity == 44
    assert read_packing(tmp_path / "x.y.30.csv").name == "x.y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.csv: is empty"),
        (" \n\n", "p.csv: is empty"),
        (HEADER, "p.csv: has a header, but no buffers"),
        ("id,lower,upper,bytes\n", "p.csv line 1: unknown column 'bytes'; known are id, buffer, buffer_id, lower, start,"),
        ("id,lower,upper,size,\na,0,1,4,\n", "p.csv line 1: unknown column ''; known are"),
        ("id,lower,upper,size,id\n", "p.csv line 1: column 'id' is given twice"),
        ("id,lower,start,upper,size\n", "p.csv line 1: column 'start' is given twice"),
        ("lower,upper,size\n", "p.csv line 1: column 'id' is missing"),
        ("id,lower,size\n", "p.csv line 1: column 'upper' is missing"),
        ("id,end,size\n", "p.csv line 1: column 'lower' is missing"),
        ("id,lower,upper\n", "p.csv line 1: column 'size' is missing"),
        ("id,lower,upper,end,size\n", "p.csv line 1: has both 'upper' and 'end', which says the same inclusively"),
        (HEADER + "a,0,1,4\n\nb,0,1\n", "p.csv line 4: 3 fields, expected 4"),
        (HEADER + "a,0,1,4,5\n", "p.csv line 2: 5 fields, expected 4"),
        (HEADER + "a,0,1,4\nb,0,x,4\n", "p.csv line 3: upper 'x' is not a whole number"),
        (HEADER + "a,0,1,1.5\n", "p.csv line 2: size '1.5' is not a whole number"),
        (HEADER + "a,,1,4\n", "p.csv line 2: lower '' is not a whole number"),
        (HEADER + "a,٣,1,4\n", "p.csv line 2: lower '٣' is not a whole number"),
        (HEADER + f"a,0,{2**63},4\n", f"p.csv line 2: upper {2**63} is not between {-LIMIT} and {LIMIT}"),
        (HEADER + "a,0," + "9" * 5000 + ",4\n", f"p.csv line 2: upper {'9' * 40} is not between {-LIMIT} and {LIMIT}"),
        (HEADER + "a,0,1,4\nb,5,4,4\n", "p.csv line 3: buffer b: upper 4 is not above lower 5"),
        (HEADER + "a,0,1,0\nb,5,5,7\n", "p.csv: has only buffers of 0 bytes or with lives of length 0"),
        (HEADER + "a,0,1,4\n b ,0,5,-1\n", f"p.csv line 3: buffer b: size -1 is not between 1 and {MAX_BYTES}"),
        (HEADER + "a,0,1,4\nb,0,1,4\na,2,3,4\n", "p.csv line 4: id 'a' is given twice, first in line 2"),
        (HEADER + " ,0,1,4\n", "p.csv line 2: id '' is not a text of 1 to 200 printable characters"),
        (HEADER + "a\x07,0,1,4\n", "p.csv line 2: id 'a\\x07' is not a text of 1 to 200 printable characters"),
        ("id,lower,upper,size,alignment\na,0,1,4,0\n", f"p.csv line 2: buffer a: alignment 0 is not between 1 and {MAX_BYTES}"),
        ("id,lower,upper,size,hint\na,0,1,4,-2\n", "p.csv line 2: buffer a: hint -2 is not an offset"),
        ("id,lower,upper,size,offset\na,0,1,4,x\n", "p.csv line 2: offset 'x' is not a whole number"),
        ("id,lower,upper,size,gaps\na,0,9,4,1-2-3\n", "p.csv line 2: gap '1-2-3' is not of the form 7-9 or 7-9@2:5"),
        ("id,lower,upper,size,gaps\na,0,9,4,3-4@1\n", "p.csv line 2: gap '3-4@1' is not of the form 7-9 or 7-9@2:5"),
        ("id,lower,upper,size,gaps\na,0,9,4,3-9999999999999999999\n", "p.csv line 2: gap 3-9999999999999999999 99999"),
        ("id,lower,upper,size,gaps\na,0,9,4,5-5\n", "p.csv line 2: buffer a: gap 5-5 is empty, out of its life or overlaps"),
        ("id,lower,upper,size,gaps\na,0,9,4,5-6@2:7\n", "p.csv line 2: buffer a: window 2:7 of a gap is not within its 4 bytes"),
    ],
)
def test_a_packing_that_makes_no_sense_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_packing(text, "p.csv")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_capacity_that_is_none_or_too_small_is_refused() -> None:
    with pytest.raises(InputError, match=r"^p\.7\.csv line 3: buffer b: size 8 is above the capacity 7$"):
        parse_packing(HEADER + "a,0,1,7\nb,0,1,8\n", "p.7.csv")
    for source, capacity in (("p.0.csv", None), ("p.99999999999999999999.csv", None), ("p.csv", -1)):
        with pytest.raises(InputError, match=rf"^{source}: capacity -?\d+ is not between 1 and {MAX_BYTES}$"):
            parse_packing(HEADER + "a,0,1,7\n", source, capacity)


def test_buffers_that_need_no_memory_are_left_out_with_a_note(caplog) -> None:
    found = parse_packing(HEADER + "a,0,9,4\nb,0,5,0\nc,7,7,4\nd,3,6,5\n", "trace.csv")
    assert found.ids == ("a", "d")
    assert found.size.tolist() == [4, 5]
    assert found.lower_bound == 9
    said = "note: trace.csv: 2 buffers of 0 bytes or with a life of length 0 left out, as 'b'"
    assert [record.message for record in caplog.records] == [said]
    inclusive = parse_packing("id,lower,end,size\na,0,9,4\nb,5,4,4\n", "x.csv")
    assert inclusive.ids == ("a",)


def test_sizes_that_add_up_to_too_much_are_an_error_of_the_file() -> None:
    rows = "".join(f"{n},0,1,{MAX_BYTES}\n" for n in range(LIMIT // MAX_BYTES))
    with pytest.raises(InputError, match=rf"^p\.csv: p: sizes and alignments add up to {LIMIT} bytes or more$"):
        parse_packing(HEADER + rows, "p.csv")


@st.composite
def packings(draw: st.DrawFn) -> Packing:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    ids = st.text("aé 1;\"'-", min_size=1, max_size=8).map(str.strip).filter(bool)
    count = int(rng.integers(1, 6))
    lower = rng.integers(-50, 50, count)
    upper = lower + rng.integers(1, 30, count)
    size = rng.integers(1, 1000, count)
    gaps = []
    for n in range(count):
        times = np.sort(rng.choice(np.arange(lower[n], upper[n] + 1), min(4, upper[n] - lower[n] + 1), replace=False)).tolist()
        pairs = list(zip(times[::2], times[1::2], strict=False)) if draw(st.booleans()) else []
        gaps.append(tuple((a, b, *sorted(rng.integers(0, size[n] + 1, 2).tolist())) for a, b in pairs))
    return Packing(
        lower,
        upper,
        size,
        draw(st.none() | st.integers(1000, MAX_BYTES)),
        rng.integers(1, 5, count) if draw(st.booleans()) else np.zeros(0, int),
        rng.integers(-1, 5, count) if draw(st.booleans()) else np.zeros(0, int),
        tuple(gaps),  # type: ignore[arg-type]
        tuple(draw(st.lists(ids, min_size=count, max_size=count, unique=True))),
        "x.y",
    )


@settings(max_examples=100)
@given(packings())
def test_a_packing_that_is_written_reads_back(found: Packing) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ("x.y.csv" if found.capacity is None else f"x.y.{found.capacity}.csv")
        write_packing(found, file)
        assert same(read(file), found)  # type: ignore[arg-type]
        assert os.listdir(folder) == [file.name]


def test_a_packing_is_written_with_the_columns_that_it_needs(tmp_path: Path) -> None:
    write_packing(Packing([0, 1], [5, 6], [7, 8]), tmp_path / "a.csv")  # type: ignore[arg-type]
    assert (tmp_path / "a.csv").read_text() == "id,lower,upper,size\n0,0,5,7\n1,1,6,8\n"
    full = Packing([0, 1], [5, 6], [7, 8], 9, [1, 2], [-1, 4], ((), ((2, 3), (4, 5, 1, 2))))  # type: ignore[arg-type]
    write_packing(full, tmp_path / "a.9.csv")
    assert (tmp_path / "a.9.csv").read_text() == (
        "id,lower,upper,size,alignment,hint,gaps\n0,0,5,7,1,,\n1,1,6,8,2,4,2-3 4-5@1:2\n"
    )


def test_a_packing_is_not_written_where_it_would_not_read_back(tmp_path: Path) -> None:
    plain = Packing([0], [5], [7], 9)  # type: ignore[arg-type]
    for name in ("a.csv", "a.10.csv"):
        with pytest.raises(InputError, match=rf"^{name}: a packing of capacity 9 belongs into a file called NAME\.9\.csv$"):
            write_packing(plain, tmp_path / name)
    with pytest.raises(InputError, match=r"belongs into a file called NAME\.csv$"):
        write_packing(Packing([0], [5], [7]), tmp_path / "a.9.csv")  # type: ignore[arg-type]
    for odd in ("a,b", " a", "a\nb", "x" * 201):
        with pytest.raises(InputError, match=r"^a\.csv: id .* has a comma, or is not 1 to 200 printable characters$"):
            write_packing(Packing([0], [5], [7], ids=(odd,)), tmp_path / "a.csv")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be written"):
        write_packing(Packing([0], [5], [7]), tmp_path / "nowhere" / "a.csv")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_twenty_thousand_buffers_are_read_in_seconds(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n},{n + 50},{4096 + n}\n" for n in range(20_000))
    (tmp_path / "big.csv").write_text(HEADER + rows)
    begin = time.process_time()
    assert read_packing(tmp_path / "big.csv").buffers == 20_000
    assert time.process_time() - begin < 4


def test_a_program_is_read_as_it_is_written_down() -> None:
    found = parse_program(json.dumps(PROGRAM), "two.json")
    assert (found.name, found.capacity, found.alignment) == ("two", 4096, 512)
    assert (found.slow_rate, found.fast_read_rate, found.fast_write_rate) == (10**11, 10**12, 5 * 10**11)
    assert found.compute.tolist() == [50, 7]
    assert found.scoped.tolist() == [0, 1024]
    assert found.labels == ("matmul", "1")
    assert found.size.tolist() == [600, 60, 60]
    assert found.define.tolist() == [-1, 0, 1]
    assert found.access.tolist() == [[0, 0, 300, 0], [1, 0, 60, 1], [1, 1, 50, 0], [2, 1, 60, 1]]
    assert found.pin.tolist() == [0, 1, 1]
    assert found.output.tolist() == [0, 0, 1]
    assert found.alias.tolist() == [-1, -1, 1]
    assert found.lower_bound == latency_bound(found)
    assert found.best_known is None


def test_a_program_may_say_its_bounds() -> None:
    found = parse_program(json.dumps(PROGRAM | {"lower_bound": 17_000, "best_known": 18_000}), "two.json")
    assert (found.lower_bound, found.best_known) == (17_000, 18_000)


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """PROGRAM with the value at `path` changed, or taken away if it is ..."""
    data = copy.deepcopy(PROGRAM)
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "other", "format and version 'other 1' are not dispatchgym-memory-program 1"),
        (("version",), True, "format and version 'dispatchgym-memory-program True' are not dispatchgym-memory-program 1"),
        (("version",), 1.0, "format and version 'dispatchgym-memory-program 1.0' are not dispatchgym-memory-program 1"),
        (("version",), 2, "format and version 'dispatchgym-memory-program 2' are not dispatchgym-memory-program 1"),
        (("format",), ..., "'format' is missing"),
        (("Capacity",), 1, "unknown key 'Capacity'; known are format, version, name, capacity"),
        (("capacity",), ..., "'capacity' is missing"),
        (("capacity",), 0, f"capacity: 0 is not between 1 and {MAX_BYTES}"),
        (("alignment",), True, "alignment: True is not a whole number"),
        (("slow_rate",), 1e11, "slow_rate: 100000000000.0 is not a whole number"),
        (("fast_read_rate",), 2 * MAX_RATE, f"fast_read_rate: {2 * MAX_RATE} is not between 1 and {MAX_RATE}"),
        (("fast_write_rate",), "1", "fast_write_rate: '1' is not a whole number"),
        (("name",), "", "name: '' is not a text of 1 to 200 printable characters"),
        (("lower_bound",), -1, "lower_bound: -1 is negative"),
        (("best_known",), 2**63, f"best_known: {2**63} is not between 0 and {LIMIT - 1}"),
        (("instructions",), [], "instructions: 0 entries, expected at least 1"),
        (("buffers",), {}, "buffers: an object is not a list"),
        (("instructions", 0), 5, "instructions[0]: 5 is not an object"),
        (("instructions", 1, "extra"), 5, "instructions[1]: unknown key 'extra'; known are label, compute, scoped"),
        (("instructions", 1, "compute"), ..., "instructions[1]: 'compute' is missing"),
        (("instructions", 1, "compute"), -1, "instructions[1].compute: -1 is negative"),
        (("instructions", 1, "compute"), 2**64, f"instructions[1].compute: {2**64} is not between 0 and {MAX_COMPUTE}"),
        (("instructions", 0, "label"), 5, "instructions[0].label: 5 is not a text"),
        (("instructions", 1, "scoped"), 5000, "two: instruction 1: scoped 5000 is not between 0 and the capacity 4096"),
        (("buffers", 1, "sise"), 5, "buffers[1]: unknown key 'sise'; known are size, define, access, output, pin, alias"),
        (("buffers", 1, "size"), 0, f"buffers[1].size: 0 is not between 1 and {MAX_BYTES}"),
        (("buffers", 1, "define"), 2, "buffers[1].define: 2 is not between -1 and 1"),
        (("buffers", 1, "output"), 1, "buffers[1].output: 1 is neither true nor false"),
        (("buffers", 1, "pin"), "hbm", "buffers[1].pin: 'hbm' is not one of free, fast, slow"),
        (("buffers", 2, "alias"), 3, "buffers[2].alias: 3 is not between 0 and 2"),
        (("buffers", 2, "alias"), 2, "two: buffer 2: alias 2 leads back to itself: an alias cycle"),
        (("buffers", 1, "alias"), 2, "two: buffer 1: alias 2 leads back to itself: an alias cycle"),
        (("buffers", 1, "access", 0), [1, 50], "buffers[1].access[0]: 2 entries, expected an instruction, bytes and 'r' or 'w'"),
        (("buffers", 1, "access", 0), [1, 50, "x"], "buffers[1].access[0][2]: 'x' is not one of r, w"),
        (("buffers", 1, "access", 0), [2, 50, "r"], "buffers[1].access[0][0]: 2 is not between 0 and 1"),
        (("buffers", 1, "access", 0), [1, -50, "r"], "buffers[1].access[0][1]: -50 is negative"),
        (("buffers", 1, "access", 0), [0, 50, "w"], "two: buffer 1: access in instruction 0 is given twice"),
        (("buffers", 2, "access", 0), [0, 50, "r"], "two: buffer 2: access in instruction 0 is before its definition in 1"),
        (("buffers", 1, "access"), [], "two: buffer 1: instruction 0 defines it, but does not access it"),
    ],
)
def test_a_program_that_makes_no_sense_is_refused_with_its_field(path: tuple[str | int, ...], value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_program(json.dumps(changed(path, value)), "two.json")
    assert str(caught.value).startswith(f"two.json: {message}")


def test_a_file_that_is_not_json_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"format":\n nothing}')
    for reader in (read, read_program):
        with pytest.raises(InputError, match=r"^bad\.json line 2: is not JSON"):
            reader(tmp_path / "bad.json")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.json")


def equal(a: MemoryProgram, b: MemoryProgram) -> bool:
    columns = ("compute", "scoped", "size", "define", "output", "pin", "alias")
    plain = (
        "capacity",
        "slow_rate",
        "fast_read_rate",
        "fast_write_rate",
        "alignment",
        "labels",
        "name",
        "lower_bound",
        "best_known",
    )
    sets = [{tuple(row) for row in x.access.tolist()} for x in (a, b)]
    return (
        sets[0] == sets[1]
        and all(np.array_equal(getattr(a, x), getattr(b, x)) for x in columns)
        and all(getattr(a, x) == getattr(b, x) for x in plain)
    )


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_a_program_that_is_written_reads_back(seed: int, instructions: int) -> None:
    found = layered(np.random.default_rng(seed), instructions, name=f"layered/t{instructions}/s{seed}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.json"
        write_program(found, file)
        again = read(file)
        assert isinstance(again, MemoryProgram)
        assert equal(again, found)
        assert os.listdir(folder) == ["x.json"]
        write_program(again, Path(folder) / "y.json")
        assert (Path(folder) / "y.json").read_bytes() == file.read_bytes()


def test_every_field_of_a_program_reads_back(tmp_path: Path) -> None:
    found = parse_program(json.dumps(PROGRAM | {"lower_bound": 17_000, "best_known": 18_000}), "two.json")
    write_program(found, tmp_path / "two.json")
    assert equal(read_program(tmp_path / "two.json"), found)
    lines = (tmp_path / "two.json").read_text().splitlines()
    assert '  {"size":60,"define":0,"access":[[0,60,"w"],[1,50,"r"]],"pin":"fast"},' in lines
    assert '  {"label":"matmul","compute":50},' in lines


def test_a_program_is_not_written_where_it_would_not_read_back(tmp_path: Path) -> None:
    plain = parse_program(json.dumps(PROGRAM), "two.json")
    for what in ({"name": ""}, {"labels": ("a", "b\n")}):
        fields = {x: getattr(plain, x) for x in ("compute", "size", "define", "access", "capacity")}
        rates = {x: getattr(plain, x) for x in ("slow_rate", "fast_read_rate", "fast_write_rate")}
        with pytest.raises(InputError, match=r"^x\.json: (name|label of instruction 1): .* is not a text of 1 to 200"):
            write_program(MemoryProgram(**(fields | rates | what)), tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    write_packing(random_packing(np.random.default_rng(0), 5), tmp_path / "a.csv")
    (tmp_path / "a.csv").rename(tmp_path / "odd.json")
    assert isinstance(read(tmp_path / "odd.json"), Packing)
    (tmp_path / "odd.csv").write_text("\n " + json.dumps(PROGRAM))
    assert isinstance(read(tmp_path / "odd.csv"), MemoryProgram)
