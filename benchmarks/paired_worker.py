"""A checkout's own `throughput.measure` that stops after every timing until it is told to go on.

`paired.py` passes the text of this file to the Python of another checkout, so it imports nothing but what `benchmarks` has there.
Each line on standard output tells of an event. The answer, a line on standard input, is "go", "enough" (after a timing: of this
figure) or "skip" (after a figure: the next one is not timed).
"""

import json
import os
import sys
import time
from dataclasses import asdict

CHANNEL = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the checkout prints shall not be taken for an event
skipped = False


def turn(event):
    """Tell the event and wait for this worker's next turn; returns the answer."""
    print(json.dumps(event), file=CHANNEL, flush=True)
    answer = sys.stdin.readline().strip()
    return answer or sys.exit(1)


def best_window(prepare, work, seconds, repeats):
    """As in `benchmarks/timing.py`, but one timing a turn, until it is enough."""

    def once():
        spent, operations = 0.0, 0
        while spent < seconds:
            prepare()
            began = time.process_time()
            operations += work()
            spent += time.process_time() - began
        return operations / spent

    return gated(once)


def gated(once):
    """The best rate of all timings but the first, which warms up; 0 if nothing is to be timed."""
    rates, more = [], not skipped
    while more:
        began = time.process_time()
        rates.append(once())
        more = turn({"rate": rates[-1], "spent": time.process_time() - began}) != "enough"
    return max(rates[1:] or rates or [0.0])


def main():
    global skipped
    from benchmarks import throughput, timing, workloads

    for module in (timing, workloads):
        module.best_window = best_window
    episodes = workloads.episodes_rate
    workloads.episodes_rate = lambda *arguments: gated(lambda: episodes(*arguments))
    plan = throughput.plan_of(throughput.parse(json.loads(sys.argv[1])))
    skipped = turn({"ready": True}) == "skip"
    for figure in throughput.measure(plan):
        skipped = turn({"figure": asdict(figure)}) == "skip"
    print(json.dumps({"end": True}), file=CHANNEL, flush=True)


main()
