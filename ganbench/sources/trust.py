"""What runs code when it is opened, and who must have allowed it? (SECURITY.md lists the rest)"""

from ganbench.errors import RequestError


def check_trust(trusted: bool, name: str, what: str) -> None:
    """Raises unless the user said that the code in an input may run; called before a byte of the input is interpreted.

    Args:
        trusted: Whether the user gave ``--trust``, or ``trust=True`` from Python.
        name: The input as the user wrote it.
        what: What it is, and what would run, in words.

    Raises:
        RequestError: The user did not say so.
    """
    if not trusted:
        raise RequestError(
            f"{name!r} is {what}, and nothing of it has run; if you trust whoever made it, add --trust (trust=True from Python), "
            "otherwise score samples of it"
        )
