"""Baselines: dispatching rules, local search and CP-SAT models, one folder a problem."""
