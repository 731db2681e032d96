"""Errors a user can mend: printed as one `error: …` line, exit code 2."""


class InputError(Exception):
    """Bad input: an unknown name, a value out of range, a missing or altered file."""


def expected() -> tuple[type[Exception], ...]:
    """All such errors, those of `sim.data` included (imported only when something went wrong)."""
    from sim.data import DataError

    return InputError, DataError, OSError


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
