"""Solvers for memory: packing buffers into addresses, mapping tensors onto a fast and a slow level."""
