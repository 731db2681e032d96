"""The one error a user can mend: printed as one `error: …` line, exit code 2."""


class InputError(Exception):
    """Bad input: an unknown name, a value out of range, a missing or altered file."""
