"""`--engine auto`: CTranslate2 where it answers sooner, and the same translations."""

import pickle
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import yaml

from transformer import Translator
from transformer.cli import translate_main
from transformer.cli.engines import KEPT, choose_engine
from transformer.data.builtin.corpus import sample_pairs
from transformer.files import FileError
from transformer.runs.directory import RunDirectory

pytest.importorskip("ctranslate2")

PIZZA = "Die Pizza kam aus dem Ofen und schmeckte gut."
PAIRS = sample_pairs("test", 12, seed=5)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where exports are kept, in this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches" / KEPT


def asked(**others: Any) -> Namespace:
    """The options of a command that was given --engine auto."""
    usual = {
        **{"engine": "auto", "model": None, "device": "cpu", "precision": None, "workers": 1},
        **{
            "reverse": "auto",
            "reverse_weight": None,
            "shortlist": False,
            "relative_threshold": None,
            "max_per_parent": None,
        },
        "patience": 1.0,
    }
    return Namespace(**{**usual, **others})


def chosen(texts: list[str], **others: Any) -> str:
    args = asked(**others)
    choose_engine(args, texts)
    return str(args.engine)


def test_a_few_texts_go_to_an_export_that_is_made_once(kept: Path) -> None:
    first, second = asked(), asked()
    choose_engine(first, [PIZZA])
    made = (Path(first.model) / "model.bin").stat().st_mtime_ns
    choose_engine(second, [PIZZA])
    assert first == second and first.engine == "ctranslate2"
    assert [str(folder) for folder in kept.iterdir()] == [first.model]
    assert (Path(second.model) / "model.bin").stat().st_mtime_ns == made


def test_of_each_run_the_last_export_is_kept(kept: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(RunDirectory.find(None).path, run)
    assert chosen([PIZZA]) == chosen([PIZZA], model=str(run)) == "ctranslate2"
    before = {path.name for path in kept.iterdir()}
    with open(run / "config.yaml", "a") as config:
        config.write("\n# another beam, for example\n")
    assert chosen([PIZZA], model=str(run)) == "ctranslate2"
    after = {path.name for path in kept.iterdir()}
    assert len(before) == len(after) == 2 and len(before & after) == 1


@pytest.mark.parametrize(
    "others",
    [
        {"device": "cuda"},
        {"precision": "int8"},
        {"workers": 2},
        {"shortlist": True},
        {"relative_threshold": 2.0},
        {"max_per_parent": 2},
        {"engine": "torch"},
        {"model": "no-such-run"},
    ],
)
def test_what_ctranslate2_would_do_otherwise_is_left_to_our_own(
    others: dict[str, Any], kept: Path
) -> None:
    assert chosen([PIZZA], **others) == "torch"
    assert not kept.exists()


@pytest.mark.parametrize("text", ["Wo ist der <b>Bahnhof</b>?", "Das ist *wichtig*.", "[hier](x)"])
def test_markup_is_left_to_the_engine_that_shows_its_attention(text: str, kept: Path) -> None:
    assert chosen([PIZZA, text]) == "torch"


def test_the_models_of_the_package_judge_each_other_there_too(kept: Path) -> None:
    args = asked(model="de-en", patience=None)
    choose_engine(args, [PIZZA])
    assert args.engine == "ctranslate2"
    assert {str(folder) for folder in kept.iterdir()} == {args.model, args.reverse}
    theirs = Translator.load_ctranslate2(args.model, reverse=args.reverse)
    texts = ["Meine Tochter hat morgen ihren ersten Schultag.", *(de for de, _ in PAIRS)]
    # Our own search without pruning, since CTranslate2's has none.
    ours = Translator.load("de-en").translate_batch(texts, relative_threshold=None)
    found = theirs.translate_batch(texts)
    assert [t[0].text for t in found] == [t[0].text for t in ours]
    for a, b in zip(found, ours, strict=True):
        assert a[0].score == pytest.approx(b[0].score, abs=2e-3)
    alone = Translator.load_ctranslate2(args.model)
    assert any(
        a[0].text != b[0].text for a, b in zip(found, alone.translate_batch(texts), strict=True)
    )
    assert pickle.loads(pickle.dumps(theirs)).translate(texts[0]) == found[0][0].text

    none = asked(model="de-en", reverse="none")
    choose_engine(none, [PIZZA])
    assert (none.engine, none.model, none.reverse) == ("ctranslate2", args.model, "none")


def test_files_are_left_to_our_own_engine(kept: Path) -> None:
    assert chosen([]) == "torch"


def test_the_paper_s_rule_for_the_end_of_a_search_is_our_own(kept: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(RunDirectory.find(None).path, run)
    assert RunDirectory(run).load_config().decoding.patience is None
    assert chosen([PIZZA], model=str(run), patience=None) == "torch"
    settings = yaml.safe_load((run / "config.yaml").read_text())
    settings["decoding"]["patience"] = 1.0
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    assert chosen([PIZZA], model=str(run), patience=None) == "ctranslate2"


def test_without_a_place_to_keep_it_our_own_engine_translates(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise FileError("no space left on device")

    monkeypatch.setattr("transformer.files.new_folder", full)
    assert chosen([PIZZA]) == "torch"
    shutil.rmtree(kept.parent)
    kept.parent.write_text("a file where the folder should be")
    assert chosen([PIZZA]) == "torch"


def test_without_ctranslate2_our_own_engine_translates(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformer.cli.engines.find_spec", lambda name: None)
    assert chosen([PIZZA]) == "torch"


def test_both_engines_write_the_same(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [PIZZA, *(german for german, _ in sample_pairs("val", 20))]
    assert translate_main(["--engine", "auto", "--patience", "1", *texts]) == 0
    by_ctranslate2 = capsys.readouterr().out
    assert any(kept.iterdir())
    assert translate_main(["--patience", "1", *texts]) == 0
    assert by_ctranslate2 == capsys.readouterr().out


def test_a_damaged_export_is_explained(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = asked()
    choose_engine(args, [PIZZA])
    weights = Path(args.model) / "model.bin"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert translate_main(["--engine", "auto", "--patience", "1", PIZZA]) == 1
    assert args.model in capsys.readouterr().err
