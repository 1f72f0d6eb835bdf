"""What a check has found, and all findings as a table or as JSON."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warning", "fault"]

_SHOWN = {"ok": "ok", "warning": "warning", "fault": "FAULT"}
_WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    found: str
    """What was measured, and on how much."""
    advice: str = ""
    """What to do; empty if all is well."""


def grade(value: float, warning: float, fault: float) -> Level:
    """How bad a number is that should be small: a fault from `fault` on, a warning from `warning`.

    What is not a number is a fault.
    """
    if not value < fault:
        return "fault"
    return "warning" if value >= warning else "ok"


def judged(check: str, level: Level, found: str, advice: str) -> Finding:
    """A finding whose advice counts only if something is wrong."""
    return Finding(check, level, found, "" if level == "ok" else advice)


def listed(names: list[str], most: int = 3) -> str:
    """The first few of many names."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def quoted(text: str, length: int = 50) -> str:
    """The beginning of a text, as an example."""
    return f"“{textwrap.shorten(text[:1000], length, placeholder=' …')}”"


@dataclass(frozen=True)
class Report:
    """All findings, in the order of the checks."""

    findings: tuple[Finding, ...]

    def count(self, level: Level) -> int:
        """How many findings are of this level."""
        return sum(finding.level == level for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "faults": self.count("fault"),
            "warnings": self.count("warning"),
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names = [finding.check for finding in self.findings]
        width = max([len("check"), *map(len, names)]) + 2
        yield f"{'check':{width}}{'':9}found"
        before = ""
        for finding in self.findings:
            name = finding.check if finding.check != before else ""
            yield from _filled(f"{name:{width}}{_SHOWN[finding.level]:9}", finding.found)
            before = finding.check
        wrong = [finding for finding in self.findings if finding.level != "ok"]
        if wrong:
            yield "\nWhat to do:"
        told = sorted(wrong, key=lambda finding: finding.level)  # faults first
        for check, advice in dict.fromkeys((each.check, each.advice) for each in told):
            yield from _filled(f"  {check}: ", advice, indent=4)
        n_faults, n_warnings = self.count("fault"), self.count("warning")
        yield (
            f"\n{n_faults} fault{'s' * (n_faults != 1)}, "
            f"{n_warnings} warning{'s' * (n_warnings != 1)}"
        )


def _filled(head: str, text: str, indent: int | None = None) -> list[str]:
    # Lines within the text stay lines: they are examples.
    blank = " " * (len(head) if indent is None else indent)
    lines = []
    for i, line in enumerate(text.split("\n")):
        first = head if i == 0 else f"{blank}  "
        after = blank if i == 0 else f"{blank}    "
        lines += textwrap.wrap(
            line,
            _WIDTH,
            initial_indent=first,
            subsequent_indent=after,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]
    return lines
