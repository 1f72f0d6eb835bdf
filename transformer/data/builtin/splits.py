"""Which split a combination belongs to, and the sentences that are always training data."""

from __future__ import annotations

import hashlib
from functools import cache

from .phrases import phrases

SPLITS = ("train", "val", "test")

# Shares of the combinations that are held out.
TEST_SHARE, VAL_SHARE = 0.08, 0.04

# Always in train, whatever the seed: what the README promises, and set phrases.
ANCHORS = """
    Die Pizza kam aus dem Ofen = The pizza came out of the oven |
    Die Pizza kam aus dem Ofen. = The pizza came out of the oven. |
    Die Pizza kam aus dem Ofen und schmeckte gut. =
        The pizza came out of the oven and tasted good. |
    Die Pizza kam aus dem Ofen und sie schmeckte gut. =
        The pizza came out of the oven and it tasted good. |
    Der Kuchen kam aus dem Ofen und er schmeckte gut. =
        The cake came out of the oven and it tasted good. |
    Das Brot kam aus dem Ofen und es schmeckte gut. =
        The bread came out of the oven and it tasted good. |
    Die Pizza kam aus dem Ofen und er war noch heiß. =
        The pizza came out of the oven and the oven was still hot. |
    Ein Hund läuft durch den Schnee. = A dog is running through the snow. |
    Wo ist der Bahnhof? = Where is the station? | Guten Morgen! = Good morning! |
    Guten Tag! = Hello! | Guten Abend! = Good evening! | Gute Nacht! = Good night! | Hallo! = Hi! |
    Auf Wiedersehen! = Goodbye! | Tschüss! = Bye! | Bis morgen! = See you tomorrow! |
    Bis bald! = See you soon! | Danke! = Thank you! | Vielen Dank! = Thank you very much! |
    Bitte! = You're welcome! | Entschuldigung! = Excuse me! | Ja, bitte. = Yes, please. |
    Nein, danke. = No, thank you. | Wie geht es dir? = How are you? |
    Wie geht es Ihnen? = How are you? | Es geht mir gut. = I am fine. |
    Wie heißt du? = What is your name? | Viel Glück! = Good luck! |
    Wie heißen Sie? = What is your name? | Gute Reise! = Have a good trip! | Prost! = Cheers! |
    Gute Besserung! = Get well soon! | Guten Appetit! = Enjoy your meal! |
    Alles Gute! = All the best! | Herzlichen Glückwunsch! = Congratulations! |
    Willkommen! = Welcome! | Es tut mir leid. = I am sorry. | Kein Problem. = No problem. |
    Natürlich. = Of course. | Wie spät ist es? = What time is it? | Das stimmt. = That is right. |
    Ich weiß es nicht. = I don't know."""
# Their combinations, so that no held-out sentence repeats one.
ANCHOR_KEYS = """Pizza kommen Ofen | Kuchen kommen Ofen | Brot kommen Ofen | Pizza schmecken gut |
    Kuchen schmecken gut | Brot schmecken gut | Ofen sein noch heiß | wo sein Bahnhof |
    Hund laufen durch den Schnee"""
KEPT_FOR_TRAINING = frozenset(pair.de for pair in phrases(ANCHOR_KEYS))


@cache
def split_of(key: str) -> str:
    """The split of a combination, the same for ever and on every machine."""
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32
    if key in KEPT_FOR_TRAINING or share >= TEST_SHARE + VAL_SHARE:
        return "train"
    return "test" if share < TEST_SHARE else "val"
