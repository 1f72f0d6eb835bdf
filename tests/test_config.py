import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from transformer.config import (
    MAX_ALPHA,
    MAX_BEAM_SIZE,
    MAX_COUNT,
    MAX_EXTRA_TOKENS,
    MAX_NGRAM,
    MAX_PATIENCE,
    MAX_THREADS,
    MAX_TOKENS,
    BlockConfig,
    Config,
    ConfigError,
    DecodingConfig,
    GPTConfig,
    ModelConfig,
    SourceConfig,
    TextConfig,
    TokenizerConfig,
    TrainingConfig,
    describe_settings,
    expand_path,
    load_config,
    setting_paths,
    strict_yaml,
)
from transformer.config.base import sections_of
from transformer.config.explaining import _ELSEWHERE, _plain

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


# Ten lines that unfold to a thousand million values.
BOMB = "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10 if i else ['x'] * 10)}]\n" for i in range(9)
)


def write(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def sections(settings: type[BaseModel]) -> list[type[BaseModel]]:
    found = [kind for field in settings.model_fields.values() for kind in sections_of(field)]
    return [settings, *(section for kind in found for section in sections(kind))]


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


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "{}", "training:\ndata:\n"])
def test_file_without_settings_does_not_train_the_papers_model_by_itself(
    tmp_path: Path, text: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"run\.yaml holds no settings; write what differs"):
        load_config(path)
    changed = load_config(path, ["model.d_model=64"])
    assert changed == load_config(None, ["run_dir=runs/run", "model.d_model=64"])


def test_section_with_nothing_in_it_has_its_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 3\ntraining:  # max_steps: 5\ndata: {cleaning: }\n")
    assert load_config(path) == load_config(None, ["seed=3", "run_dir=runs/run"])
    config = load_config(path, ["training.max_steps=8", "data.cleaning.script=null"])
    assert (config.training.max_steps, config.data.cleaning.script) == (8, None)


def test_what_was_set_is_told_from_what_is_a_default(tmp_path: Path) -> None:
    path = write(tmp_path, "model: {n_heads: 8}\ntraining:\n  max_steps: 7\n")
    config = load_config(path, ["model.d_model=64", "data.cleaning.max_tokens=256"])
    assert config.model.model_fields_set == {"n_heads", "d_model"}
    assert config.training.model_fields_set == {"max_steps"}
    assert config.data.model_fields_set == {"cleaning"}
    assert config.data.cleaning.model_fields_set == {"max_tokens"}
    assert config.decoding.model_fields_set == set()


def test_override_of_a_section_keeps_its_other_settings(tmp_path: Path) -> None:
    path = write(tmp_path, "training: {max_steps: 7, patience: 2}\n")
    overrides = ["training.log_every=3", "training={max_steps: 8}", "data={cleaning: {script: x}}"]
    training = load_config(path, overrides).training
    assert (training.max_steps, training.patience, training.log_every) == (8, 2, 3)


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
    [("1e-9", 1e-9), ("1E-7", 1e-7), ("2.5e-8", 2.5e-8), ("1", 1.0), ("1e+0", 1.0)],
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
    assert load_config(None, ["run_dir=2026-02-30"]).run_dir == "2026-02-30"  # no date but a name


@pytest.mark.parametrize(
    ("path", "overrides", "message"),
    [
        (5, [], "path must be the name of a YAML file, or None; found 5"),
        (b"a.yaml", [], "found b'a.yaml'"),
        (None, "seed=5", "overrides must come in a list; found 'seed=5'"),
        (None, 5, "overrides must come in a list; found 5"),
        (None, ["seed=5", None], "an override must be a str; found None"),
    ],
)
def test_what_is_of_another_type_is_refused(path: Any, overrides: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(path, overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training=5", "training.max_steps=8"], "'training=5': training must be a mapping of"),
        (["training=null"], "'training=null': training must be a mapping of settings; found None"),
        (["data.cleaning=[1]"], "data.cleaning must be a mapping of settings; found [1]"),
        (["data.train.0.path=a"], "data.train is a list of sources, which is replaced as a whole"),
        (["data.val.path=a"], "data.val is a list of sources, which is replaced as a whole; write"),
        (["training.max_steps.foo=3"], "training.max_steps is one setting and has no parts"),
        (["trainin=5", "trainin.max_steps=3"], "unknown key 'trainin'; did you mean 'training'?"),
    ],
)
def test_override_that_does_not_fit_is_never_dropped(overrides: list[str], message: str) -> None:
    assert message in error_of(*overrides)


