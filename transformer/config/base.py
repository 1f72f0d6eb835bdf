"""What every section of the settings is built on: strict classes, bounds, types and errors."""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from ..errors import UserError, shown
from .explaining import explain, found_in, joined


class ConfigError(UserError):
    """A setting that cannot be used; the message names it and says what to do."""


class Settings(BaseModel):
    """Strict: no unknown keys, no conversions. What is wrong raises ConfigError."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        # As pydantic's use_attribute_docstrings, which would parse a module anew for every class.
        for name, text in _docstrings(cls.__module__).get(cls.__name__, {}).items():
            cls.model_fields[name].description = text

    def __init__(self, /, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            lines = [explained(problem, type(self)) for problem in found_in(error)]
            raise ConfigError(joined(lines, error.error_count())) from None

    # With this mark pydantic validates sections without the method above, and the whole says where
    # in it something is wrong.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    # The strings below the attributes of each class.
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:  # installed without its source
        return {}
    found: dict[str, dict[str, str]] = {}
    for part in tree.body:
        if isinstance(part, ast.ClassDef):
            of_class = found.setdefault(part.name, {})
            for before, after in pairwise(part.body):
                match before, after:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        of_class[name] = inspect.cleandoc(text)
    return found


# Bounds that no sensible value meets. They keep slips of the keyboard from becoming overflows or
# endless searches.
MAX_COUNT = 10**9
"""Of everything that is counted and has no closer bound: steps, sentences."""
MAX_TOKENS = 10**7
"""Of a batch."""
MAX_THREADS = 512
"""Of the CPU."""
MAX_BEAM_SIZE = 256
"""Hypotheses of a sentence, live ones and those that are asked for."""
MAX_ALPHA = 10.0
"""Of the length penalty: far above what is of use, far below where its powers overflow."""
MAX_PATIENCE = 1000.0
"""Of the search, in beams."""
MAX_THRESHOLD = 1000.0
"""Of the search, in nats."""
MAX_NGRAM = 1000
"""Pieces of an n-gram that must not occur twice."""
MAX_EXTRA_TOKENS = 10_000
"""Pieces of a translation beyond the length of its source."""
MAX_FACTOR = 1e9

PositiveInt = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
Layers = Annotated[int, Field(ge=1, le=1000)]
Threads = Annotated[int, Field(ge=1, le=MAX_THREADS)]
Share = Annotated[float, Field(ge=0, lt=1)]


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError(f"must not hold a NUL character; found {shown(value)}")
    return value


def _path(value: str) -> str:
    # Endings are added to the names, and file systems allow 255 bytes.
    if any(len(part.encode()) > 240 for part in value.split("/")):
        raise ValueError(f"no name in a path may have more than 240 bytes; found {shown(value)}")
    return value


Text = Annotated[str, Field(min_length=1, max_length=3000), AfterValidator(_text)]
PathText = Annotated[Text, AfterValidator(_path)]


def expand_path(path: str | Path) -> Path:
    """`~` and `~name` at the beginning become a home directory.

    Raises:
        ConfigError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"there is no home directory for {Path(path).parts[0]} (of {shown(str(path))}); write "
            f"the path in full, or ./{path} for a folder of that name"
        ) from None


def sections_of(field: FieldInfo) -> list[type[BaseModel]]:
    """The classes that a section may be of: one, or one per task; none of a single setting."""
    of_union = get_origin(field.annotation) in (Union, UnionType)
    kinds = get_args(field.annotation) if of_union else (field.annotation,)
    return [
        kind
        for kind in kinds
        if get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)
    ]


def fields_of(settings: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    found: dict[str, FieldInfo] = {}
    for name, field in settings.model_fields.items():
        sections = sections_of(field)
        if not sections:
            found[prefix + name] = field
        for section in sections:
            for path, inner in fields_of(section, f"{prefix}{name}.").items():
                found.setdefault(path, inner)
    return found


def explained(problem: Any, settings: type[BaseModel]) -> str:
    """One of pydantic's problems with such settings, in our words."""
    from .data import SourceConfig  # which is built on this file

    return explain(problem, list(fields_of(settings)), list(SourceConfig.model_fields))
