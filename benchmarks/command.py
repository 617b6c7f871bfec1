"""The command line of a benchmark that can be stopped and continued."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from dispatchgym.instances.errors import InputError


def run_command(options: type[Any], benchmark: Callable[[Any], None], about: str | None, argv: Sequence[str] | None) -> None:
    """Call `benchmark` with the `options` (a dataclass) of the command line. Exits with 2 on bad input and 130 on Ctrl-C."""
    asked = tyro.cli(options, args=argv, description=about, config=(tyro.conf.FlagCreatePairsOff,))
    try:
        benchmark(asked)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted; the same command continues", file=sys.stderr)
        raise SystemExit(130) from None
