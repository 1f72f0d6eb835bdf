"""The models in the package: they load, know what is easy, and keep what must be kept."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import load_file

from transformer import Translator
from transformer.inference.evaluation import bleu
from transformer.runs.directory import RunDirectory, packaged
from transformer.runs.errors import CheckpointError

PRETRAINED = Path(__file__).parents[1] / "transformer" / "pretrained"
BOTH = pytest.mark.parametrize("name", packaged())


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    yield Translator.load("de-en")


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("Die Pizza kam aus dem Ofen", "The pizza came out of the oven"),
        (
            "Die Pizza kam aus dem Ofen und schmeckte gut.",
            "The pizza came out of the oven and tasted good.",
        ),
        (
            "Die Pizza kam aus dem Ofen und sie schmeckte gut.",
            "The pizza came out of the oven and it tasted good.",
        ),
        ("Wo ist der Bahnhof?", "Where's the station?"),
        ("Guten Morgen!", "Good morning!"),
        ("Ich habe meinen Schlüssel verloren.", "I lost my key"),
        ("Mein Zug hat zwanzig Minuten Verspätung.", "My train is twenty minutes late."),
    ],
)
def test_what_it_has_seen_in_training_and_what_people_type_next(
    translator: Translator, german: str, english: str
) -> None:
    found = translator.translate(german)
    assert found.replace("Where is", "Where's").startswith(english)


# All of them are unseen: scripts/check_examples.py finds none in its training text.
@pytest.mark.parametrize(
    ("german", "english"),
    [
        (
            "Meine Mutter kaufte den Mantel nicht, weil er zu teuer war.",
            "My mother didn't buy the coat because it was too expensive.",
        ),
        (
            "Meine Mutter kaufte den Mantel nicht, weil sie kein Geld hatte.",
            "My mother didn't buy the coat because she had no money.",
        ),
        (
            "Der Film war so langweilig, dass ich eingeschlafen bin.",
            "The movie was so boring that I",
        ),
        ("Kannst du mir sagen, wie viel das Brot kostet?", "Can you tell me how much the bread"),
    ],
)
def test_what_it_has_not_seen(translator: Translator, german: str, english: str) -> None:
    assert translator.translate(german).startswith(english)


@BOTH
def test_a_name_says_the_languages(name: str) -> None:
    data = RunDirectory.find(name).load_config().data
    assert f"{data.src_lang}-{data.tgt_lang}" == name


def test_a_name_goes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "de-en").mkdir()
    monkeypatch.chdir(tmp_path)
    assert RunDirectory.find("de-en").path == PRETRAINED / "de-en"
    assert RunDirectory.find("./de-en").path == Path("de-en")
    assert RunDirectory.find(Path("de-en")).path == Path("de-en")
    with pytest.raises(CheckpointError, match="or a model in the package: de-en"):
        Translator.load("en-fr")


def test_their_size() -> None:
    assert sum(path.stat().st_size for path in PRETRAINED.glob("*/*")) < 40e6


@BOTH
def test_weights_are_in_int8(name: str) -> None:
    stored = load_file(PRETRAINED / name / "model.safetensors")
    assert {str(w.dtype) for name, w in stored.items() if w.dim() == 2 and ":" not in name} == {
        "torch.int8"
    }


def test_addresses_numbers_and_line_breaks_stay(translator: Translator) -> None:
    text = "Ruf mich an: 0171 2345678.\n\nMehr unter https://www.example.org/a?b=1 oder eva@b.de."
    first, empty, last = translator.translate(text).split("\n")
    assert "0171 2345678" in first and empty == ""
    assert "https://www.example.org/a?b=1" in last and "eva@b.de" in last


# What must not change, whatever the model makes of the rest. Each stands for a kind.
@pytest.mark.parametrize(
    ("german", "kept"),
    [
        ("#München ist schön @anna", "#München @anna"),
        ("Anna Müller, Ayşe Yılmaz", "Ayşe Yılmaz"),
        ("Ich fahre mit Müllers Škoda.", "Škoda"),
        ("Meine Chefin heißt Bjørk Þórðardóttir.", "Bjørk Þórðardóttir"),
        (
            "Fragen Sie Zoë Novotný oder Søren Brzęczyszczykiewicz.",
            "Zoë|Novotný|Brzęczyszczykiewicz",
        ),
        ("<p>Guten <b>Morgen</b>, wie geht es dir?</p>", "<p> <b> </b> </p>"),
        ("Führe `pip install torch` aus.", "`pip install torch`"),
        ("&lt;b&gt;Ja&lt;/b&gt;", "&lt; &gt;"),
        (r"Öffne C:\Users\Max und lies %1$s von {count}.", r"C:\Users\Max %1$s {count}"),
        ("Nach § 5 sind 10² Meter erlaubt, ½ davon am Rand.", "§ 5|10²|½"),
        ("Die Rechnung beträgt 1.234,56 €.", "€1,234.56"),
        ("Der Termin ist am 12.03.2024 um 10:30 Uhr.", "12 March 2024|10:30"),
        ("Er ist 1,80 m groß und wiegt 75 kg.", "1.80 75"),
        ("Es sind heute -5 °C.", "-5 °C|"),
    ],
)
def test_what_must_not_change_stays(translator: Translator, german: str, kept: str) -> None:
    found = translator.translate(german)
    assert [
        part for part in re.split("[|]" if "|" in kept else " ", kept) if part not in found
    ] == []
    assert "@" not in found.replace("@anna", "")


@pytest.mark.parametrize(
    "line",
    ["00:00:01,000 --> 00:00:04,000", "=====", "Привет мир", "1.234,56 € / 5", "* * *", "🙂 🙃"],
)
def test_what_has_no_letters_to_translate_is_copied(translator: Translator, line: str) -> None:
    assert translator.translate(line) == line


@pytest.mark.parametrize(
    "line",
    ["- {}", "  * {}  ", "# {}", "> {}", "{}\t{}\t{}", "a) {}", "{}\n\n\t{}", "• {}"],
)
def test_layout_stays(translator: Translator, line: str) -> None:
    german = "Ich habe meinen Schlüssel verloren."
    english = translator.translate(german)
    n = line.count("{}")
    assert translator.translate(line.format(*[german] * n)) == line.format(*[english] * n)


def test_english_stays_english(translator: Translator) -> None:
    [[found]] = translator.translate_batch(["Das ist gut. This is already English."])
    assert found.text.endswith(" This is already English.")
    assert found.warnings == ("left as it is: en already, it seems",)


def test_what_nobody_sees_changes_nothing(translator: Translator) -> None:
    plain = translator.translate("Die Kaffeemaschine ist kaputt.")
    assert translator.translate("Die Kaffee\u00admaschine ist ka\u00adputt\u200b.") == plain
    assert translator.translate("Wie geht’s dir?") == translator.translate("Wie geht's dir?")


def test_shouting_missing_marks_and_umlauts(translator: Translator) -> None:
    assert re.fullmatch(
        "WHERE('S| IS) THE (TRAIN )?STATION\\?", translator.translate("WO IST DER BAHNHOF?")
    )
    assert translator.translate("wo ist der bahnhof").lower().startswith("where")
    assert "key" in translator.translate("Ich habe meinen Schluessel verloren.")


def test_a_paragraph_keeps_all_its_sentences(translator: Translator) -> None:
    text = "Hallo Anna. Danke für deine Nachricht. Ich kann nicht kommen. Bis Sonntag!"
    assert len(re.findall(r"[.!]", translator.translate(text))) >= 4


@BOTH
def test_the_card_says_what_the_model_says(name: str) -> None:
    card = (PRETRAINED / name / "MODEL_CARD.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ?(.*?) ?\|$", card.split("## Examples")[1], re.M)
    pairs = [(src, tgt) for src, tgt, _ in rows if src not in ("German", "English", "---")]
    assert len(pairs) >= 20
    translator = Translator.load(name)
    found = [best[0].text for best in translator.translate_batch([src for src, _ in pairs])]
    # Rounding differs between machines, and may decide between two hypotheses.
    assert bleu(found, [tgt for _, tgt in pairs]) > 90
    assert not re.findall(r"\{\w+\}", card)


@BOTH
def test_settings_name_no_machine(name: str) -> None:
    config = RunDirectory.find(name).load_config()
    assert config.run_dir == name and config.tokenizer.path is None
    assert all(str(source.path or "data/").startswith("data/") for source in config.data.train)


@pytest.mark.parametrize("to", ["en", "de"])
def test_spans_of_filled_templates_survive(
    to: str,
    script: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--to", to, "--n", "56", "--seed", "7"]
    monkeypatch.setattr("sys.argv", ["score_spans.py", *options])
    script("score_spans").main()
    said = capsys.readouterr().out
    found = re.search(r"([0-9.]+)% right, ([0-9]+) numbers invented", said)
    assert found, said
    assert float(found[1]) >= 99.5 and found[2] == "0", said
