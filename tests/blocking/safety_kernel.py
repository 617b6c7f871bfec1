"""The verdict of the blocking kernel's search for deadlocks on given states: compiled together with that kernel."""


def verdict(b, inst, s, r):
    """r.verdict[b]: SAFE, UNSAFE or OPEN_QUESTION for job r.crew[b, x] on its operation r.at[b, x], x < r.count[b]."""
    for x in range(r.count[b]):
        s.crew[b, x] = r.crew[b, x]
        s.level[b, 0, x] = r.at[b, x]
    r.verdict[b] = search(inst, s, b, s.row[b], r.count[b], r.budget)
