"""Checks and measures everything that needs a GPU, in one run: `python -m benchmarks.gpu --help`."""
