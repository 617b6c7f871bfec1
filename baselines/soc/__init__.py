"""Baselines of task graphs on a chip: `static` solves static graphs, `streaming` streams of jobs."""