def test_mistakes_are_blamed_on_whose_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "sed: 5\ntraining: {max_steps: soon}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["model.n_heads=3", "model.dropout=0.3", "training.patience=0"])
    places = {line.split(": ")[0]: line for line in str(caught.value).splitlines()[::-1]}
    assert set(places) == {str(path), "override 'training.patience=0'", "the overrides"}
    assert "d_model (512) must be divisible by n_heads (3)" in places["the overrides"]
    # What a file has wrong is its own, even where an override is beside it; and may be mended.
    own = ["training.max_steps=5", "model.dropout=0.3"]
    with pytest.raises(ConfigError, match=f"^{path}: unknown key 'sed'; did you mean 'seed'"):
        load_config(path, own)
    with pytest.raises(ConfigError, match=r"^override 'training\.max_steps=x': training\.max"):
        load_config(write(tmp_path, "training: {max_steps: soon}"), ["training.max_steps=x"])


def test_a_path_of_an_unknown_user_is_an_error() -> None:
    assert expand_path("~/a") == Path.home() / "a"
    assert expand_path("a/~b") == Path("a/~b")
    with pytest.raises(ConfigError, match=r"no home directory for ~no\.such\.user .*in full"):
        expand_path("~no.such.user/a")


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
        (b"\xff\xfes\0", "cannot read .*: it is UTF-16; save it as UTF-8"),
        (b"seed: \xe4", "cannot read .*; save it as UTF-8"),
        (b"foo: &x {bar: *x}", "is not valid YAML: a list or mapping holds itself"),
        (b"foo: &x [[*x]]", "is not valid YAML: a list or mapping holds itself"),
        (BOMB.encode(), "is not valid YAML: more than 25,000 values"),
        (b"a: [" + b"b," * 40_000, "is not valid YAML: more than 25,000 values"),
        (b"a: " + b"b" * 600_000, "is larger than 500,000 bytes"),
        (b"seed: !!int ''", "'' cannot be read as int"),
        (b"seed: !!float ''", "'' cannot be read as float"),
        (b"seed: !!bool foo", "'foo' cannot be read as bool"),
        (b"seed: !!timestamp foo", "is not valid YAML"),
        (b"seed: !!python/name:os.system x", "is not valid YAML"),
        (b"seed: " + b"1" * 5000, "a number of more than 100 digits"),
        (b"seed: 0x" + b"f" * 5000, "a number of more than 100 digits"),
        (b"seed: 1" + b":1" * 5000, "a number of more than 100 digits"),
        (b'run_dir: "\\UFFFFFFFF"', "is not valid YAML"),
        (b"run_dir: a\0b", "is not valid YAML"),
        (b"? [a, b]\n: 5", "a key must be a name"),
        (b"? {a: b}\n: 5", "a key must be a name"),
        (b"1: 5", "unknown key '1'"),
        (b"on: 5", "unknown key 'on'"),
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
        ("data.train={pth: a}", "data.train.0.pth", "path"),
        ("data.val=[builtin, {path: a, wieght: 2}]", "data.val.1.wieght", "weight"),
    ],
)
def test_unknown_key_suggests_the_nearest(override: str, unknown: str, nearest: str) -> None:
    assert f"unknown key {unknown!r}; did you mean {nearest!r}?" in error_of(override)


ALIASES = """
    lr=training.peak_learning_rate training.lr=training.peak_learning_rate
    optimizer.lr=training.peak_learning_rate learning_rate=training.peak_learning_rate
    training.batchsize=training.batch_tokens decoding.batch-size=decoding.batch_tokens
    training.batchSize=training.batch_tokens hidden_size=model.d_model model.n_embd=model.d_model
    embed_dim=model.d_model epochs=training.max_epochs training.num_heads=model.n_heads
    n_head=model.n_heads block_size=model.context dropout_rate=model.dropout beam=decoding.beam_size
    warmup=training.warmup_steps save_every=training.checkpoint_every
    eval_every=training.validate_every data.max_len=data.cleaning.max_tokens
    decoding.max_len=decoding.max_extra_tokens encoder_layers=model.n_encoder_layers
    grad_clip=training.clip_norm max_iters=training.max_steps src=data.src_lang
"""


@pytest.mark.parametrize("pair", ALIASES.split())
def test_what_others_call_it_gets_our_name(pair: str) -> None:
    theirs, ours = pair.split("=")
    assert f"unknown key {theirs!r}; did you mean {ours!r}?" in error_of(f"{theirs}=1")


