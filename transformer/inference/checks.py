"""Checks what a caller hands over: texts must be str, numbers within their bounds."""

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any

from ..errors import UserError, shown


def check_number(name: str, value: Any, lowest: int, highest: int | None = None) -> int:
    """Returns a whole number that is within its bounds.

    Raises:
        UserError: it is not whole, or outside; the message names the bound.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise UserError(f"{name} must be a whole number; found {shown(value)}")
    value = int(value)
    if value < lowest:
        raise UserError(f"{name} must be at least {lowest}; found {shown(value)}")
    if highest is not None and value > highest:
        raise UserError(f"{name} must be at most {highest:,}; found {shown(value)}")
    return value


def check_real(name: str, value: Any, lowest: float, highest: float) -> float:
    """Returns a number that is within its bounds.

    Raises:
        UserError: it is none, or outside.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UserError(f"{name} must be a number; found {shown(value)}")
    if not lowest <= value <= highest:  # nan is not
        raise UserError(f"{name} must be between {lowest:g} and {highest:g}; found {shown(value)}")
    return float(value)


def check_text(name: str, value: Any) -> str:
    """Returns a text that is a str.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(value, str):
        decode = "; decode it first" if isinstance(value, bytes) else ""
        raise UserError(f"{name} must be a str; found {shown(value)}{decode}")
    return value


def check_texts(name: str, values: Any) -> Iterator[str]:
    """Yields texts, each checked when it is asked for; their container is checked at once.

    Args:
        name: what one of them is called, such as line; messages add its number, from 0.
        values: any iterable of texts.

    Raises:
        UserError: there is one text in place of several, or something else in place of a text.
    """
    if isinstance(values, str | bytes):
        raise UserError(
            f"several {name} texts must come in a list; found the one text {shown(values)}; "
            f"put it in a list"
        )
    if not isinstance(values, Iterable):
        raise UserError(f"several {name} texts must come in a list; found {shown(values)}")
    return (check_text(f"{name} {number}", value) for number, value in enumerate(values))
