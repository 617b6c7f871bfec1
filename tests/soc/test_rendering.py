"""Gantt charts of chips: bars, arrivals, shares of time, windows, and the chain that makes a static schedule as long as it is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dispatchgym.envs.soc.render import HOT, TINTS, chain, draw, draw_static, stream_colours
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.instance import (
    Application,
    Cluster,
    Platform,
    StaticDag,
    StaticSchedule,
    Stream,
    StreamLog,
    Workload,
)

CHIP = Platform((Cluster("big", 1, {"a": 4, "b": 6}), Cluster("small", 2, {"a": 9})), np.ones((2, 2)))
APP = Application(("a", "b"), np.array([[0, 1, 3]]), name="pair")
LOAD = Workload(CHIP, (APP,), scale=20.0, cap=2, horizon=60, prefill=False)
STREAM = Stream(LOAD, np.array([20, 30, 20], np.int32), np.zeros(3, np.int32), np.zeros((3, 0)), name="two jobs")
# Job 0 runs a on a small PE and b on the big one, job 1 both on the big one.
LOG = StreamLog(
    np.array([0, 20]), np.array([[1, 0], [0, 0]]), np.array([[0, 12], [20, 24]]), np.array([[0, 0], [0, 0]], np.int64)
)
GRAPH = StaticDag(
    np.array([[2, 9], [3, 3], [9, 4], [2, 9]]), np.array([[0, 2, 5], [0, 1, 0], [1, 3, 0], [2, 3, 1]]), name="diamond"
)
SCHEDULE = StaticSchedule(np.array([0, 0, 1, 0]), np.array([0, 2, 7, 12]))  # 14 ticks


def bars(figure) -> list[tuple[float, float, int]]:
    boxes = [path.get_extents() for path in figure.axes[0].collections[0].get_paths()]
    return sorted((float(x.x0), float(x.x1), round(float(x.y0 + x.y1) / 2)) for x in boxes)


def words(figure) -> set[str]:
    texts = [text.get_text() for text in (*figure.axes[0].texts, *figure.axes[0].get_yticklabels())]
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return {*texts, *legends, figure.axes[0].get_title(loc="left"), figure.axes[0].get_xlabel()}


def test_every_execution_is_a_bar_on_its_pe():
    figure = draw(STREAM, LOG)
    assert bars(figure) == [(0, 9, 1), (12, 18, 0), (20, 24, 0), (24, 30, 0)]
    text = words(figure)
    assert {"two jobs", "big", "small 0", "small 1", "pair", "arrival", "time (microseconds)"} <= text
    assert "2 jobs let in, 4 tasks begun by 30 microseconds" in text


def test_the_share_of_time_that_a_pe_is_busy_stands_at_its_right():
    assert {"53 %", "30 %", "0 %", "busy"} <= words(draw(STREAM, LOG))  # 16 and 9 of 30 microseconds


def test_arrivals_are_marked_in_the_colour_of_their_job():
    arrivals = draw(STREAM, LOG).axes[0].collections[1]
    assert arrivals.get_offsets()[:, 0].tolist() == [0, 20]
    assert np.allclose(arrivals.get_facecolors()[:, :3], stream_colours(STREAM, 2))


def test_a_run_in_progress_and_one_that_has_not_begun_are_drawn():
    begun = dataclasses.replace(LOG, start=np.array([[0, -1], [-1, -1]]), pe=np.array([[1, -1], [-1, -1]]))
    part = dataclasses.replace(begun, level=np.array([[0, -1], [-1, -1]]))
    assert bars(draw(STREAM, part)) == [(0, 9, 1)]
    nothing = StreamLog(*(np.full(shape, -1) for shape in ((0,), (0, 2), (0, 2), (0, 2))))
    assert bars(draw(STREAM, nothing)) == []


def test_of_a_long_stream_a_window_after_the_warm_up_is_shown_and_said():
    load = dataclasses.replace(LOAD, horizon=2000, warmup=500)
    jobs = 100
    start = 20 * np.arange(jobs)[:, None] + np.array([0, 4])
    log = StreamLog(20 * np.arange(jobs), np.zeros((jobs, 2), np.int64), start, np.zeros((jobs, 2), np.int64))
    long = Stream(load, np.full(jobs, 20, np.int32), np.zeros(jobs, np.int32), np.zeros((jobs, 0)), name="long")
    figure = draw(long, log)
    left, right = 500, 500 + 300  # 60 executions of 5 microseconds
    assert [text for text in words(figure) if f"shown: {left} to {right}" in text]
    assert all(b > left and a < right for a, b, _ in bars(figure))
    assert len(bars(figure)) == 2 * (right - left) // 20
    assert bars(draw(long, log, window=(0, 40))) == [(0, 4, 0), (4, 10, 0), (20, 24, 0), (24, 30, 0)]


def test_few_applications_have_a_hue_each_and_their_jobs_tints():
    three = dataclasses.replace(LOAD, applications=(APP, APP, APP), probabilities=())
    kinds = np.array([0, 1, 0, 2, 0, 0], np.int32)
    colours = stream_colours(dataclasses.replace(STREAM, workload=three, application=kinds), 6)
    assert len({tuple(colour) for colour in colours[[0, 1, 2, 3, 4]]}) == 5
    assert np.allclose(colours[0], colours[5])  # after all tints
    assert len(TINTS) == 3
    many = dataclasses.replace(LOAD, applications=(APP,) * 9, probabilities=())
    assert "pair" not in words(draw(dataclasses.replace(STREAM, workload=many), LOG))


def test_a_static_schedule_shows_its_tasks_its_makespan_and_a_bound():
    figure = draw_static(GRAPH, SCHEDULE)
    drawn = [c for c in figure.axes[0].collections if len(c.get_paths()) == 4 and c.get_facecolor().shape == (4, 4)]
    boxes = sorted((round(path.get_extents().x0), round(path.get_extents().x1)) for path in drawn[0].get_paths())
    assert boxes == [(0, 2), (2, 5), (7, 11), (12, 14)]
    text = words(figure)
    assert {"diamond", "makespan 14", "PE 0", "PE 1", "4 tasks, 2 PEs, 4 edges  ·  makespan 14", "50 %", "29 %"} <= text
    assert any(x.startswith("lower bound ") for x in text)
    assert any(x.startswith("optimum 73") for x in words(draw_static(*_known())))


def _known() -> tuple[StaticDag, StaticSchedule]:
    dag = soc_catalogue.load_static("topcuoglu-10")
    blank = np.full(len(dag.duration), -1)
    return dag, StaticSchedule(blank, blank)


def test_the_chain_leads_from_a_first_task_to_the_last_without_a_pause():
    end = SCHEDULE.start + GRAPH.duration[np.arange(4), SCHEDULE.pe]
    assert chain(GRAPH, SCHEDULE, end) == [0, 2, 3]
    outlined = [c for c in draw_static(GRAPH, SCHEDULE).axes[0].collections if len(c.get_paths()) == 3]
    assert np.allclose(outlined[-1].get_edgecolor()[0][:3], to_rgb(HOT))


@pytest.mark.parametrize("begun", [0, 2])
def test_a_static_schedule_in_progress_says_so(begun):
    mask = np.arange(4) < begun
    part = StaticSchedule(np.where(mask, SCHEDULE.pe, -1), np.where(mask, SCHEDULE.start, -1))
    assert f"4 tasks, 2 PEs, 4 edges  ·  {begun} of 4 tasks started" in words(draw_static(GRAPH, part))


def test_many_edges_are_left_out_but_those_of_the_chain():
    dag = soc_catalogue.load_static("topcuoglu/v60/ccr1/s3")
    order = np.arange(60)
    schedule = StaticSchedule(order % 8, 2000 * order)
    lines = [c for c in draw_static(dag, schedule).axes[0].collections if type(c).__name__ == "LineCollection"]
    assert sum(len(c.get_segments()) for c in lines) == 0  # no task starts as soon as it can


def test_more_than_2000_tasks_are_shown_as_utilisation():
    count = 2001
    dag = StaticDag(np.full((count, 2), 3, np.int32), np.zeros((0, 3), np.int32), name="many")
    pe = np.arange(count) % 2
    figure = draw_static(dag, StaticSchedule(pe, 3 * (np.arange(count) // 2)))
    shares = np.asarray(figure.axes[0].images[0].get_array())
    assert shares.shape == (2, 240)
    assert shares[:, :235] == pytest.approx(1.0)
    assert not figure.axes[0].patches