def test_a_name_that_stands_for_two_gets_both() -> None:
    assert "did you mean 'model.n_encoder_layers' or 'model.n_decoder_layers'?" in error_of(
        "num_layers=6"
    )
    assert "did you mean 'training.batch_tokens' or 'decoding.batch_tokens'?" in error_of(
        "batch_size=6"
    )


def test_the_names_of_others_lead_to_names_that_exist() -> None:
    ours = list(setting_paths())
    assert set(_ELSEWHERE) <= set(ours)
    for key, theirs in _ELSEWHERE.items():
        names = [_plain(name) for name in theirs.split()]
        assert len(set(names)) == len(names), key
        assert not set(theirs.split()) & {name.rpartition(".")[2] for name in ours}


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
        (["model.positions=learned"], "positions ('learned') is for task: language_modeling"),
        (["model.scale_embedding=false"], "scale_embedding (false) is for task: language_modeling"),
        (["model.initialisation=gpt2"], "initialisation ('gpt2') is for task: language_modeling"),
        (["model.context=64"], "model: context (64) is for task: language_modeling; leave it out"),
        (
            ["task=language_modeling", "model.n_encoder_layers=3"],
            "model: n_encoder_layers (3) is for task: translation; leave it out",
        ),
        (["decoding.coverage_penalty=0.2"], "decoding: coverage_penalty (0.2) is gone: a search"),
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


NUMBERS: dict[str, tuple[type[BaseModel], str]] = {
    f"{section.__name__}.{name}": (section, name)
    for section in [*sections(Config), SourceConfig]
    for name, field in section.model_fields.items()
    if re.search(r"\b(int|float)\b", str(field.annotation))
}


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_has_a_bound_that_the_error_names(number: str) -> None:
    section, name = NUMBERS[number]
    whole = "int" in str(section.model_fields[name].annotation)
    for much in (10**20, 10**5000, -(10**5000)) if whole else (1e20, 1e308, -1e308):
        with pytest.raises(ConfigError, match=f"^{name}: input should be (less|greater) than"):
            section(**{name: much})
    for odd in (float("inf"), float("nan"), "1", True, None if name == "seed" else [1]):
        with pytest.raises(ConfigError, match=f"^{name}: input should be a"):
            section(**{name: odd})


def test_all_numbers_are_looked_at() -> None:
    assert {"ModelConfig.d_model", "TrainingConfig.threads", "Config.seed"} <= set(NUMBERS)
    assert {"DecodingConfig.patience", "SourceConfig.weight"} <= set(NUMBERS)
    assert len(NUMBERS) > 40


@pytest.mark.parametrize(
    ("override", "bound"),
    [
        ("decoding.beam_size={}", MAX_BEAM_SIZE),
        ("training.threads={}", MAX_THREADS),
        ("decoding.alpha={}", MAX_ALPHA),
        ("decoding.patience={}", MAX_PATIENCE),
        ("decoding.no_repeat_ngram_size={}", MAX_NGRAM),
        ("decoding.max_extra_tokens={}", MAX_EXTRA_TOKENS),
        ("decoding.batch_tokens={}", MAX_TOKENS),
        ("training.max_steps={}", MAX_COUNT),
    ],
)
def test_bounds_of_the_command_line_are_those_of_the_settings(override: str, bound: float) -> None:
    load_config(None, [override.format(bound)])
    message = error_of(override.format(bound + 1))
    assert f"input should be less than or equal to {bound:.0f}; found" in message


@pytest.mark.parametrize(
    "key", ["run_dir", "tokenizer.path", "training.start_from", "data.train", "data.src_lang"]
)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"a\\0b"', "must not hold a NUL character; found 'a\\x00b'"),
        ('"a\\ud800b"', "input should be a valid string, unable to parse raw data as a unicode"),
        ("a/" + "ä" * 121, "no name in a path may have more than 240 bytes"),
        ("a/" * 2000, "string should have at most 3000 characters"),
        ("''", "string should have at least 1 character"),
    ],
)
def test_paths_that_cannot_be(key: str, value: str, message: str) -> None:
    assert message in error_of(f"{key}={value}")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (ModelConfig, {"d_model": 7}, "d_model (7) must be divisible by n_heads (8)"),
        (DecodingConfig, {"beam_size": 0}, "beam_size: input should be greater than or equal to 1"),
        (ModelConfig, {"hidden_size": 4}, "unknown key 'hidden_size'; did you mean 'd_model'?"),
        (TrainingConfig, {"batch_size": 4}, "did you mean 'batch_tokens'?"),
        (Config, {"model": {"d_model": 7}}, "model: d_model (7) must be divisible by n_heads"),
        (Config, {"model": {"d_modle": 7}}, "'model.d_modle'; did you mean 'model.d_model'?"),
        (Config, {"data": {"val": [{"path": ""}]}}, "data.val.0.path: string should have at least"),
    ],
)
def test_mistakes_in_python_are_explained_like_those_in_files(
    kind: type[BaseModel], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**given)
    assert message in str(caught.value)


