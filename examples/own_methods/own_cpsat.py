"""A CP-SAT model of one's own, with its bound: a Result says more than a schedule does."""

from ortools.sat.python import cp_model

from dispatchgym.baselines.result import Result


def own_cpsat(instance, seed, seconds, workers):
    model = cp_model.CpModel()
    horizon = int(instance.duration.sum() + instance.release.max())
    makespan = model.new_int_var(0, horizon, "makespan")
    start = [[model.new_int_var(0, horizon, "") for _ in range(n)] for n in instance.operations]
    on_machine = [[] for _ in range(instance.machines)]
    for j, row in enumerate(start):
        end = int(instance.release[j])
        for k, begin in enumerate(row):
            duration = int(instance.duration[j, k])
            model.add(begin >= end)
            end = begin + duration
            on_machine[instance.machine[j, k]].append(model.new_fixed_size_interval_var(begin, duration, ""))
        model.add(makespan >= end)
    for intervals in on_machine:
        model.add_no_overlap(intervals)
    model.minimize(makespan)

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds or 10.0
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    width = instance.machine.shape[1]
    times = [[solver.value(begin) for begin in row] + [-1] * (width - len(row)) for row in start]
    proved = "optimal" if status == cp_model.OPTIMAL else "feasible"
    return Result(None, {"start": times}, proved, 0.0, lower_bound=round(solver.best_objective_bound))


if __name__ == "__main__":
    from dispatchgym import compare

    print(compare(["ft06", "la01"], ["cpsat:2s", own_cpsat], workers=2))
