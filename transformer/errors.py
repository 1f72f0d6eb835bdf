"""The root of all errors that a user can cause and mend."""


class UserError(ValueError):
    """Says what must hold, what was found and what to do; commands print it without traceback."""
