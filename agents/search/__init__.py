"""Searches with a policy, by name: what else to play once the greedy episode is known. A new one is a file and a line here."""

from __future__ import annotations

from dispatchgym.agents.search.adaptive import adapt
from dispatchgym.agents.search.beam import widening_beams
from dispatchgym.agents.search.gumbel import plan
from dispatchgym.agents.search.loop import Search
from dispatchgym.agents.search.sampling import samples
from dispatchgym.agents.search.stochastic_beam import stochastic_beams

SEARCHES: dict[str, Search] = {
    "sample": samples,
    "beam": widening_beams,
    "stochastic-beam": stochastic_beams,
    "gumbel": plan,
    "adapt": adapt,
}
