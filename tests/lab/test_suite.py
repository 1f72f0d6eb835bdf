from pathlib import Path

import pytest

from transformer.config import ConfigError
from transformer.errors import UserError
from transformer.lab.changes import CHANGES
from transformer.lab.suite import Suite, Variant, load_suite, suites


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_package_has_three_lists() -> None:
    assert suites() == ["bigram", "table3", "what-if"]


@pytest.mark.parametrize("name", suites())
def test_the_variants_of_a_list_differ_from_the_first_in_something(name: str) -> None:
    suite = load_suite(name)
    first, *others = ((variant.changes, suite.config(variant)) for variant in suite.variants)
    for other in others:
        assert other != first


def test_every_change_is_in_a_list_of_the_package() -> None:
    variants = [variant for name in suites() for variant in load_suite(name).variants]
    assert {change for variant in variants for change in variant.changes} == set(CHANGES)


def test_a_list_of_ones_own_needs_only_variants(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, "variants: [{name: a}, {name: b, changes: [dot]}]"))
    assert suite.settings == load_suite("what-if").settings
    assert suite.variants[1].change is not None
    assert suite.variants[1].change.name == "dot"


def test_settings_of_a_call_count_more_than_those_of_a_variant() -> None:
    variant = Variant(name="wide", settings=("model.d_ff=64",))
    suite = Suite(settings=("model.d_ff=32", "seed=5"), variants=(variant,))
    assert suite.config(variant).transformer.d_ff == 64
    assert suite.config(variant).seed == 5
    assert suite.config(variant, ["model.d_ff=16"]).transformer.d_ff == 16


def test_some_variants_are_compared_with_the_first() -> None:
    suite = load_suite("what-if").only(["cosine", "dot"])
    assert [variant.name for variant in suite.variants] == ["paper", "dot", "cosine"]
    with pytest.raises(UserError, match="there is no variant 'cosin' in this list; there are pap"):
        suite.only(["cosin"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: []", "variants: List should have at least 1 item"),
        ("variants: [{name: a}, {name: a}]", "two variants are called a"),
        ("variants: [{nam: a}]", r"variants\.0\.name: Field required"),
        ("variants: [{name: a, chang: [dot]}]", r"variants\.0\.chang: Extra inputs"),
        ("variants: [{name: a, changes: dot}]", r"0\.changes: Input should be a valid list; found"),
        ("variants: [{name: a/b}]", r"variants\.0\.name: .*; found 'a/b'"),
        ("variants: [{name: a, changes: [dots]}]", "there is no change 'dots'"),
        ("variants: [", "is not a list of variants"),
        ("- a", "mine.yaml: the list: "),
    ],
)
def test_a_wrong_list_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_suite(write(tmp_path, text))


def test_a_wrong_setting_is_explained_with_its_variant(tmp_path: Path) -> None:
    path = write(tmp_path, "variants: [{name: a}, {name: b, settings: [model.d_f=3]}]")
    with pytest.raises(ConfigError, match=r"variant b: .*d_f"):
        load_suite(path)


def test_no_list_of_that_name() -> None:
    with pytest.raises(UserError, match="there is no list 'whatif'; name a YAML file, or one of b"):
        load_suite("whatif")
