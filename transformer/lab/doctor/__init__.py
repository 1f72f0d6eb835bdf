"""Is a configuration sound, and its data, and the model's code? Looks before anything is trained.

Each check is a function that takes what it needs and yields findings. `examination` runs them all.
"""

from .examination import examine
from .findings import Finding, Report

__all__ = ["Finding", "Report", "examine"]
