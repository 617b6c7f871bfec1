"""What bad input raises (commands print it as a single line and exit with code 2), and what referees raise."""


class InputError(ValueError):
    """What a user gave cannot be used; the message names the file, the line and the value."""


class InvalidSchedule(ValueError):
    """The schedule breaks a rule of its problem; the message says where."""
