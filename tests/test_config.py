import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from transformer.config import (
    Config,
    ConfigError,
    SourceConfig,
    TokenizerConfig,
    describe_settings,
    load_config,
    setting_paths,
)

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def write(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def error_of(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides)
    return str(caught.value)


def test_defaults_are_the_papers_base_model() -> None:
    config = load_config(None)
    model, training, decoding = config.model, config.training, config.decoding
    assert (model.d_model, model.d_ff, model.n_heads) == (512, 2048, 8)
    assert (model.n_encoder_layers, model.n_decoder_layers) == (6, 6)
    assert (model.dropout, model.attention_dropout, model.activation_dropout) == (0.1, 0, 0)
    assert (model.norm_first, model.activation, model.attention_bias) == (False, "relu", False)
    assert model.tie == "all"
    assert (training.adam_beta1, training.adam_beta2, training.adam_eps) == (0.9, 0.98, 1e-9)
    assert (training.warmup_steps, training.max_steps) == (4000, 100_000)
    assert (training.learning_rate_scale, training.decay) == (1.0, "inverse_sqrt")
    assert (training.label_smoothing, training.weight_decay, training.clip_norm) == (0.1, 0, None)
    assert (training.batch_tokens, training.average_checkpoints) == (25_000, 5)
    assert (decoding.beam_size, decoding.length_penalty, decoding.alpha) == (4, "paper", 0.6)
    assert decoding.max_extra_tokens == 50


# ------------------------------------------------------------------------------------------------
# Files and overrides
# ------------------------------------------------------------------------------------------------


def test_file_holds_only_what_differs(tmp_path: Path) -> None:
    path = write(tmp_path, "model: {n_heads: 4}\ntraining:\n  max_steps: 7\n", "small.yaml")
    config = load_config(path)
    assert (config.model.n_heads, config.training.max_steps) == (4, 7)
    expected = load_config(None).model_dump()
    expected["run_dir"] = "runs/small"  # after the file
    expected["model"]["n_heads"], expected["training"]["max_steps"] = 4, 7
    assert config.model_dump() == expected


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_empty_file_means_the_defaults(tmp_path: Path, text: str) -> None:
    assert load_config(write(tmp_path, text)) == load_config(None, ["run_dir=runs/run"])


def test_overrides_have_the_last_word_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path, "run_dir: somewhere\ntraining: {max_steps: 7, seed: 3}\nseed: 5\n")
    path = write(tmp_path, path.read_text().replace(", seed: 3", ""))
    config = load_config(
        path, ["training.max_steps=8", "training.max_steps=9", "data.cleaning.script=null"]
    )
    assert (config.run_dir, config.seed, config.training.max_steps) == ("somewhere", 5, 9)
    assert config.data.cleaning.script is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-9", 1e-9), ("1E-7", 1e-7), ("2.5e-8", 2.5e-8), ("1", 1.0), ("5e+0", 5.0)],
)
def test_numbers_are_written_as_everybody_writes_them(
    tmp_path: Path, text: str, value: float
) -> None:
    assert load_config(None, [f"training.adam_eps={text}"]).training.adam_eps == value
    path = write(tmp_path, f"training: {{adam_eps: {text}}}")
    assert load_config(path).training.adam_eps == value


@pytest.mark.parametrize(
    ("value", "sources"),
    [
        ("builtin", [SourceConfig(builtin=True)]),
        ("data/train", [SourceConfig(path="data/train")]),
        ("hub:bentrevett/multi30k", [SourceConfig(hub="bentrevett/multi30k")]),
        ("hub:wmt14:de-en", [SourceConfig(hub="wmt14", subset="de-en")]),
        ("{path: a.tsv, weight: 2}", [SourceConfig(path="a.tsv", weight=2.0)]),
        ("[builtin, {hub: x}]", [SourceConfig(builtin=True), SourceConfig(hub="x")]),
    ],
)
def test_sources_may_be_written_shortly(value: str, sources: list[SourceConfig]) -> None:
    assert list(load_config(None, [f"data.train={value}"]).data.train) == sources


