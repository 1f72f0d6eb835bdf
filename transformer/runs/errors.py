"""What can be wrong with a run on disk."""

from ..errors import UserError


class CheckpointError(UserError):
    """A run directory or checkpoint that cannot be used; the message says what to do."""


class DamagedError(CheckpointError):
    """A file whose content is not what was written to it."""
