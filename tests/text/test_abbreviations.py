"""Abbreviations, written out."""

import pytest

from transformer.text.abbreviations import english_in_full, german_in_full


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Es gibt z. B. Äpfel, z.B. rote.", "Es gibt zum Beispiel Äpfel, zum Beispiel rote."),
        ("Z. B. so. I. d. R. geht das.", "Zum Beispiel so. In der Regel geht das."),
        ("Zimmer Nr. 5, Nr.7", "Zimmer Nummer 5, Nummer 7"),
        ("2 Std., 1 Std. 1 Min.", "2 Stunden, 1 Stunde 1 Minute."),
        ("am 5. Jan. 2020, am 3. Sept.", "am 5. Januar 2020, am 3. September."),
        (
            "Mo–Fr, Di. und Do., am Mi. um acht",
            "von Montag bis Freitag, Dienstag und Donnerstag, am Mittwoch um acht",
        ),
        ("von Mo - Fr.", "von Montag bis Freitag."),
        ("(vgl. S. 3)", "(siehe Seite 3)"),
        ("max. 5, Mind. 3 Tage", "maximal 5, Mindestens 3 Tage"),
        ("Max. Müller, Lt. Meier, Jan. 5", "Max. Müller, Lt. Meier, Jan. 5"),
        ("44 v. Chr.", "44 vor Christus."),
        ("Das geht so. Nun gut, usw.", "Das geht so. Nun gut, usw."),
        ("Hbf.de, a@z.B.de, x/Nr.5", "Hbf.de, a@z.B.de, x/Nr.5"),
    ],
)
def test_german(typed: str, expected: str) -> None:
    assert german_in_full(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Animals, e.g. dogs", "Animals, for example dogs"),
        ("E.g. this, approx. 5, incl. me", "For example this, approximately 5, including me"),
        ("Room no. 5, room no.7: no.", "Room number 5, room number 7: no."),
        ("No. 5 left. The answer is no. 5 left.", "No. 5 left. The answer is no. 5 left."),
        ("2 hrs, 1 hr 1 min.", "2 hours, 1 hour 1 minute."),
        ("on Jan. 5, 3 Sept. 2020, Sept 4", "on January 5, 3 September 2020, September 4"),
        ("I met Jan. 5 people came.", "I met Jan. 5 people came."),
        ("Mon-Fri. On Sat. and Sun.", "from Monday to Friday. On Saturday and Sun."),
        ("see pp. 3-5, fig. 2", "see pages 3-5, figure 2"),
        ("The sec. Jan told me, etc.", "The sec. Jan told me, etc."),
        ("Reply ASAP, w/o fail", "Reply as soon as possible, without fail"),
    ],
)
def test_english(typed: str, expected: str) -> None:
    assert english_in_full(typed) == expected
