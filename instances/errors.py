"""The one exception that bad input raises; commands print it as a single line and exit with code 2."""


class InputError(ValueError):
    """What a user gave cannot be used; the message names the file, the line and the value."""
