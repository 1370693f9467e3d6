"""Is a package that only some requests need installed, and which extra brings it?"""

from importlib.util import find_spec

from ganbench.errors import RequestError


def check_package(module: str, extra: str, what: str) -> None:
    """Raises unless a package can be imported; imports nothing.

    >>> check_package("json", "json", "reading JSON")

    Args:
        module: Name of its top-level module.
        extra: The extra of ganbench that installs it.
        what: What needs it, for the message ("--to onnx").

    Raises:
        RequestError: It is not installed.
    """
    if find_spec(module) is None:
        raise RequestError(f"{what} needs the package {module}, which is not installed; pip install 'ganbench[{extra}]'")