def test_settings_made_in_python_are_those_of_pydantic() -> None:
    config = Config(model=ModelConfig(d_model=64), seed=3)
    assert config == Config.model_validate({"model": {"d_model": 64}, "seed": 3})
    assert config.model.model_copy(update={"d_ff": 8}) == ModelConfig(d_model=64, d_ff=8)
    assert config.model.model_fields_set == {"d_model"}
    with pytest.raises(ValueError, match="d_model"):
        Config.model_validate({"model": {"d_model": 7}})


def test_what_is_found_is_shown_shortly() -> None:
    for value in ("x" * 90_000, "[x, [y, " * 8 + "z" + "]]" * 8, "[" + "x, " * 9000 + "]"):
        assert len(error_of(f"seed={value}")) < 1000
    assert len(error_of(f"{'x' * 90_000}=5")) < 1000
    tree = "{" + ", ".join(f"key{i}: 1" for i in range(4000)) + "}"
    message = error_of(f"training={tree}")
    assert len(message) < 3000 and message.endswith(" more")


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config(None).model.d_model = 3  # type: ignore[misc]


# ------------------------------------------------------------------------------------------------
# Round trip, shipped files, descriptions
# ------------------------------------------------------------------------------------------------

names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60
)
values: dict[str, st.SearchStrategy[Any]] = {
    "run_dir": names | st.sampled_from(["1e5", "null", "yes", "- a", "#", "12:30", "~", "0x1"]),
    "seed": st.integers(0, 2**31 - 1),
    "data.train": st.lists(names.map(lambda name: {"path": name}), min_size=1, max_size=3),
    "data.cleaning.max_length_ratio": st.none() | st.floats(1.001, 1e9),
    "data.cleaning.script": st.none() | names,
    "training.adam_eps": st.floats(0, 1, exclude_min=True),
    "training.clip_norm": st.none() | st.floats(0, 1e9, exclude_min=True),
    "training.tensorboard": st.booleans(),
    "model.tie": st.sampled_from(["all", "target", "none"]),
}


@given(st.fixed_dictionaries({}, optional=values))
@settings(max_examples=50, deadline=None)
@pytest.mark.slow
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


@pytest.mark.slow
def test_the_most_sources_survive_the_round_trip(tmp_path: Path) -> None:
    most = [{"path": f"data/{i:0100}.tsv", "src": "german", "tgt": "english"} for i in range(500)]
    config = Config.model_validate({"data": {"train": most, "val": most}})
    assert load_config(write(tmp_path, config.to_yaml())) == config
    assert "data.val: tuple should have at most 500 items" in error_of(f"data.val=[{'a,' * 501}]")


@pytest.mark.parametrize(
    "text",
    [
        *(path.read_text(encoding="utf-8") for path in CONFIGS),
        "a: [1, -2.5, 1e-9, .inf, true, null, 2026-02-20, on, 0o7, 0x1F, 1_000]\n",
        'a: "\\u00e9 \\n"\n',
        "a: &x {b: 1}\nc: {<<: *x, d: *x}\n# a comment\ne: |\n  zwei\n  Zeilen\n",
    ],
)
def test_the_quick_parser_reads_what_the_other_reads(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = strict_yaml.parse(text)
    monkeypatch.setattr(strict_yaml, "_QuickLoader", None)
    assert quick == strict_yaml.parse(text)
    assert repr(quick) == repr(strict_yaml.parse(text))  # 1 is not 1.0, nor true


def test_resolved_settings_name_every_setting() -> None:
    named = set()
    for config in (Config(), Config(task="language_modeling")):
        tree = yaml.safe_load(config.to_yaml())
        for key in setting_paths():
            value = tree
            for part in key.split("."):
                value = value.get(part, {})
            if value != {}:
                named.add(key)
    assert named == set(setting_paths())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configuration(path: Path) -> None:
    config = load_config(path)
    assert config.run_dir == f"runs/{path.stem}"
    # It opens with the commands that use it.
    head = path.read_text(encoding="utf-8").split("\n\n")[0]
    assert re.search(rf"^#   transformer-train --config configs/{path.name}$", head, re.MULTILINE)


def test_there_are_shipped_configurations() -> None:
    assert {"quickstart", "multi30k_de_en"} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("section", [*sections(Config), SourceConfig], ids=lambda s: s.__name__)
def test_every_setting_is_described(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        if not sections_of(field):
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


OLD_MODEL = "{d_model: 64, n_encoder_layers: 6, context: 1024, positions: sinusoidal, tie: target}"
"""As in the runs of older versions, where one class had the settings of both models."""


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("translation", ModelConfig(d_model=64, tie="target")),
        ("language_modeling", GPTConfig(d_model=64, tie="all")),
    ],
)
def test_old_files_name_the_defaults_of_the_other_model(
    task: str, expected: BlockConfig, tmp_path: Path
) -> None:
    config = load_config(write(tmp_path, f"task: {task}\nmodel: {OLD_MODEL}\n"))
    assert config.model == expected
    assert config.model_dump()["model"].keys() == type(expected).model_fields.keys()


