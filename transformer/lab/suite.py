"""Lists of variants to compare, from YAML: those of the package, or one's own."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..config import Config, ConfigError, load_config, strict_yaml
from ..errors import UserError, shown
from ..files import explained
from ..training.task import Change
from .changes import change

SUITES = Path(str(files("transformer"))) / "lab" / "suites"
"""Where the lists of the package are."""

Name = Annotated[str, Field(pattern=r"^[^\s|/\\][^|/\\\n]{0,59}$")]
"""Of a variant: it begins the name of a folder."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Entry):
    """A model to train, and why it may do better or worse."""

    name: Name
    group: str = ""
    """What kind of thing differs: each group is a picture of its own."""
    why: str = ""
    changes: tuple[str, ...] = ()
    """What is done to the model, of `CHANGES`."""
    settings: tuple[str, ...] = ()
    """`section.key=value`, as for transformer-train."""

    @property
    def change(self) -> Change | None:
        """All its changes as one."""
        return change(self.changes)


class Suite(_Entry):
    """Variants that differ from each other in one thing."""

    settings: tuple[str, ...] = ()
    """Of all variants."""
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]
    """The first is what the others are compared with."""

    @model_validator(mode="after")
    def _names_differ(self) -> "Suite":
        names = [variant.name for variant in self.variants]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two variants are called {', '.join(twice)}; give them other names")
        return self

    def config(self, variant: Variant, settings: Sequence[str] = ()) -> Config:
        """The settings of one variant.

        Args:
            variant: one of `variants`.
            settings: what counts more than what is in the file.

        Raises:
            ConfigError: they are wrong, or contradict each other.
        """
        try:
            return load_config(None, [*self.settings, *variant.settings, *settings])
        except ConfigError as error:
            raise ConfigError(f"variant {variant.name}: {error}") from None

    def only(self, names: Sequence[str]) -> "Suite":
        """These variants, after the first, which stays to compare with.

        Raises:
            UserError: no variant has that name.
        """
        known = [variant.name for variant in self.variants]
        for name in names:
            if name not in known:
                raise UserError(
                    f"there is no variant {shown(name)} in this list; there are {', '.join(known)}"
                )
        first, *others = self.variants
        chosen = (first, *(other for other in others if other.name in names))
        return self.model_copy(update={"variants": chosen if names else self.variants})


def suites() -> list[str]:
    """The names of the lists in the package."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suite(name: str | Path) -> Suite:
    """Reads a list.

    Args:
        name: one of `suites`, or a YAML file, which may leave out `settings`: then they are those
            of the package's list `what-if`.

    Raises:
        UserError: there is no such list, or it is not one; the message says where.
        ConfigError: the settings of a variant are wrong.
    """
    path = Path(name)
    if str(name) in suites():
        path = SUITES / f"{name}.yaml"
    elif not path.is_file():
        raise UserError(
            f"there is no list {shown(str(name))}; name a YAML file, or one of "
            f"{', '.join(suites())}"
        )
    with explained(path):
        content = path.read_bytes()
    try:
        tree = strict_yaml.parse(content.decode())
        suite = Suite.model_validate(tree)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(str(part) for part in first["loc"])
        found = f"; found {shown(first['input'])}" if first["type"] != "missing" else ""
        message = first["msg"].replace("tuple", "list").replace("Tuple", "List")  # as YAML has it
        raise UserError(f"{path}: {where or 'the list'}: {message}{found}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a list of variants: {error}") from None
    if not suite.settings:
        suite = suite.model_copy(update={"settings": load_suite("what-if").settings})
    for variant in suite.variants:
        _ = variant.change
        suite.config(variant)
    return suite
