"""Memory instances by name: the bundled ones, generated ones, other capacities, sets, ranges and errors."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from dispatchgym.envs.memory.pack.check import check as check_packing
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.catalogue import (
    Bounds,
    expand_packings,
    expand_programs,
    load_packing,
    load_program,
    packings,
    programs,
    sets,
)
from dispatchgym.instances.memory.files import write_packing, write_program
from dispatchgym.instances.memory.generate import layered
from dispatchgym.instances.memory.instance import MemoryProgram, Packing, PackingPlan, latency_bound

MIB = 2**20


@pytest.fixture
def files_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the packing `own.64.csv` and the program `own.json`, which is the working directory."""
    write_packing(Packing([0, 1], [2, 3], [7, 8], 64), tmp_path / "own.64.csv")  # type: ignore[arg-type]
    write_program(layered(np.random.default_rng(1), 5, name="mine"), tmp_path / "own.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def known_bounds(monkeypatch: pytest.MonkeyPatch) -> MemoryProgram:
    """Bounds for `layered/t9/s1` at 16 MiB; gives it without them."""
    plain = load_program("layered/t9/s1")
    lower = (plain.lower_bound or 0) + 5
    known = {("layered/t9/s1", 16 * MIB): Bounds(lower, lower + 7), ("layered/t9/s1", 4 * MIB): Bounds(3, lower + 9)}
    monkeypatch.setattr(memory_catalogue, "bounds", lambda: known)
    return plain


def test_bundled_packings_are_those_of_their_description() -> None:
    readme = (files("dispatchgym.instances") / "data" / "memory" / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in readme.splitlines()]
    table = {row[0]: row[1:] for row in rows if len(row) == 7 and row[0] in packings()}
    assert set(table) == set(packings())
    for name, (buffers, times, pairs, capacity, peak, height) in table.items():
        found = load_packing(name)
        lower, upper = np.sort(found.lower), np.sort(found.upper)
        apart = int(np.searchsorted(upper, lower, side="right").sum())  # pairs of which one ends before the other begins
        assert found.name == name
        assert (found.buffers, len(np.union1d(lower, upper))) == (int(buffers), int(times))
        assert found.buffers * (found.buffers - 1) // 2 - apart == int(pairs)
        assert str(found.capacity or "none") == capacity
        assert found.lower_bound == int(peak)
        assert f"{found.best_known or ''}{', optimal' * (found.best_known == found.lower_bound)}" == height


def test_all_bundled_files_of_others_come_with_their_licence() -> None:
    data = files("dispatchgym.instances") / "data" / "memory"
    assert "Apache License" in (data / "minimalloc" / "LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT License" in (data / "idealloc" / "LICENSE.txt").read_text(encoding="utf-8")


def test_every_bundled_program_loads_under_its_name_and_is_in_one_part_of_the_split() -> None:
    train, test = sets()["programs-train"], sets()["programs-test"]
    assert sorted(train + test) == list(programs()) == list(sets()["programs"])
    for name in programs():
        found = load_program(name)
        assert found.name == name
        assert (found.lower_bound or 0) >= latency_bound(found)


def test_model_families_of_the_split_do_not_meet() -> None:
    train, test = (memory_catalogue.SPLIT[x] for x in ("train", "test"))
    assert not any(a.startswith(b) or b.startswith(a) for a in train for b in test)


def test_stated_bounds_are_of_bundled_or_generated_programs_and_in_order() -> None:
    for (name, capacity), known in memory_catalogue.bounds().items():
        found = load_program(f"{name},capacity={capacity}")
        assert latency_bound(found) <= known.upper
        assert known.lower <= known.upper == found.best_known


def test_the_table_of_bounds_is_read_by_name_and_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "name,capacity,lower,upper,proof\na-b1,4096,5,6,cpsat\n"
    monkeypatch.setattr(memory_catalogue, "_data", lambda file: {"bounds.csv": text}[file])
    assert memory_catalogue.bounds.__wrapped__() == {("a-b1", 4096): Bounds(5, 6)}


def test_bounds_hold_at_one_capacity(known_bounds: MemoryProgram) -> None:
    lower = known_bounds.lower_bound or 0
    found = load_program("layered/t9/s1")
    assert (found.lower_bound, found.best_known) == (lower + 5, lower + 12)
    small = load_program("layered/s1/t9,capacity=4MiB")
    assert (small.lower_bound, small.best_known) == (lower, lower + 14)  # never below what the program itself proves
    assert load_program("layered/t9/s1,capacity=8MiB").best_known is None
    assert load_program("layered/t9/s2").best_known is None


def test_a_capacity_may_follow_any_name(files_here: Path) -> None:
    for text, capacity, name in (
        ("A,capacity=2MiB", 2 * MIB, "A,capacity=2MiB"),
        ("A,capacity=2048KiB", 2 * MIB, "A,capacity=2MiB"),
        ("A,capacity=1048577", MIB + 1, "A,capacity=1048577"),
        ("A,capacity=1024KiB", MIB, "A"),
        ("somas-resnet50,capacity=3GiB", 3 * 2**30, "somas-resnet50,capacity=3GiB"),
        ("guillotine/n9/s0,capacity=1536KiB", 3 * MIB // 2, "guillotine/n9/s0,capacity=1536KiB"),
        ("own.64.csv,capacity=2KiB", 2048, "own,capacity=2KiB"),
    ):
        found = load_packing(text)
        assert (found.capacity, found.name) == (capacity, name)
    plain, small = load_program("layered/t20/s4"), load_program("layered/t20/s4,capacity=4MiB")
    assert (small.capacity, small.name) == (4 * MIB, "layered/t20/s4,capacity=4MiB")
    assert np.array_equal(plain.access, small.access)
    assert load_program("own.json,capacity=4MiB").name == "mine,capacity=4MiB"


def test_a_generated_name_says_every_parameter() -> None:
    plain = load_packing("guillotine/n40/s3")
    assert (plain.name, plain.buffers, plain.best_known) == ("guillotine/n40/s3", 40, MIB)
    full = load_packing("guillotine/removed0.5/variety0.2/stretch4/t64/s3/n40")
    assert full.name == "guillotine/n40/t64/stretch4/variety0.2/removed0.5/s3"
    assert full.upper.max() <= 64 * 1024
    assert full.lower_bound is not None
    assert full.lower_bound < MIB
    assert load_packing("random/n30/t9/s1").upper.max() == 8
    program = load_program("layered/train1/t40/p3/m1/s2")
    assert program.name == "layered/t40/p3/m1/train1/s2"
    assert program.size[program.alias < 0].sum() == pytest.approx(3 * program.capacity, rel=0.1)
    assert not np.array_equal(load_program("layered/t40/train0/s2").define, program.define)


def test_numbers_of_generated_instances_are_seeds() -> None:
    assert np.array_equal(load_packing("random/n30").size, load_packing("random/n30/s0").size)
    assert not np.array_equal(load_packing("random/n30").size, load_packing("random/n30/s1").size)


def test_files_are_read_and_a_path_is_always_a_file(files_here: Path) -> None:
    assert load_packing("own.64.csv").capacity == 64
    assert load_program(files_here / "own.json").instructions == 5
    (files_here / "A").write_text("id,lower,upper,size\nx,0,1,4\n")
    assert load_packing(Path("A")).buffers == 1
    assert load_packing("A").buffers == 154


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a", "unknown instance 'a'; did you mean 'A'?"),
        ("somas-resnet", "unknown instance 'somas-resnet'; did you mean 'somas-resnet50'"),
        ("guilotine/n20", "unknown instance 'guilotine/n20'; did you mean 'guillotine'?"),
        (
            "zzzzzz",
            "unknown instance 'zzzzzz'; sets are minimalloc, somas, programs, programs-train, programs-test; generated are",
        ),
        ("layered", "layered: parameters are missing, as in layered/t60/s0"),
        ("layered/p4", "layered/p4: 't' is missing, as in layered/t60/s0"),
        ("layered/t60/q4", "layered/t60/q4: 'q4' is not one of tN, pN, mN, trainN, sN, each once"),
        ("layered/t60/t70", "layered/t60/t70: 't70' is not one of tN, pN, mN, trainN, sN, each once"),
        ("layered/t6.5", "layered/t6.5: 't6.5' needs a whole number that is not negative"),
        ("layered/t60/p-1", "layered/t60/p-1: 'p-1' needs a number that is not negative"),
        ("layered/t60/train2", "layered/t60/train2: 'train2' needs 0 or 1"),
        ("layered/t0", "layered/t0: instructions 0 is not between 1 and 10000"),
        ("A,cap=4", "A,cap=4: option 'cap=4' is not of the form capacity=BYTES or capacity=4MiB"),
        ("A,capacity=4MB", "A,capacity=4MB: option 'capacity=4MB' is not of the form"),
        ("A,capacity=-4", "A,capacity=-4: option 'capacity=-4' is not of the form"),
        ("A,capacity=2MiB,capacity=3MiB", "A,capacity=2MiB,capacity=3MiB: option 'capacity=3MiB' is one too many"),
        ("A,capacity=0", "A,capacity=0: capacity 0 is not between 1 and"),
        ("A,capacity=1KiB", "A,capacity=1KiB: buffer 0: size 656384 is above the capacity 1024"),
        ("none.csv", "none.csv: no such file"),
        ("none.json,capacity=4MiB", "none.json: no such file"),
        (".", ".: is a folder, not a file"),
    ],
)
def test_what_nothing_is_called_is_refused_with_a_hint(what: str, message: str) -> None:
    for use in (load_packing, load_program, lambda x: expand_packings([x]), lambda x: expand_programs([x])):
        if use in (load_packing, load_program) or message.startswith("unknown") or "option" in message:
            with pytest.raises(InputError) as caught:
                use(what)
            assert str(caught.value).startswith(message)


def test_a_packing_is_no_program_and_a_program_no_packing(files_here: Path) -> None:
    for what in ("layered/t5/s1", "own.json", "layered/t5/s1,capacity=4MiB"):
        with pytest.raises(InputError, match=rf"^{what}: is a program, not a packing$"):
            load_packing(what)
    for what in ("A", "guillotine/n9/s1", "own.64.csv", "B,capacity=2MiB"):
        with pytest.raises(InputError, match=r": is a packing, not a program$"):
            load_program(what)
    with pytest.raises(InputError, match=r"^layered/t5/s1: is a program, not a packing$"):
        expand_packings(["A", "layered/t5/s1"])
    with pytest.raises(InputError, match=r"^A: is a packing, not a program$"):
        expand_programs(["minimalloc"])


def test_names_sets_ranges_numbers_and_files_expand_in_order_and_once(files_here: Path) -> None:
    assert expand_packings(["minimalloc"]) == list("ABCDEFGHIJK")
    assert expand_packings(["D..F", "E..G"]) == list("DEFG")
    assert expand_packings(["somas", "minimalloc-example"]) == ["somas-resnet50", "somas-pangu", "minimalloc-example"]
    assert expand_packings(["guillotine/n9/s8..s10"]) == [f"guillotine/n9/s{i}" for i in (8, 9, 10)]
    assert expand_packings(["random/t9/n5", "random/n5/t9/s0"]) == ["random/n5/t9/s0"]
    assert expand_packings(["own.64.csv", "own.64.csv,capacity=2048"]) == ["own.64.csv", "own.64.csv,capacity=2KiB"]
    assert expand_programs(["layered/p2/t9/s0..1", "own.json"]) == ["layered/t9/p2/s0", "layered/t9/p2/s1", "own.json"]
    assert expand_programs(["programs-train", "programs-test"]) == [*sets()["programs-train"], *sets()["programs-test"]]


def test_a_capacity_after_a_set_or_range_is_that_of_every_member() -> None:
    assert expand_packings(["A..C,capacity=2048KiB"]) == [f"{x},capacity=2MiB" for x in "ABC"]
    assert expand_packings(["A..C,capacity=1MiB"]) == list("ABC")
    found = expand_programs(["layered/t9/s0..s1,capacity=4MiB", "layered/t9/s1,capacity=16MiB"])
    assert found == ["layered/t9/s0,capacity=4MiB", "layered/t9/s1,capacity=4MiB", "layered/t9/s1"]
    assert [load_program(x).name for x in found] == found


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("A..L", "range 'A..L': unknown instance 'L'"),
        ("A..k", "range 'A..k': unknown instance 'k'; did you mean 'K'?"),
        ("C..A", "range 'C..A': A comes before C"),
        ("A..somas-pangu", "range 'A..somas-pangu': A and somas-pangu are not in one set"),
        ("random/n9/s5..s3", "range 'random/n9/s5..s3': 3 comes before 5, or is too far from it"),
        ("random/n9/s0..s999999", "range 'random/n9/s0..s999999': 999999 comes before 0, or is too far from it"),
    ],
)
def test_a_range_that_is_none_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        expand_packings([spec])
    assert str(caught.value) == message


def test_the_program_in_the_description_of_the_format_is_one(tmp_path: Path) -> None:
    readme = (files("dispatchgym.instances") / "data" / "memory" / "README.md").read_text(encoding="utf-8")
    program = readme.split("```json\n")[1].split("```")[0]
    packing = readme.split("```\n")[1].split("```")[0]
    (tmp_path / "two.json").write_text(program)
    (tmp_path / "p.csv").write_text(packing)
    assert json.loads(program)["name"] == load_program(tmp_path / "two.json").name == "two"
    assert load_packing(tmp_path / "p.csv").gaps[1] == ((4, 6, 0, 0), (7, 8, 0, 32))


@pytest.mark.parametrize("name", ["D", "J"])
def test_the_lowest_known_heights_below_the_capacity_are_on_record(name: str) -> None:
    packing = load_packing(name)
    text = (files("dispatchgym.instances") / f"data/memory/records/{name}.{packing.best_known}.csv").read_text()
    offset = {ident: int(value) for ident, value in (line.split(",") for line in text.splitlines()[1:])}
    plan = PackingPlan(np.array([offset[ident] for ident in packing.ids]))
    assert check_packing(packing, plan) == packing.best_known
