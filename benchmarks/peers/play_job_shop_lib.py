"""JobShopLib: its dispatcher, its graph environment. Usage: play_job_shop_lib.py INSTANCE.json SECONDS; prints rows as JSON."""

from __future__ import annotations

import json
import random
import sys

from job_shop_lib import JobShopInstance, Operation
from job_shop_lib.dispatching import Dispatcher, filter_dominated_operations
from job_shop_lib.dispatching.feature_observers import FeatureObserverType
from job_shop_lib.graphs import build_resource_task_graph
from job_shop_lib.reinforcement_learning import SingleJobShopGraphEnv
from timing import best_rate, load_routes, python_bytes

FEATURES = (FeatureObserverType.IS_READY, FeatureObserverType.EARLIEST_START_TIME, FeatureObserverType.DURATION)


def main(path: str, seconds: float) -> None:
    instance = JobShopInstance([[Operation(m, p) for m, p in job] for job in load_routes(path)])
    rows = [dispatcher_row(instance, seconds), graph_row(instance, seconds)]
    print(json.dumps(rows))


def dispatcher_row(instance: JobShopInstance, seconds: float) -> dict[str, object]:
    """Dispatching and listing the available operations, without observation or reward."""
    dispatcher = make_dispatcher(instance)
    rng, jobs = random.Random(0), []
    while not dispatcher.schedule.is_complete():
        operation = rng.choice(dispatcher.available_operations())
        dispatcher.dispatch(operation)
        jobs.append(operation.job_id)

    def replay() -> int:
        dispatcher.reset()
        for job in jobs:
            dispatcher.dispatch(dispatcher.next_operation(job))
            dispatcher.available_operations()
        return len(jobs)

    rate, memory = best_rate(replay, seconds, 3), python_bytes(lambda: make_dispatcher(instance))
    what = "Dispatcher with available_operations"
    return {"what": what, "mode": "single", "observation": "candidates", "copies": 1, "rate": rate, "bytes": memory}


def make_dispatcher(instance: JobShopInstance) -> Dispatcher:
    return Dispatcher(instance, ready_operations_filter=filter_dominated_operations)


def graph_row(instance: JobShopInstance, seconds: float) -> dict[str, object]:
    """Graph observation with three of its features."""
    env = make_env(instance)
    rng, actions, over = random.Random(0), [], False
    _, info = env.reset()
    while not over:
        _, machine, job = rng.choice(info["available_operations_with_ids"])
        actions.append((job, machine))
        _, _, over, _, info = env.step(actions[-1])

    def replay() -> int:
        env.reset()
        for action in actions:
            over = env.step(action)[2]
        assert over
        return len(actions)

    rate, memory = best_rate(replay, seconds, 3), python_bytes(lambda: make_env(instance), 5)
    what = "SingleJobShopGraphEnv, resource-task graph, 3 features"
    return {"what": what, "mode": "single", "observation": "graph", "copies": 1, "rate": rate, "bytes": memory}


def make_env(instance: JobShopInstance) -> SingleJobShopGraphEnv:
    return SingleJobShopGraphEnv(build_resource_task_graph(instance), FEATURES)


main(sys.argv[1], float(sys.argv[2]))