@pytest.mark.parametrize("override", ["training.max_steps", "max_steps 5"])
def test_override_without_a_value(override: str) -> None:
    message = error_of(override)
    assert "written section.key=value" in message and repr(override) in message


def test_override_that_is_not_yaml() -> None:
    assert "the value of data.train is not valid YAML" in error_of("data.train=[a")
    assert "the value of run_dir is not valid YAML" in error_of("run_dir=2026-02-30")


def test_missing_file_suggests_a_near_name(tmp_path: Path) -> None:
    write(tmp_path, "", "quickstart.yaml")
    write(tmp_path, "", "multi30k_de_en.yaml")
    with pytest.raises(ConfigError, match=r"did you mean .*/quickstart\.yaml\?"):
        load_config(tmp_path / "quikstart.yaml")


def test_missing_file_lists_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    write(tmp_path / "configs", "", "one.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no configuration file .*there is .*one\.yaml"):
        load_config("nowhere/at/all/some_long_name.yaml")


def test_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"model: {d_model: 5", "is not valid YAML"),
        (b"model:\n\td_model: 5", "is not valid YAML"),
        (b"- a\n- b\n", r"must hold sections such as 'training:', found \['a', 'b'\]"),
        (b"just text", "must hold sections such as 'training:', found 'just text'"),
        (b"\xff\xfe\x00", "cannot read"),
        (b"run_dir: 2026-02-30", "is not valid YAML: day is out of range for month"),
        (b"run_dir: " + b"[" * 600, "is not valid YAML"),
        (b"model: {d_model: 8}\nmodel: {d_ff: 8}", "'model' is given twice; write .*\n.*line 2"),
        (b"model: {d_ff: 4, d_model: 8, d_ff: 8}", "'d_ff' is given twice"),
    ],
)
def test_file_that_is_no_configuration(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert "wrong.yaml" in str(caught.value)


# ------------------------------------------------------------------------------------------------
# Wrong settings
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "unknown", "nearest"),
    [
        ("training.max_step=5", "training.max_step", "training.max_steps"),
        ("trainin.max_steps=5", "trainin.max_steps", "training.max_steps"),
        ("trainin={max_steps: 5, patience: 2}", "trainin", "training"),
        ("training.dropot=0.1", "training.dropot", "model.dropout"),
        ("dropout=0.1", "dropout", "model.dropout"),
        ("max_tokens=9", "max_tokens", "data.cleaning.max_tokens"),
        ("data.cleanin.script=null", "data.cleanin.script", "data.cleaning.script"),
        ("training.batch_token=9", "training.batch_token", "training.batch_tokens"),
        ("decoding.batch_token=9", "decoding.batch_token", "decoding.batch_tokens"),
        ("sed=5", "sed", "seed"),
        ("data.train={pth: a}", "data.train.0.pth", "data.train.0.path"),
        ("data.val=[builtin, {path: a, wieght: 2}]", "data.val.1.wieght", "data.val.1.weight"),
    ],
)
def test_unknown_key_suggests_the_nearest(override: str, unknown: str, nearest: str) -> None:
    assert f"unknown key {unknown!r}; did you mean {nearest!r}?" in error_of(override)


@pytest.mark.parametrize(
    ("override", "there"),
    [
        ("decoding.zzz=5", "decoding.beam_size, decoding.length_penalty, decoding.alpha"),
        ("zzz=5", "task, run_dir, seed, data"),
        ("zzz.qqq=5", "task, run_dir, seed, data, tokenizer"),
    ],
)
def test_key_like_no_other_lists_what_there_is(override: str, there: str) -> None:
    message = error_of(override)
    assert f"known here: {there}" in message and "did you mean" not in message


