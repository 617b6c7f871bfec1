"""One process of a run: measures cases of one part, and prints every row as a line of JSON.

`python -m benchmarks.gpu.worker PART TINY CASE...`
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.gpu.parts import load

MARK = "ROW "


def tell(**entry: Any) -> None:
    print(MARK + json.dumps(entry), flush=True)


def work(part: str, tiny: bool, cases: list[str]) -> None:
    """A case that fails is told, and the next one begins."""
    from benchmarks.gpu.device import NeedsDevice, describe_error, forget, plan

    module = load(part)
    for case in cases:
        began = time.perf_counter()
        status, reason = "ok", ""
        try:
            for row in module.measure(case, plan(tiny)):
                tell(case=case, row=row)
        except NeedsDevice as error:
            status, reason = "needs a device", str(error)
        except Exception as error:
            import traceback

            traceback.print_exc()
            status, reason = "failed", describe_error(error)
        tell(case=case, status=status, reason=reason, seconds=round(time.perf_counter() - began, 1))
        forget()


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2] == "tiny", sys.argv[3:])
