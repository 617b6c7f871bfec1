"""What a reader has to say about a file that it takes: a line of the logger `dispatchgym`, by default on standard error."""

from __future__ import annotations

import logging

from dispatchgym.instances.names import printable

_LOG = logging.getLogger("dispatchgym")


def note(text: str) -> None:
    """Say it, as "note: ..."."""
    _LOG.warning("note: %s", printable(text, 300))