def test_old_runs_of_either_task_name_what_never_counted() -> None:
    both = ModelConfig().model_dump() | GPTConfig().model_dump()
    old = Config.model_validate(
        {"task": "language_modeling", "model": both | {"n_encoder_layers": 3}}
    )
    assert old.model == GPTConfig()
    assert Config.model_validate({"model": both | {"context": 64}}).model == ModelConfig()


def test_old_files_name_a_coverage_penalty_of_0(tmp_path: Path) -> None:
    path = write(tmp_path, "decoding: {coverage_penalty: 0.0, beam_size: 7}\n")
    assert load_config(path).decoding == DecodingConfig(beam_size=7)


OLD_TEXT = "{split: always, placeholders: true, restore_umlauts: true, lower_shouting: true}"


def test_settings_that_have_moved_are_understood_where_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moved = TextConfig(split="always", placeholders=True, restore_umlauts=True, lower_shouting=True)
    config = load_config(write(tmp_path, f"decoding: {OLD_TEXT}\ntext: {{split: long}}\n"))
    assert config.text == moved.model_copy(update={"split": "long"})
    [told] = caplog.messages
    assert "old names still work: decoding.split is now text.split, decoding.placeholders" in told
    caplog.clear()
    assert load_config(None, ["decoding.split=never", "text.split=always"]).text.split == "always"
    assert load_config(None, ["text.split=always", "decoding={split: never}"]).text.split == "never"
    assert len(caplog.messages) == 2
    # A run's own settings stay as they were written, and what is given beside them is told.
    caplog.clear()
    run = write(tmp_path, f"decoding: {OLD_TEXT}\n", "config.yaml")
    assert load_config(run).text == moved and not caplog.messages
    assert load_config(run, ["decoding.split=never"]).text.split == "never"
    assert [message.count("is now") for message in caplog.messages] == [1]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("decoding.split=often", "override 'decoding.split=often': text.split: input should be"),
        ("decoding.split.a=1", "decoding.split is one setting and has no parts"),
        ("decoding.placeholder=true", "did you mean 'text.placeholders'?"),
        ("text.splitt=never", "did you mean 'text.split'?"),
        ("text.beam_size=4", "did you mean 'decoding.beam_size'?"),
    ],
)
def test_errors_know_where_settings_have_moved(override: str, message: str) -> None:
    assert message in error_of(override)


def test_a_moved_setting_is_not_one_of_its_old_section() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'split'; it is now text\.split"):
        DecodingConfig(split="always")  # type: ignore[call-arg]


def test_each_task_has_settings_of_a_model_of_its_own() -> None:
    assert Config().transformer == ModelConfig()
    assert Config(task="language_modeling").gpt == GPTConfig()
    gpt = GPTConfig(context=7, positions="learned")
    assert Config(task="language_modeling", model=gpt).gpt is gpt
    with pytest.raises(ConfigError, match="must be a ModelConfig for task: translation; found a"):
        Config(model=gpt)
    # What the task is decides; where it is wrong, nothing is said of the model.
    assert error_of("task=translate", "model.context=7").count("\n") == 0


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


# ------------------------------------------------------------------------------------------------
# Whatever is in a file or an override
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(200))
def test_odd_settings_are_read_or_explained(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "scripts")
    from fuzzing.settings import make

    folder = tmp_path / "case"
    folder.mkdir()
    case = make(random.Random(seed), folder)
    begin = time.process_time()
    case.act()  # which fails if an error says nothing, or settings read again are others
    assert time.process_time() - begin < 10  # without limits it takes minutes
