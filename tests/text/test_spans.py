"""What is hidden from the model comes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer.text.spans import Spans, bring_back, bring_back_anyhow, keeps_markup

GERMAN = Spans("de", "en", "€$%‰°²".__contains__)
ENGLISH = Spans("en", "de", "€$%‰°²".__contains__)


@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        ("Siehe https://a.de/b_c?d=1.", "Siehe @1.", ["https://a.de/b_c?d=1"]),
        ("(www.a.de) und http://b.org/", "(@1) und @2", ["www.a.de", "http://b.org/"]),
        ("Mail an eva.l+x@post.example.com!", "Mail an @1!", ["eva.l+x@post.example.com"]),
        ("Ruf +49 30 901820 an.", "Ruf @1 an.", ["+49 30 901820"]),
        ("Tel. 0171/2345678, bitte", "Tel. @1, bitte", ["0171/2345678"]),
        ("Bestellung 4711081", "Bestellung @1", ["4711081"]),
        ("1.500.000 Euro am 12.03.2024", "1.500.000 Euro am 12.03.2024", []),
        ("1,234567 und 3 500 Euro, um 12:30", "1,234567 und 3 500 Euro, um 12:30", []),
        ("Zimmer 12345, 10 von 20", "Zimmer 12345, 10 von 20", []),
        ("Ein Brief an @1 von www.a.de", "Ein Brief an @1 von www.a.de", []),
        ("Mail an x@163.com, info@1und1.de", "Mail an @1, @2", ["x@163.com", "info@1und1.de"]),
        ("z. B. u.a. usw.", "z. B. u.a. usw.", []),
        ("Rechnung RE-2024001, 150000km", "Rechnung RE-2024001, 150000km", []),
        ("Mehr Infos...https://a.de", "Mehr Infos...https://a.de", []),
        ("Www.a.de oder HTTPS://B.DE/x", "@1 oder @2", ["Www.a.de", "HTTPS://B.DE/x"]),
        ("Im Jahr 2023 250000 Leute", "Im Jahr 2023 @1 Leute", ["250000"]),
        ("von 8-12 13-17 Uhr", "von 8-12 13-17 Uhr", []),
        ("+49 (0)30 901820, (030) 123456.", "@1, @2.", ["+49 (0)30 901820", "(030) 123456"]),
        ("0171 - 2345678", "@1", ["0171 - 2345678"]),
        ("#München, @anna_k! Nr. #5", "@1, @2! Nr. #5", ["#München", "@anna_k"]),
        ("Führe `pip install x` aus.", "Führe @1 aus.", ["`pip install x`"]),
        ("<p>Ein <b>Hund</b></p>", "@1 Ein @2 Hund @3 @4", ["<p>\0", "<b>\0", "\0</b>", "\0</p>"]),
        ("**Brot** holen", "@1 Brot @2 holen", ["**\0", "\0**"]),
        ("a < b > c, Q&A, 5 < 6", "a < b > c, Q&A, 5 < 6", []),
        ("Tee&nbsp;&amp; Kaffee", "Tee @1 @2 Kaffee", ["\0&nbsp;", "\0&amp;"]),
        (
            "{count} von %1$s, %d %(n)s ${x}",
            "@1 von @2, @3 @4 @5",
            ["{count}", "%1$s", "%d", "%(n)s", "${x}"],
        ),
        (r"In C:\Users\Max, bitte.", "In @1, bitte.", [r"C:\Users\Max"]),
        ("~/a/b.txt, /usr/bin/, und/oder", "@1, @2, und/oder", ["~/a/b.txt", "/usr/bin/"]),
        ("Nach § 5a und §§ 7, 8", "Nach @1 und @2, 8", ["§ 5a", "§§ 7"]),
    ],
)
def test_hide(text: str, shown: str, hidden: list[str]) -> None:
    found = GERMAN.hide(text)
    assert (found.shown, found.typed) == (shown, tuple(hidden))
    assert found.written == found.typed
    if hidden:
        assert bring_back(shown, tuple(hidden)) == text


def test_words_that_the_model_cannot_read_are_carried_over() -> None:
    spans = Spans("de", "en", "şıŠ²•".__contains__)
    found = spans.hide("• Ayşe Yıldız fährt einen Škoda-Bus, 10² km, mit Ali.")
    assert found.shown == "@1 @2 fährt einen @3, @4 km, mit Ali."
    assert found.typed == ("•", "Ayşe Yıldız", "Škoda-Bus", "10²")
    beside = Spans("de", "en", "ŞŠ".__contains__, rare={"Grzegorz"}.__contains__)
    found = beside.hide("Frau Şen traf Grzegorz Škoda und Grzegorz.")
    assert found.shown == "Frau @1 traf @2 und Grzegorz."
    assert found.typed == ("Şen", "Grzegorz Škoda")
    assert spans.lost("Ayşe und <b>", "Ayşe and <b>.") == []
    assert spans.lost("Ayşe und <b>, Ayşe", "Ayşe and <i>") == ["<b>", "Ayşe"]


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("Zoë Ångström wohnt in Kraków.", ("Zoë Ångström", "Kraków")),
        ("Jiří isst Smørrebrød.", ("Jiří", "Smørrebrød")),
        ("Im Café à la carte: Größe ẞ, Première, André.", ()),
        ("Siân und François essen Crêpes.", ("Siân", "François", "Crêpes")),
    ],
)
def test_words_with_letters_that_german_lacks_are_carried_over(
    text: str, carried: tuple[str, ...]
) -> None:
    assert Spans("de", "en").hide(text).typed == carried
    assert Spans("xx", "en").hide(text).typed == ()  # an unknown language may have any letter


def test_english_has_the_letters_of_german_names() -> None:
    found = ENGLISH.hide("Mr. Müller's fiancée likes jalapeños and crêpes, Mr. Dvořák's does.")
    assert found.typed == ("Dvořák's",)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("10:30 pm", "22:30"),
        ("at 5 p.m.", "17:00"),
        ("12:15 AM", "0:15"),
        ("12 pm", "12:00"),
        ("8am", "8:00"),
        ("11.05 a.m. sharp", "11:05"),
    ],
)
def test_half_days_become_whole_ones(english: str, german: str) -> None:
    assert ENGLISH.hide(english).written == (german,)
    assert not ENGLISH.hide("I am 5. Pm me at 14:30").typed
    assert ENGLISH.lost(f"Come {english}", "Komm um 10:31 Uhr.") == [ENGLISH.hide(english).typed[0]]
    assert not ENGLISH.lost(f"Come {english}", f"Komm um {german} Uhr.")


def test_markup_keeps_its_order_and_its_text() -> None:
    shown, hidden = "Ein @1 Hund @2 läuft. @3", ("<b>\0", "\0</b>", "<br>")
    assert keeps_markup(shown, "A @1 dog @2 runs. @3", hidden)
    assert keeps_markup(shown, "There runs a @1 dog @2 . @3", hidden)
    assert not keeps_markup(shown, "A @2 dog @1 runs. @3", hidden)
    assert not keeps_markup(shown, "A dog @1 @2 runs. @3", hidden)
    assert keeps_markup("@1 und @2", "@2 and @1", ("Anna", "Łukasz"))


def test_a_sign_may_become_a_word_but_not_vanish() -> None:
    assert ENGLISH.lost("It costs €12.50, 20%.", "Es kostet 12,50, 20.") == ["€12.50", "20%"]
    assert not ENGLISH.lost("It costs €12.50, 20%.", "Es kostet 12,50 Euro, 20 Prozent.")
    assert not GERMAN.lost("Es kostet 12,50 €.", "It costs 12.50 euros.")
    assert GERMAN.lost("Es sind 25 °C.", "There are 25.") == ["25 °C"]


def test_bring_back_wants_every_mark_once() -> None:
    assert bring_back("@ 2, not @1", ("a", "b")) == "b, not a"
    for wrong in ("@1", "@1 @1 @2", "@1 @2 @3", "", "@1 @3"):
        assert bring_back(wrong, ("a", "b")) is None


@given(st.text(st.sampled_from("aZ1234567890 .,-/+@():wß€%")))
@settings(max_examples=300, deadline=None)
def test_whatever_is_hidden_comes_back(text: str) -> None:
    for numbers in (False, True):
        found = GERMAN.hide(text, numbers=numbers)
        assert (bring_back(found.shown, found.typed) if found.typed else found.shown) == text
        assert len(found.typed) == len(found.written)


@pytest.mark.parametrize(
    ("text", "typed", "written"),
    [
        ("Es kostet 1.234,56 €.", "1.234,56 €", "€1,234.56"),
        ("20€, €20, -20 €", "20€|€20|-20 €", "€20|€20|-€20"),
        ("5 % oder 5,5% oder 12 ‰", "5 %|5,5%|12 ‰", "5%|5.5%|12‰"),
        ("Es sind -5 °C, 20°.", "-5 °C|20°", "-5 °C|20°"),
        ("1,80 m und 75 kg", "1,80 m|75 kg", "1.80 m|75 kg"),
        ("85 m², 12,5 km²", "85 m²|12,5 km²", "85 m²|12.5 km²"),
        ("1.500.000 Gäste, 10\u202f000", "1.500.000|10\u202f000", "1,500,000|10,000"),
        ("am 12.03.2024 um 10:30 Uhr", "12.03.2024|10:30", "12 March 2024|10:30"),
        ("am 3. 5. 2026", "3. 5. 2026", "3 May 2026"),
        ("Am 24.12. um 18.30 Uhr", "24.12.|18.30", "24 December|18:30"),
        ("Um 20 Uhr, 24 Uhr", "20|24", "20:00|24:00"),
        ("Von 13 bis 17 Uhr", "13|17", "13|17:00"),
        ("10-17 Uhr, 20 Uhr 15, 120 Uhr", "10-17|20|15|120", "10-17|20|15|120"),
        ("Bis 31.1.", "31.1", "31 January"),
        ("am 30.02.2024, 32.01.2024", "30.02.2024|32.01.2024", "30.02.2024|32.01.2024"),
        ("am 12.03.24", "12.03.24", "12.03.24"),
        ("2024-03-12", "2024-03-12", "2024-03-12"),
        ("10-15, 1,5–2,5 %", "10-15|1,5–2,5 %", "10-15|1.5–2.5%"),
        ("3:2, 1/2, 2.13.0, 1.80", "3:2|1/2|2.13.0|1.80", "3:2|1/2|2.13.0|1.80"),
        ("192.168.178.100", "192.168.178.100", "192.168.178.100"),
        ("00:00:01,000 --> 00:00:04,000", "00:00:01,000|00:00:04,000", "00:00:01,000|00:00:04,000"),
        ("A380, RE-24, 3 Gäste, 75kg, z. B. 7", "", ""),
        ("1,2 Mrd. €, 1 Million €", "1,2 Mrd. €|1 Million €", "€1.2 billion|€1 million"),
        ("-3 Mio. €, € 2,5 Mio.", "-3 Mio. €|€ 2,5 Mio", "-€3 million|€2.5 million"),
        ("1,3 Billionen Euro", "1,3 Billionen", "1.3 trillion"),
        ("2 Tsd. €, 3 Bio Eier", "2 Tsd. €", "€2,000"),
        ("29,- €, 1.250,-- und 5,– EUR", "29,- €|1.250,--|5,–", "€29|1,250|5"),
        ("1 1/2 Tassen, 1/2 Glas", "1 1/2|1/2", "1 1/2|1/2"),
        ("120 km/h, 2,5 GB, 50Hz", "120 km/h|2,5 GB|50Hz", "120 km/h|2.5 GB|50Hz"),
    ],
)
def test_numbers_are_written_as_in_english(text: str, typed: str, written: str) -> None:
    found = GERMAN.hide(text, numbers=True)
    assert ("|".join(found.typed), "|".join(found.written)) == (typed, written)
    assert not found.typed or bring_back(found.shown, found.typed) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("It costs €1,234.56.", "1.234,56 €"),
        ("$5.99, -5%", "5,99 $|-5 %"),
        ("1,500,000 guests at 10:30", "1.500.000|10:30"),
        ("on 12/03/2024", "12/03/2024"),  # the twelfth, or December
        ("1.80 m", "1,80 m"),
        ("$1.2 billion, €1 million, £3.4bn", "1,2 Milliarden $|1 Million €|3,4 Milliarden £"),
        ("$1.3 trillion, or 1.3 trillion", "1,3 Billionen $|1,3 Billionen"),
        ("€3k, $2.5K, £1,200M, -$3bn", "3.000 €|2.500 $|1.200 Millionen £|-3 Milliarden $"),
        ("£2.5555k", "£2.5555k"),
        ("5 billion people, 25 m", "25 m"),
        ("chapter 4.2, Section 1.10, on Python 3.11", "4.2|1.10|3.11"),
        ("In 4.2 years, I 2.5 times, the Dow 3.5%", "4,2|2,5|3,5 %"),
        ("75 mph and 2.5 GB", "75 mph|2,5 GB"),
    ],
)
def test_numbers_are_written_as_in_german(text: str, written: str) -> None:
    assert "|".join(ENGLISH.hide(text, numbers=True).written) == written


@given(st.integers(0, 10**9), st.integers(0, 99), st.booleans())
def test_no_digit_changes_there_and_back(whole: int, cents: int, grouped: bool) -> None:
    number = f"{whole:,}.{cents:02}" if grouped else f"{whole}.{cents:02}"
    for unit in ("", " m"):  # a unit belongs to the span; another word does not
        [german] = ENGLISH.hide(f"{number}{unit} so", numbers=True).written
        assert german == number.translate(str.maketrans(",.", ".,")) + unit
        [english] = GERMAN.hide(f"{german} so", numbers=True).written
        assert english == number + unit


def test_between_unknown_languages_numbers_stay() -> None:
    text = "12,50 €, 1.234,56, 12.03.2024, 18.30"
    for spans in (Spans("src", "tgt"), Spans("de", "tgt"), Spans("xx", "en")):
        found = spans.hide(text, numbers=True)
        assert found.written == found.typed and len(found.typed) == 4
        assert spans.lost(text, text) == []


def test_what_the_model_cannot_read_is_always_hidden() -> None:
    assert GERMAN.hide("20 €, 75 kg, 5 %").typed == ("20 €", "5 %")


@pytest.mark.parametrize(
    ("text", "translation", "lost"),
    [
        ("Es kostet 2500 Euro.", "It costs 2,500 euros.", ""),
        ("Es kostet 2500 Euro.", "It costs 250 euros.", "2500"),
        ("1,80 m", "1.80 m", ""),
        ("1,80 m", "1.80 metres", ""),
        ("1,80 m", "1.80 kilometres", "1,80 m"),
        ("1,80 m", "1.80 hours", "1,80 m"),
        ("15 km, 75 kg, 20 cl", "15 kilometers, 75 kilos, 20 centiliters", ""),
        ("9 m", "nine metres", ""),
        ("1,80 m", "1,800 m", "1,80 m"),
        ("1,80 m", "1,80 m", "1,80 m"),
        ("Um 14:30 Uhr.", "At 2:30 p.m.", ""),
        ("Um 14:30 Uhr.", "At 14:30.", ""),
        ("Um 14:30 Uhr.", "At 7:30 p.m.", "14:30"),
        ("Um 14:30 Uhr.", "At 2:30.", "14:30"),
        ("Um 20 Uhr.", "At 8 p.m.", ""),
        ("Um 20 Uhr.", "At 8 in the evening.", ""),
        ("Um 20 Uhr.", "At 20:00.", ""),
        ("Um 20 Uhr.", "At 20 o'clock.", ""),
        ("Um 20 Uhr.", "At 8 o'clock.", "20"),
        ("Um 15 Uhr beginnt es.", "It starts at 3:00.", "15"),
        ("Um 8 Uhr.", "At 8 o'clock.", ""),
        ("Um 8:15 Uhr abends.", "At 20:15.", ""),
        ("Um 10.28 Uhr.", "At 10.28.", "10.28"),
        ("Um 0:30 Uhr.", "At 12:30 a.m.", ""),
        ("Um 0:30 Uhr.", "At 9:30 a.m.", "0:30"),
        ("Um 12:30 Uhr.", "At 3:30, for 30 minutes.", "12:30"),
        ("Um 24:30 Uhr.", "At 9:30 p.m.", "24:30"),
        ("Um 9:30 Uhr.", "At 21:30.", "9:30"),
        ("Um 9:30 Uhr abends.", "At 9:30 pm.", ""),
        ("Um 22:15 Uhr abends.", "At 10:15 a.m. in the evening.", "22:15"),
        ("Um 0:30 Uhr.", "At 12:30 p.m.", "0:30"),
        ("Um 0:30 Uhr.", "At 12:30 at night.", ""),
        ("Zwischen 9:13 Uhr und 11:05 Uhr.", "Between 9:13:05 and 11:05.", "9:13"),
        ("Um 9:13 Uhr.", "At 1:9:13.", "9:13"),
        ("1.741,01 m hoch", "1,741.01.01 m high", "1.741,01 m"),
        ("1.741,01 m hoch", "11,741.01 m high", "1.741,01 m"),
        ("12,5 kg, 17 m", "12.5 kg, or 17, metres", ""),
        ("12 oder 12?", "12 or twelve?", "12"),
        ("Am 12.03.2024.", "On March 12th, 2024.", ""),
        ("Am 12.03.2024.", "On 12,03,2024.", "12.03.2024"),
        ("-15 Grad", "15 degrees", "-15"),
        ("3 Äpfel", "three apples", ""),
        ("3 Äpfel", "apples", "3"),
        ("Der 2. Weltkrieg", "World War I", "2"),
        ("Der 2. Weltkrieg", "World War II", ""),
        ("am 3. Tag, 8 und 9", "on the third day, eight and ninth", ""),
        ("Die 1. von 0", "The best of all", ""),
        ("15 Leute", "3 people", "15"),
        ("Von 13 bis 17 Uhr", "From 1 p.m. to 5 p.m.", ""),
        ("120 km/h", "120 km", "120 km/h"),
        ("120 km/h", "120 kilometres an hour", ""),
        ("4 GB", "4 gigabytes", ""),
        ("1 1/2 Tassen", "1/2 cups", "1 1/2"),
        ("12,50 Euro, A380, 2010-2015", "much", "12,50|2010-2015"),
        ("Nichts", "77", ""),
        ("von 250.000 € bis 1 Million €", "from €250,000 to $1 million", "1 Million €"),
        ("", "", ""),
    ],
)
def test_numbers_that_a_translation_lacks(text: str, translation: str, lost: str) -> None:
    assert "|".join(GERMAN.lost(text, translation)) == lost


@pytest.mark.parametrize(
    ("text", "translation", "lost"),
    [
        ("Was ist das in €?", "What is that in $?", ["€"]),
        ("Was ist das in €?", "What is that in euros?", []),
        ("Ein paar € und 20 €", "A few €, and €20", []),
        ("Ein paar € und 20 €", "A few, and €20", ["€"]),
        ("Ein paar € und 20 €", "A few, and €30", ["20 €"]),
        ("200 £", "200 pounds", []),
    ],
)
def test_signs_that_a_translation_lacks(text: str, translation: str, lost: list[str]) -> None:
    assert Spans("de", "en").lost(text, translation) == lost


def test_numbers_are_hidden_with_the_rest() -> None:
    text = "Zimmer 350, 14:30 Uhr, 3 Gäste, 12,50 Euro, www.a.de/1234"
    found = GERMAN.hide(text, numbers=True)
    assert found.shown == "Zimmer @1, @2 Uhr, 3 Gäste, @3 Euro, @4"
    assert found.typed == ("350", "14:30", "12,50", "www.a.de/1234")
    assert bring_back(found.shown, found.typed) == text


def test_what_is_lost_comes_at_the_end() -> None:
    assert bring_back_anyhow("Call @2 and @2 now.", ("a", "b")) == "Call b and now. a"
    assert bring_back_anyhow("@1, @2", ("a", "b")) == "a, b"
    assert bring_back_anyhow("", ("a", "b")) == "a b"


def test_an_endless_number_is_not_a_mark() -> None:
    assert bring_back("@1 @" + "1" * 5000, ("a",)) == "a @" + "1" * 5000


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("20:00 p.m.", "20:00."),
        ("At 20:00 p.m. it starts.", "At 20:00 it starts."),
        ("At 15:30 pm, or 9:30 o'clock?", "At 15:30, or 9:30?"),
        ("At 10:30 o'clock.", "At 10:30."),
        ("At 10:30 a.m., 8 p.m.", "At 10:30 a.m., 8 p.m."),
        ("At 20pm it starts, or at 21 p.m.", "At 20:00 it starts, or at 21:00."),
        ("At 20:00 p. m., 8 o'clock", "At 20:00 p. m., 8 o'clock"),
    ],
)
def test_a_time_of_the_whole_day_needs_no_half(written: str, expected: str) -> None:
    assert GERMAN.with_hours_as_typed("Um 20 Uhr.", written) == expected
    assert GERMAN.with_hours_as_typed(f"Er schrieb: {written} 20:00 pm", written) == written
    assert ENGLISH.with_hours_as_typed("At 20:00.", written) == written


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("Um 9:13 Uhr ruft sie an.", "At 9:13pm, she calls.", "At 9:13, she calls."),
        ("Sie ruft um 9.13 Uhr an.", "She calls at 9:13 p.m.", "She calls at 9:13."),
        ("Um 9:13 Uhr abends.", "At 9:13 p.m.", "At 9:13 p.m."),
        ("Um 21:13 Uhr.", "At 9:13 p.m.", "At 9:13 p.m."),
        ("Um 9:13 Uhr.", "At 9:13 a.m.", "At 9:13 a.m."),
        ("Um 9:13 Uhr.", "At 21:13, not 21:14.", "At 9:13, not 21:14."),
        ("Um 21:13 Uhr.", "At 9:13 a.m.", "At 21:13."),
        ("Um 21:13 Uhr.", "At 9:13.", "At 21:13."),
        ("Um 21:13 Uhr.", "At 9:13 in the evening.", "At 9:13 in the evening."),
        ("Um 9:13 Uhr oder um 21:13 Uhr.", "At 9:13 or 21:13.", "At 9:13 or 21:13."),
        ("Um 12:30 Uhr.", "At 12:30 a.m.", "At 12:30."),
        ("Um 0:30 Uhr.", "At 12:30 a.m.", "At 12:30 a.m."),
    ],
)
def test_a_morning_is_no_evening(text: str, written: str, expected: str) -> None:
    assert GERMAN.with_hours_as_typed(text, written) == expected


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("It opens at 9:30.", "Es öffnet um 21:30 Uhr.", "Es öffnet um 9:30 Uhr."),
        ("It opens at 09:00.", "Es öffnet um 21:00.", "Es öffnet um 09:00."),
        ("It opens at 9:30 tonight.", "Heute um 21:30 Uhr.", "Heute um 21:30 Uhr."),
        ("It opens at 9:30 pm.", "Um 21:30 Uhr.", "Um 21:30 Uhr."),
        ("It opens at 12:30 a.m.", "Um 12:30 Uhr.", "Um 0:30 Uhr."),
        ("It opens at 12:30.", "Um 0:30 Uhr.", "Um 12:30 Uhr."),
        ("It opens at 9:30.", "Version 1.21:30, 21:30:05", "Version 1.21:30, 21:30:05"),
    ],
)
def test_a_morning_is_no_evening_in_german(text: str, written: str, expected: str) -> None:
    assert ENGLISH.with_hours_as_typed(text, written) == expected


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            "report_final.pdf, Bericht.docx und max_length",
            "report_final.pdf|Bericht.docx|max_length",
        ),
        ("open(), os.path.join() oder foo_bar()", "open()|os.path.join()|foo_bar()"),
        ("Strg+S, Strg + Umschalt + T, Alt+F4", "Ctrl+S|Ctrl + Shift + T|Alt+F4"),
        ("2 EL Öl, 1/2 TL Salz, 1,5 EL Mehl, EL Toro", "2 tbsp|1/2 tsp|1.5 tbsp"),
        ("Kolleg_innen, Schüler_in, Haus.de, a.b.c., Ende.", ""),
    ],
)
def test_what_machines_and_cooks_write(text: str, written: str) -> None:
    assert "|".join(Spans("de", "en").hide(text).written) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("on 12/31/2025 and 31/12/2025", "31. Dezember 2025|31. Dezember 2025"),
        ("03/04/2025, 13/13/2025, 30/02/2025", "03/04/2025|13/13/2025|30/02/2025"),
        ("Ctrl+Shift+T, 2 tbsp, 1 1/2 tsp", "Strg+Umschalt+T|2 EL|1 1/2 TL"),
    ],
)
def test_what_is_written_otherwise_in_german(text: str, written: str) -> None:
    assert "|".join(Spans("en", "de").hide(text).written) == written


def test_a_version_is_no_fraction() -> None:
    assert Spans("en", "de").lost("I use Python 3.11", "Ich benutze Python 3,11") == ["3.11"]
    assert Spans("en", "de").lost("I use 3.11 kg", "Ich benutze 3,11 kg") == []
