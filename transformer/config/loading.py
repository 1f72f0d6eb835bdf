"""Settings from a YAML file and from `section.key=value` on the command line."""

import difflib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import cut, shown
from . import strict_yaml
from .base import ConfigError, explained, sections_of
from .explaining import MOVED, found_in, joined
from .settings import Config, setting_paths

log = logging.getLogger(__name__)

RUN_CONFIG = "config.yaml"
"""The settings of a run directory. Nobody edits them, so nobody is told which have moved."""


def load_config(path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file (None: only defaults) and applies `section.key=value` overrides in order.

    A setting that has moved to another section is still understood where it was, and the log says
    where it is now, unless the file is the config.yaml of a run.

    What is set by neither is not in `model_fields_set` of its section. An override of a section,
    such as `training={max_steps: 5, patience: 2}`, sets what is in it and leaves the rest.

    Raises:
        ConfigError: file missing or not YAML, unknown key, wrong type, impossible combination.
    """
    if not isinstance(path, str | Path | None):
        raise ConfigError(f"path must be the name of a YAML file, or None; found {shown(path)}")
    if isinstance(overrides, str | bytes) or not isinstance(overrides, Iterable):
        raise ConfigError(f"overrides must come in a list; found {shown(overrides)}")
    changes = [(place, value, text) for text in overrides for place, value in _read_override(text)]
    file = [] if path is None else list(_read_file(Path(path)))
    quiet = path is not None and Path(path).name == RUN_CONFIG
    _tell_what_moved([*([] if quiet else file), *((place, value) for place, value, _ in changes)])
    file = [(_moved(place), value) for place, value in file]
    changes = [(_moved(place), value, text) for place, value, text in changes]
    if path is not None and not file and not changes:
        raise ConfigError(
            f"{path} holds no settings; write what differs from the defaults, such as "
            "'data: {train: FOLDER/train, val: FOLDER/val}'. For the defaults alone, the paper's "
            "base model and the built-in sentences, name at least a run_dir"
        )
    if path is not None:
        file.insert(0, (("run_dir",), f"runs/{Path(path).stem}"))
    try:
        return Config.model_validate(_tree(file + [(place, value) for place, value, _ in changes]))
    except ValidationError as error:
        of_file = _faults(file)
        lines = []
        for problem in found_in(error):
            where = str(path)
            if _fault(problem) not in of_file:
                # What was set there, in it, or around it.
                about = {text: None for place, _, text in changes if _meet(place, problem["loc"])}
                where = f"override {shown(*about)}" if len(about) == 1 else "the overrides"
            lines.append(f"{where}: {explained(problem, Config)}")
        raise ConfigError(joined(lines, error.error_count())) from None


# ------------------------------------------------------------------------------------------------
# Files and overrides
# ------------------------------------------------------------------------------------------------

Place = tuple[str, ...]
"""The parts of a dotted name."""


def _sections(settings: type[BaseModel] = Config, place: Place = ()) -> Iterator[Place]:
    yield place
    for name, field in settings.model_fields.items():
        for section in sections_of(field):
            yield from _sections(section, (*place, name))


_SECTIONS = set(_sections())


def _read_file(path: Path) -> Iterator[tuple[Place, Any]]:
    try:
        with path.open("rb") as file:
            content = file.read(strict_yaml.MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}; {_near(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character
        raise ConfigError(
            f"cannot read {shown(str(path))}: {getattr(error, 'strerror', error)}"
        ) from None
    if len(content) > strict_yaml.MAX_BYTES:
        raise ConfigError(
            f"{path} is larger than {strict_yaml.MAX_BYTES:,} bytes; a configuration is not, so "
            "name another file"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        found = "it is UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else str(error)
        raise ConfigError(f"cannot read {path}: {found}; save it as UTF-8") from None
    try:
        tree = strict_yaml.parse(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(tree, dict | None):
        raise ConfigError(f"{path} must hold sections such as 'training:', found {shown(tree)}")
    return _spread((), tree)


def _near(path: Path) -> str:
    """What is there instead of a missing file."""
    folder = path.parent if path.parent.is_dir() else Path("configs")
    there = {p.stem: str(p) for p in sorted(folder.glob("*.yaml"))}
    near = difflib.get_close_matches(path.stem, there, n=1)
    if near:
        return f"did you mean {there[near[0]]}?"
    return f"there is {cut(', '.join(there.values()), 1000) or 'none'} in {folder}"


def _read_override(override: str) -> Iterator[tuple[Place, Any]]:
    if not isinstance(override, str):
        raise ConfigError(f"an override must be a str; found {shown(override)}")
    key, equals, text = override.partition("=")
    key = key.strip()
    place = tuple(key.split("."))
    if not equals or not all(place):
        raise ConfigError(
            f"an override is written section.key=value, such as training.max_steps=500; "
            f"found {shown(override)}"
        )
    try:
        value = strict_yaml.parse(text)
    except ValueError as error:
        raise ConfigError(f"the value of {cut(key, 100)} is not valid YAML: {error}") from None
    for name in (*setting_paths(), *MOVED):
        if key.startswith(f"{name}."):
            raise ConfigError(f"override {shown(override)}: {name} {_WHOLE.get(name, _SINGLE)}")
    if place in _SECTIONS and not isinstance(value, dict):
        raise ConfigError(
            f"override {shown(override)}: {key} must be a mapping of settings; found "
            f"{shown(value)}. Write {key}.NAME=VALUE to set one of them"
        )
    return _spread(place, value)


_SINGLE = "is one setting and has no parts; write its name, = and the value"
_WHOLE = {
    f"data.{name}": (
        "is a list of sources, which is replaced as a whole; write "
        f'data.{name}=PATH, "data.{name}={{path: PATH, weight: 2}}" or '
        f'"data.{name}=[PATH, {{path: PATH, weight: 2}}]"'
    )
    for name in ("train", "val")
}


def _spread(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    """The settings of a section one by one; one with nothing in it sets nothing."""
    if place not in _SECTIONS or not isinstance(value, dict | None):
        yield place, value
    else:
        for name, inner in (value or {}).items():
            yield from _spread((*place, name), inner)


def _moved(place: Place) -> Place:
    """Where a setting is today."""
    return tuple(MOVED.get(".".join(place), ".".join(place)).split("."))


def _tell_what_moved(settings: Iterable[tuple[Place, Any]]) -> None:
    given = dict.fromkeys(".".join(place) for place, _ in settings)
    old = [name for name in given if name in MOVED]
    if old:
        changes = ", ".join(f"{name} is now {MOVED[name]}" for name in old)
        log.warning("some settings have moved; their old names still work: %s", changes)


def _tree(settings: Iterable[tuple[Place, Any]]) -> dict[str, Any]:
    """Nested mappings; the last of equal places counts."""
    tree: dict[str, Any] = {}
    for (*sections, name), value in settings:
        inner: Any = tree
        for section in sections:
            # What is no mapping here is a mistake, and stays to be reported.
            inner = inner.setdefault(section, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[name] = value
    return tree


# ------------------------------------------------------------------------------------------------
# Whose mistake it is
# ------------------------------------------------------------------------------------------------


def _fault(problem: Any) -> tuple[object, ...]:
    """Equal for the same problem with the same value."""
    # That of a combination is in its message, and what else is in the section does not matter.
    value = None if problem["type"] == "value_error" else shown(problem["input"])
    return problem["loc"], problem["msg"], value


def _faults(settings: Iterable[tuple[Place, Any]]) -> set[tuple[object, ...]]:
    try:
        Config.model_validate(_tree(settings))
    except ValidationError as error:
        return {_fault(problem) for problem in error.errors(include_url=False)}
    return set()


def _meet(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether one place is the other, or in it."""
    return all(a == b for a, b in zip(one, other, strict=False))
