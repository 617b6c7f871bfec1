"""Charts of blocking schedules: what is solid, what is pale, what is down."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dispatchgym.envs.blocking.check import processing_end
from dispatchgym.envs.blocking.render import Bar, bars, draw
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions
from dispatchgym.instances.jobshop.instance import JobShop
from tests.jobshop.test_rendering import words

# Job 0: machine 0 for 4, machine 1 for 3; job 1: machine 1 for 6, machine 0 for 2. They exchange machines at 6.
SHOP = BlockingShop(JobShop(np.array([[0, 1], [1, 0]]), np.array([[4, 3], [6, 2]]), name="two"), name="two/bws")
EXCHANGE = BlockingSchedule(np.array([[0, 6], [0, 6]]))


def shown(instance: BlockingShop, schedule: BlockingSchedule):
    begun = np.argwhere((instance.shop.machine >= 0) & (schedule.start >= 0)).tolist()
    ends = {(j, k): processing_end(instance, j, k, int(schedule.start[j, k])) for j, k in begun}
    return bars(instance, schedule, ends, max(ends.values(), default=1))


def layers(figure) -> list[list[tuple[float, float, int]]]:
    """(left, right, machine) of every bar: down, stopped, blocking, processing."""
    boxes = [[path.get_extents() for path in layer.get_paths()] for layer in figure.axes[0].collections]
    return [[(float(x.x0), float(x.x1), round(float(x.y0 + x.y1) / 2)) for x in layer] for layer in boxes]


def test_a_job_is_solid_while_it_is_processed_and_pale_while_it_blocks():
    figure = draw(SHOP, EXCHANGE)
    down, stopped, blocking, processing = layers(figure)
    assert sorted(processing) == [(0, 4, 0), (0, 6, 1), (6, 8, 0), (6, 9, 1)]
    assert blocking == [(4, 6, 0)]
    assert (down, stopped) == ([], [])
    text = words(figure)
    assert {"two/bws", "lower bound = makespan 9", "processing", "blocking"} <= set(text)
    assert "2 jobs, 2 machines, swaps allowed  ·  makespan 9" in text
    assert "down" not in text


def test_blocking_is_lighter_than_processing_and_hatched():
    _, _, blocking, processing = draw(SHOP, EXCHANGE).axes[0].collections
    assert blocking.get_hatch()
    assert not processing.get_hatch()
    assert blocking.get_facecolor()[0][:3].sum() > processing.get_facecolor()[0][:3].sum()


def test_a_partial_schedule_holds_its_last_operations_until_they_are_processed():
    figure = draw(SHOP, BlockingSchedule(np.array([[0, -1], [0, -1]])))
    _, _, blocking, processing = layers(figure)
    assert sorted(processing) == [(0, 4, 0), (0, 6, 1)]
    assert blocking == []
    assert "latest end 6" in words(figure)
    assert any("2 of 4 operations entered" in x for x in words(figure))
    assert layers(draw(SHOP, BlockingSchedule(np.full((2, 2), -1)))) == [[], [], [], []]


@pytest.mark.parametrize(("restart", "end"), [(False, 8), (True, 10)])
def test_processing_stops_while_its_machine_is_down(restart, end):
    broken = dataclasses.replace(SHOP, down=np.array([[[2, 6]], [[-1, -1]]]), interruptions=Interruptions(0.1, restart=restart))
    found = shown(broken, BlockingSchedule(np.array([[0, -1], [-1, -1]])))
    assert found.processing == [Bar(0, 0, 2, 0), Bar(0, 6, end, 0)]
    assert found.stopped == [Bar(0, 2, 6, 0)]
    assert found.down == [Bar(0, 2, 6)]
    assert found.blocking == []


def test_a_breakdown_comes_before_processing():
    broken = dataclasses.replace(SHOP, breakdown=np.array([[3, 0], [0, 0]]))
    found = shown(broken, BlockingSchedule(np.array([[0, -1], [-1, -1]])))
    assert (found.down, found.stopped, found.processing) == ([Bar(0, 0, 3)], [Bar(0, 0, 3, 0)], [Bar(0, 3, 7, 0)])


def test_a_breakdown_that_ends_in_a_down_window_stops_the_job_until_the_window_ends():
    broken = dataclasses.replace(SHOP, down=np.array([[[2, 6]], [[-1, -1]]]), breakdown=np.array([[3, 0], [0, 0]]))
    found = shown(broken, BlockingSchedule(np.array([[0, -1], [-1, -1]])))
    assert found.processing == [Bar(0, 6, 10, 0)]
    assert found.stopped == [Bar(0, 0, 3, 0), Bar(0, 3, 6, 0)]


def test_down_windows_are_drawn_behind_and_end_with_the_chart():
    broken = dataclasses.replace(SHOP, down=np.array([[[8, 40], [50, 60]], [[-1, -1], [-1, -1]]]), name="two/bws/p0.1/t0")
    figure = draw(broken, EXCHANGE, title="broken")
    down, _, blocking, _ = layers(figure)
    assert down == [(8, 9, 0)]
    assert blocking == [(4, 6, 0)]
    assert {"broken", "down"} <= set(words(figure))


def test_the_published_makespan_is_marked_and_said_to_be_undisturbed_on_a_trace():
    nothing = BlockingSchedule(np.full((10, 5), -1))
    assert "optimum 881" in words(draw(blocking_catalogue.load("la01/bns"), nothing))
    assert "optimum undisturbed 881" in words(draw(blocking_catalogue.load("la01/bns/p0.1/t0"), nothing))
    assert "best known 1204" in words(draw(blocking_catalogue.load("la06/bns"), BlockingSchedule(np.full((15, 5), -1))))


def test_thirty_jobs_have_their_numbers_where_there_is_room():
    shop = blocking_catalogue.load("la31/bws/p0.05/t0")
    start = np.full((30, 10), -1)
    now = 0
    for j in range(30):
        for begin, end in shop.down[shop.shop.machine[j, 0]].tolist():
            now = end if begin <= now < end else now
        start[j, 0] = now
        now = processing_end(shop, j, 0, now)
    figure = draw(shop, BlockingSchedule(start))
    long = {str(j) for j in range(30) if shop.shop.duration[j, 0] > 40}
    assert 5 < len(long) < 30
    assert long <= set(words(figure))
    assert figure.get_size_inches()[1] < 10