def test_every_mistake_is_reported_with_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, "sed: 5\ntraining: {max_step: 3, patience: no}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{path}: ") for line in lines)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.d_model=big", "model.d_model: input should be a valid integer; found 'big'"),
        ("model.d_model=512.0", "model.d_model: input should be a valid integer; found 512.0"),
        ("model.d_model='512'", "model.d_model: input should be a valid integer; found '512'"),
        ("model.n_heads=0", "model.n_heads: input should be greater than or equal to 1; found 0"),
        ("model.dropout=1.0", "model.dropout: input should be less than 1; found 1.0"),
        ("model.dropout=-0.1", "model.dropout: input should be greater than or equal to 0"),
        ("model.norm_first=1", "model.norm_first: input should be a valid boolean; found 1"),
        ("model.tie=both", "model.tie: input should be 'all', 'target' or 'none'; found 'both'"),
        ("training.max_steps=null", "training.max_steps: input should be a valid integer"),
        ("training.clip_norm=0", "training.clip_norm: input should be greater than 0; found 0"),
        ("decoding.alpha=1000", "decoding.alpha: input should be less than or equal to 10; found"),
        ("training=5", "training must be a mapping of settings; found 5"),
        ("data.train=5", "data.train.0 must be a mapping of settings; found 5"),
        ("seed=-1", "seed: input should be greater than or equal to 0; found -1"),
    ],
)
def test_wrong_value_is_shown_with_what_it_should_be(override: str, message: str) -> None:
    assert message in error_of(override)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize(
    "override", ["data.train={{path: a, weight: {}}}", "training.clip_norm={}", "decoding.alpha={}"]
)
def test_what_is_infinite_or_no_number_is_refused(override: str, value: str) -> None:
    assert f"input should be a finite number; found {value[-3:]}" in error_of(
        override.format(value)
    ).replace("found -", "found ")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.n_heads=3"], "model: d_model (512) must be divisible by n_heads (3)"),
        (["model.d_model=5", "model.n_heads=5"], "model: d_model (5) must be even"),
        (
            ["training.average_checkpoints=6", "training.keep_checkpoints=5"],
            "training: average_checkpoints (6) must not exceed keep_checkpoints (5)",
        ),
        (
            ["training.val_bleu_sentences=0", "training.best_metric=bleu"],
            "training.best_metric 'bleu' needs training.val_bleu_sentences above 0",
        ),
        (
            ["training.batch_tokens=255"],
            "training.batch_tokens (255) must be at least data.cleaning.max_tokens (256)",
        ),
        (["data.train=[]"], "data: train needs at least one source; found an empty list"),
        (["data.val=null"], "data: val needs at least one source; found an empty list"),
        (["data.tgt_lang=de"], "data: src_lang and tgt_lang must differ; both are 'de'"),
        (
            ["data.train={weight: 2.0}"],
            "data.train.0: a data source needs exactly one of path, hub and builtin; "
            "found none of them",
        ),
        (
            ["data.train={path: a, hub: b}"],
            "exactly one of path, hub and builtin; found path and hub",
        ),
        (["data.val={path: a, split: test}"], "split belongs to a hub source; remove it or"),
        (
            ["data.val={builtin: true, subset: a, revision: b}"],
            "subset and revision belong to a hub source; remove them or give hub",
        ),
        (["data.val={hub: a, subset: b, folder: c}"], "give subset or folder, not both"),
        (
            ["tokenizer.kind=characters"],
            "kind (characters) is for task: language_modeling",
        ),
        (["model.positions=learned"], "model.positions (learned) is for task: language_modeling"),
        (["model.scale_embedding=false"], "model.scale_embedding (false) is for task: language"),
        (["training.start_from=a", "tokenizer.path=b"], "brings its tokenizer along; leave out"),
        (["data.holdout=0.1"], "data.holdout is for task: language_modeling; give data.val"),
        (
            ["task=language_modeling", "training.batch_tokens=1000"],
            "training.batch_tokens (1000) must be at least model.context (1024)",
        ),
        (
            ["task=language_modeling", "training.best_metric=bleu"],
            "training.best_metric 'bleu' is for translation; a language model is chosen by loss",
        ),
        (["task=language_modeling", "training.consistency=1.0"], "consistency is for translation"),
        (["task=language_modeling", "tokenizer.sampling_alpha=0.1"], "is for translation; leave"),
    ],
)
def test_impossible_combination(overrides: list[str], message: str) -> None:
    assert message in error_of(*overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.average_checkpoints=5", "training.keep_checkpoints=5"],
        ["training.val_bleu_sentences=0", "training.best_metric=loss"],
        ["training.val_bleu_sentences=0"],
        ["task=language_modeling", "training.batch_tokens=1024"],
        ["task=language_modeling", "model.positions=learned", "tokenizer.kind=byte_bpe"],
        ["task=language_modeling", "model.scale_embedding=false", "data.holdout=0.5"],
        ["training.batch_tokens=256"],
        ["data.val={hub: a, split: test, subset: b}"],
        ["data.val={hub: a, revision: refs/convert/parquet, folder: b}"],
    ],
)
def test_combination_at_the_edge_of_the_possible(overrides: list[str]) -> None:
    load_config(None, overrides)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config(None).model.d_model = 3  # type: ignore[misc]


