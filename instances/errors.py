"""What bad input raises (commands print it as a single line and exit with code 2), and what referees raise."""


class InputError(ValueError):
    """What a user gave cannot be used; the message names the file, the line and the value."""


class UnexpectedKeyword(InputError, TypeError):
    """A keyword that nothing takes. Libraries that try keywords expect Python's own kind of error, in its words."""


class InvalidSchedule(ValueError):
    """The schedule breaks a rule of its problem; the message says where."""
