"""Errors that a user reads: what was expected, what was found, where, and what to do."""


class UserError(Exception):
    """A problem the user can mend. Command lines print its text without a traceback.

    The message names the file, topic or parameter, what was expected, what was found and what to do.
    """


def in_one_line(error: Exception) -> str:
    """What a library or the system says, for the end of a message: without number, file name and line breaks."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())


class UnknownObjectError(UserError):
    """An object that a catalogue or a set of weights does not hold; lists those it does hold."""

    def __init__(self, object_id: str, known: list[str], where: str) -> None:
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(f"object '{object_id}' is not known to {where}; known are: {listed}")


class ForeignDataError(UserError):
    """A foreign file asks for something that reading data never needs, such as calling a function."""
