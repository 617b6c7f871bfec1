"""The jobs of a model that names none: tasks that lags or links connect."""

from __future__ import annotations

from dispatchgym.instances.cpmodel.instance import CPInstance


def jobs_of(x: CPInstance) -> tuple[list[list[int]], list[int]]:
    """Connected tasks, and the milestones: tasks that take no time, which may tie all jobs together and belong to none."""
    milestones = [j for j, task in enumerate(x.tasks) if all(mode.duration == 0 for mode in task.modes)]
    seen = set(milestones)
    near: list[list[int]] = [[] for _ in x.tasks]
    ties = [*((lag.first, lag.second) for lag in x.lags), *((link.first, link.second) for link in x.links)]
    for first, second in ties:
        if first not in seen and second not in seen:
            near[first].append(second)
            near[second].append(first)
    jobs: list[list[int]] = []
    for j in range(len(x.tasks)):
        if j in seen:
            continue
        job = [j]
        seen.add(j)
        for k in job:  # grows meanwhile
            fresh = [other for other in dict.fromkeys(near[k]) if other not in seen]
            seen.update(fresh)
            job += fresh
        jobs.append(job)
    return jobs, milestones


def groups(x: CPInstance) -> list[int]:
    """(N,) what each task is drawn as: its job's number; in a model of one job, as a project is, its own."""
    jobs, _ = jobs_of(x)
    found = list(range(len(x.tasks)))
    for n, job in enumerate(jobs if len(jobs) > 1 else []):
        for j in job:
            found[j] = n
    return [task.group if task.group >= 0 else found[j] for j, task in enumerate(x.tasks)]
