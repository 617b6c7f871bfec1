"""A rule of ten lines: whatever can begin first does, of those the operation of the job with most work remaining."""

import numpy as np


def most_work(instance, **_):
    start = np.full(instance.machine.shape, -1)
    ready, free = instance.release.tolist(), [0] * instance.machines
    left = instance.duration.sum(axis=1).tolist()
    todo = [(job, 0) for job in range(instance.jobs)]
    while todo:
        at = [max(ready[j], free[instance.machine[j, k]]) for j, k in todo]
        job, step = todo.pop(min(range(len(todo)), key=lambda i: (at[i], -left[todo[i][0]])))
        machine, duration = instance.machine[job, step], int(instance.duration[job, step])
        start[job, step] = max(ready[job], free[machine])
        ready[job] = free[machine] = start[job, step] + duration
        left[job] -= duration
        if step + 1 < instance.operations[job]:
            todo.append((job, step + 1))
    return {"start": start}


if __name__ == "__main__":
    from dispatchgym import compare

    print(compare(["ft06", "la01"], ["mwkr", most_work], workers=2))
