"""What native code cannot do: a bug of the emitter or of this package, never the user's."""

from symgrad.errors import SymgradError


class UnsupportedError(SymgradError):
    """A module says something that this package does not compile."""
