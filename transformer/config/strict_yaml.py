"""YAML as settings need it: text, numbers, true and false, null, lists and mappings.

PyYAML's safe loader runs no code, but it follows an alias into itself for ever, unfolds ten short
lines of aliases into gigabytes, keeps the last of two equal keys, and lets all kinds of exceptions
out. This loader counts what it composes and has one kind of error.
"""

import re
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from ..errors import cut, shown

MAX_BYTES = 500_000
"""Of a file: the settings are a few kilobytes, and each source in full about 200 bytes."""
_MAX_NODES = 25_000  # keys and values, those behind aliases counted as often as they are named
_MAX_DEPTH = 20
_MAX_DIGITS = 100

_KINDS = ("str", "int", "float", "bool", "null", "seq", "map", "merge")
_TAGS = [f"tag:yaml.org,2002:{kind}" for kind in _KINDS]


def parse(text: str) -> Any:
    """What a YAML text means.

    Raises:
        ValueError: it is not YAML, too large, or means something that no setting can be.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"{len(text):,} characters; at most {MAX_BYTES:,} can be settings")
    if _QuickLoader is not None:
        with suppress(yaml.YAMLError, ValueError, OverflowError):  # told better below
            return _QuickLoader(text).get_single_data()
    try:
        return _Loader(text).get_single_data()
    # The other two come of escapes that are not characters: "\UFFFFFFFF".
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ValueError(cut(str(error), 600)) from None


def dump(tree: Any) -> str:
    """YAML that `parse` reads back to an equal tree."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Checked(Composer, SafeConstructor, Resolver):
    # What makes values of the events of a parser, which is to be put behind this class.
    peek_event: Callable[[], Any]
    check_event: Callable[..., bool]
    n_nodes = depth = 0

    def __init__(self) -> None:
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self.sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark
        before = self.n_nodes
        if self.check_event(yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if node not in self.sizes:  # it has not ended yet
                raise _Problem("a list or mapping holds itself", mark)
            self.n_nodes += self.sizes[node]
        else:
            self.n_nodes += 1
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise _Problem(f"more than {_MAX_DEPTH} lists and mappings in one another", mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            if node is not None:
                self.sizes[node] = self.n_nodes - before
        if self.n_nodes > _MAX_NODES:
            raise _Problem(f"more than {_MAX_NODES:,} values", mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Problem("a key must be a name", key.start_mark)
            if key.value in seen:
                message = f"{shown(key.value)} is given twice; write all of it in one place"
                raise _Problem(message, key.start_mark)
            seen.add(key.value)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind in ("int", "float") and len(node.value) > _MAX_DIGITS:
            raise _Problem(f"a number of more than {_MAX_DIGITS} digits", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError) as error:  # of !!bool foo and !!int ""
            message = f"{shown(node.value)} cannot be read as {kind}"
            raise _Problem(message, node.start_mark) from error

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Keys are names as they are written: `on` and `1` as well."""
        if not isinstance(node, yaml.MappingNode):
            raise _Problem("expected a mapping", node.start_mark)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep) for key, value in node.value}


class _Loader(_Checked, Reader, Scanner, Parser):
    """In Python, whose messages show the place."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        _Checked.__init__(self)


class _Dumper(yaml.SafeDumper):
    """Puts the text "1e5" in quotes, since `_Loader` would take it for a number."""


class _Problem(yaml.MarkedYAMLError):
    def __init__(self, message: str, mark: Any) -> None:
        super().__init__(problem=message, problem_mark=mark)


# Dates are left out: run_dir: 2026-02-20 is a name.
_Checked.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Checked.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag in _TAGS or tag is None
}

# YAML 1.1 takes 1e-9 for a string; everybody else takes it for a number.
for _yaml in (_Checked, _Dumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


def _quick_loader() -> Any:
    # With the parser in C; None where PyYAML was built without it.
    try:
        from yaml._yaml import CParser
    except ImportError:
        return None

    class QuickLoader(_Checked, CParser):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            _Checked.__init__(self)

    return QuickLoader


_QuickLoader = _quick_loader()
