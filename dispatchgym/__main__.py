"""The command `dispatchgym`, also `python -m dispatchgym`: a subcommand of dispatchgym/commands and its words."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence

from dispatchgym import commands, families, program
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named
from dispatchgym.instances.names import printable
from dispatchgym.output import lost

COMPLETION = ("--tyro-print-completion", "--tyro-write-completion")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 if something was refused or failed, or cannot be printed, 2 for bad input, 130 if interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with program.inside():
        try:
            with named():
                return _run(words)
        except InputError as error:
            print(printable(f"error: {error}", 400), file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except OSError as error:
            if error.filename is not None:  # of a file, not of standard output
                raise
            return lost(error)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(help_text())
        return 0
    if words[0] == "--version":
        program.answers_version(words)
        return 0
    if words[0] in COMPLETION:
        program.complete({name: commands.load(name).grammar() for name in commands.NAMES}, words)
        return 0
    if words[0] not in commands.NAMES:
        near = difflib.get_close_matches(words[0], commands.NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(commands.NAMES)}"
        raise InputError(f"unknown command {printable(words[0])!r}; {hint}")
    status: int = commands.load(words[0]).main(words[1:])
    sys.stdout.flush()
    return status


def help_text() -> str:
    width = max(map(len, commands.NAMES))
    lines = [f"  {name:{width}}  {commands.load(name).SUMMARY}" for name in commands.NAMES]
    card = families.load(families.NAMES[0])
    words = (
        f"list {card.name}",
        f"train {card.name} {card.train_examples[0]}",
        f"evaluate {card.name} {card.examples[0][1]}",
        "check results/first",
        "export results/first --out rows.csv",
    )
    examples = ["For example:", *(f"  dispatchgym {x}" for x in words)]
    more = "`dispatchgym COMMAND --help` says more; docs/command.md has it all."
    return "\n".join(["usage: dispatchgym COMMAND ...   or dispatchgym --version", "", *lines, "", *examples, "", more])


if __name__ == "__main__":
    sys.exit(main())