# ------------------------------------------------------------------------------------------------
# Round trip, shipped files, descriptions
# ------------------------------------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
values: dict[str, st.SearchStrategy[Any]] = {
    "run_dir": names | st.sampled_from(["1e5", "null", "yes", "- a", "#", "12:30", "~", "0x1"]),
    "seed": st.integers(0, 2**31 - 1),
    "data.train": st.lists(names.map(lambda name: {"path": name}), min_size=1, max_size=3),
    "data.cleaning.max_length_ratio": st.none() | st.floats(1.001, 1e9),
    "data.cleaning.script": st.none() | names,
    "training.adam_eps": st.floats(0, 1, exclude_min=True),
    "training.clip_norm": st.none() | st.floats(0, 1e300, exclude_min=True),
    "training.tensorboard": st.booleans(),
    "model.tie": st.sampled_from(["all", "target", "none"]),
}


@given(st.fixed_dictionaries({}, optional=values))
@settings(max_examples=50, deadline=None)
def test_settings_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    tree: dict[str, Any] = {}
    for key, value in changes.items():
        *sections, name = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    config = Config.model_validate(tree)
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(path) == config


def test_resolved_settings_name_every_setting() -> None:
    tree = yaml.safe_load(Config().to_yaml())
    for key in setting_paths():
        value = tree
        for part in key.split("."):
            value = value[part]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configuration(path: Path) -> None:
    config = load_config(path)
    assert config.run_dir == f"runs/{path.stem}"
    # It opens with the commands that use it.
    head = path.read_text(encoding="utf-8").split("\n\n")[0]
    assert re.search(rf"^#   transformer-train --config configs/{path.name}$", head, re.MULTILINE)


def test_there_are_shipped_configurations() -> None:
    assert {"quickstart", "multi30k_de_en"} <= {path.stem for path in CONFIGS}


def sections(settings: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [field.annotation for field in settings.model_fields.values()]
    found = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [settings, *(section for kind in found for section in sections(kind))]


@pytest.mark.parametrize("section", [*sections(Config), SourceConfig], ids=lambda s: s.__name__)
def test_every_setting_is_described(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        if field.annotation not in sections(Config):
            assert field.description, f"{section.__name__}.{name} has no description"


def test_help_shows_name_default_and_meaning() -> None:
    entries = list(describe_settings())
    assert len(entries) == len(list(setting_paths()))
    heads = [entry.split("\n")[0] for entry in entries]
    assert "model.d_model=512" in heads
    assert "data.train=builtin" in heads
    assert "training.clip_norm=null" in heads
    assert all(len(entry.split("\n")) == 2 and entry.split("\n")[1] for entry in entries)
    kind = " ".join((TokenizerConfig.model_fields["kind"].description or "").split())
    assert f"tokenizer.kind=unigram\n{kind}" in entries


@pytest.mark.parametrize(
    ("overrides", "by_bleu"),
    [
        ([], True),
        (["training.val_bleu_sentences=0"], False),
        (["training.best_metric=loss"], False),
        (["training.best_metric=bleu"], True),
        (["task=language_modeling"], False),
    ],
)
def test_what_chooses_the_best_checkpoint(overrides: list[str], by_bleu: bool) -> None:
    assert load_config(None, overrides).chooses_by_bleu == by_bleu
