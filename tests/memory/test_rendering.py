"""Memory maps: boxes, leads, write-backs, lines and what a slot's time goes to."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dispatchgym.envs.memory.map.check import check as check_program
from dispatchgym.envs.memory.map.check import execute
from dispatchgym.envs.memory.map.render import KINDS, PARTS, draw, kinds
from dispatchgym.envs.memory.pack.render import draw as draw_packing
from dispatchgym.envs.memory.pack.render import kinds as kinds_of_buffers
from dispatchgym.instances.memory.instance import Gap, MemoryPlan, MemoryProgram, Packing, PackingPlan

PACKING = Packing(
    np.array([0, 2, 4]),
    np.array([4, 6, 8]),
    np.array([4, 3, 2]),
    capacity=9,
    ids=("x", "y", "z"),
    gaps=((), (Gap(3, 5, 0, 1),), ()),
)
PROGRAM = MemoryProgram(
    compute=np.array([3000, 2000, 4000, 1000, 2000]),
    size=np.array([4, 3, 2, 2, 1]),
    define=np.array([-1, 0, 1, 2, -1]),
    access=np.array(
        [[0, 2, 4, 0], [0, 4, 4, 0], [1, 0, 3, 1], [1, 1, 3, 0], [1, 4, 3, 0]]
        + [[2, 1, 2, 1], [2, 2, 2, 0], [3, 2, 2, 1], [3, 3, 2, 0]]
    ),
    capacity=11,
    slow_rate=10**9,
    fast_read_rate=10**10,
    fast_write_rate=5 * 10**9,
    scoped=np.array([0, 0, 2, 0, 0]),
    output=np.array([0, 0, 0, 1, 0]),
    alias=np.array([-1, -1, -1, 2, -1]),
    pin=np.array([0, 0, 0, 0, 1]),
    name="five instructions",
)
PLAN = MemoryPlan(
    np.array(
        [
            [0, 0, 3, 6, 2, -1],
            [1, 0, 2, 0, 0, 2],
            [2, 1, 3, 3, 1, -1],
            [3, 2, 5, 3, 2, 5],
            [4, 0, 1, 10, 0, -1],
            [1, 3, 5, 0, 4, -1],
        ]
    )
)


def collections(figure) -> list:
    return list(figure.axes[0].collections)


def boxes(collection) -> list[tuple[float, float, float, float]]:
    extents = [path.get_extents() for path in collection.get_paths()]
    return [(float(x.x0), float(x.x1), float(x.y0), float(x.y1)) for x in extents]


def words(figure) -> set[str]:
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    texts += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        texts += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
    return set(texts)


def labelled(figure, label: str):
    return next(c for c in collections(figure) if c.get_label() == label)


def test_a_buffer_is_drawn_where_it_needs_memory():
    figure = draw_packing(PACKING, PackingPlan(np.array([0, 4, 0])))
    whole = [(0, 4, 0, 4), (2, 3, 4, 7), (3, 5, 4, 5), (5, 6, 4, 7), (4, 8, 0, 2)]
    assert boxes(collections(figure)[0]) == whole
    lines = {line.get_ydata()[0] for line in figure.axes[0].lines}
    assert lines == {7, 9}  # the peak at time 2, the capacity
    assert {"unnamed: height 7 bytes", "peak", "capacity", "address (bytes)", "time", "x", "y", "z"} <= words(figure)
    assert "3 buffers  ·  1.000 of the peak" in words(figure)


def test_a_packing_in_progress_shows_what_is_placed_and_one_without_capacity_no_line_for_it():
    loose = dataclasses.replace(PACKING, capacity=None)
    figure = draw_packing(loose, PackingPlan(np.array([-1, -1, 1])), "begun")
    assert boxes(collections(figure)[0]) == [(4, 8, 1, 3)]
    assert {"begun", "3 buffers  ·  1 placed"} <= words(figure)
    assert "capacity" not in words(figure)
    assert boxes(collections(draw_packing(loose, PackingPlan(np.full(3, -1))))[0]) == []


def test_the_colours_of_a_packing_say_what_keeps_it_from_being_lower():
    packing = dataclasses.replace(PACKING, gaps=())
    low, high = PackingPlan(np.array([0, 4, 0])), PackingPlan(np.array([1, 5, 0]))
    assert kinds_of_buffers(packing, low).tolist() == [1, 1, 2]  # x and y give the peak of 7 at time 2
    assert kinds_of_buffers(packing, high).tolist() == [1, 0, 2]  # y ends at 8
    figure = draw_packing(packing, high)
    assert {"reaches above the peak", "alive when the most bytes are needed", "other"} <= words(figure)
    colours = collections(figure)[0].get_facecolors()[:, :3]
    assert len({tuple(colour) for colour in colours.round(6).tolist()}) == 3
    assert "reaches above the peak" not in words(draw_packing(packing, low))


def test_a_packing_is_drawn_in_the_unit_of_its_objective_alone():
    large = Packing(np.zeros(2, np.int64), np.ones(2, np.int64), np.array([3, 5]) * 2**20, name="large")
    figure = draw_packing(large, PackingPlan(np.array([0, 3 * 2**20])))
    assert {"large: height 8192 KiB", "address (KiB)"} <= words(figure)
    assert figure.axes[0].lines[0].get_ydata()[0] == 8192


def test_stays_are_boxes_coloured_by_kind():
    check_program(PROGRAM, PLAN)
    figure = draw(PROGRAM, PLAN)
    stays = next(c for c in collections(figure) if len(c.get_paths()) == 6)
    assert boxes(stays) == [(0, 3, 6, 10), (0, 2, 0, 3), (1, 3, 3, 5), (2, 5, 3, 5), (0, 1, 10, 11), (3, 5, 0, 3)]
    expected = ["fetched input", "born in fast memory", "born in fast memory", "output", "pinned", "fetched again"]
    assert kinds(PROGRAM, execute(PROGRAM, PLAN)) == expected
    assert np.allclose(stays.get_facecolors()[:, :3], [to_rgb(KINDS[kind]) for kind in expected])
    assert {*expected, "copy under way", "write-back", "scoped", *PARTS} <= words(figure)
    assert {"0", "1", "2", "3"} <= words(figure)  # the buffers


def test_scoped_bytes_leads_and_write_backs_are_marked():
    figure = draw(PROGRAM, PLAN)
    assert boxes(labelled(figure, "scoped")) == [(2, 3, 0, 2)]
    lead = labelled(figure, "lead")
    assert boxes(lead) == [(0, 2, 6, 10), (3, 4, 0, 3)]
    assert lead.get_hatch() == "////"
    segments = labelled(figure, "write-back").get_segments()
    assert [(a[0], b[0]) for a, b in segments] == [(1, 2), (3, 5)]
    assert all(a[1] == b[1] for a, b in segments)
    assert figure.axes[0].lines[0].get_ydata()[0] == 11  # the capacity


def test_slots_show_computation_traffic_and_stalls():
    found = execute(PROGRAM, PLAN)
    figure = draw(PROGRAM, PLAN)
    below = figure.axes[1]
    drawn = {bars.get_label(): [bar.get_height() for bar in bars] for bars in below.containers}
    assert drawn["computation"] == pytest.approx([3, 2, 4, 1, 2])  # nanoseconds
    assert sum(map(sum, drawn.values())) == pytest.approx(found.latency / 1e3)
    assert drawn["stalled for copies"] == pytest.approx([x / 1e3 for x in found.stall])
    assert max(drawn["stalled for copies"]) > 0
    alone = next(p for p in below.patches if p.get_label() == "slow memory alone")
    assert alone.get_data().values == pytest.approx([3, 5, 8, 2, 7])
    assert any(f"latency {found.latency / 1e3:.2f} ns" in word for word in words(figure))


def test_time_across_gives_each_instruction_its_time():
    found = execute(PROGRAM, PLAN)
    figure = draw(PROGRAM, PLAN, "in time", across="time")
    widths = [bar.get_width() for bar in figure.axes[1].containers[0]]
    assert widths == pytest.approx([(a + b) / 1e3 for a, b in zip(found.elapsed, found.stall, strict=True)])
    assert {"in time", "time (ns)"} <= words(figure)
    assert figure.axes[1].get_xlim()[1] == pytest.approx(found.latency / 1e3)


def test_an_empty_plan_has_only_what_programs_need():
    free = dataclasses.replace(PROGRAM, pin=np.zeros(5, np.int64), scoped=np.zeros(5, np.int64))
    figure = draw(free, MemoryPlan())
    assert collections(figure) == []
    assert not {"scoped", "write-back", "copy under way", *KINDS} & words(figure)
    assert {"five instructions: latency 25.00 ns", "instruction", "capacity", *PARTS} <= words(figure)
