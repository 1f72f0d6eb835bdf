"""Pairs made from pairs: what the corpora lack and readers type.

Every function takes a German-English pair and a generator of random numbers, and returns another
pair, or None if the pair gives no occasion for one. prepare_everyday.py uses them.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence

from transformer.text.spans import Span, Spans

Pair = tuple[str, str]
Way = Callable[[str], str]

GERMAN_SPANS = Spans("de", "en")

UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)
DOTS = str.maketrans("äöüÄÖÜ", "aouAOU")

# ------------------------------------------------------------------------------------------------
# Names
# ------------------------------------------------------------------------------------------------

MEN = (
    "Adam Ahmed Alan Albert Alexander Ali Anton Arthur Ben Bernd Bruno Carl Chris Christian Daniel "
    "David Dennis Dieter Edgar Emil Erik Ernst Felix Florian Frank Fred Georg Günter Harald Harry "
    "Heinrich Henry Herbert Jack Jan Jim Joe Johann John Jonathan Jörg Josef Julian Jürgen Karl "
    "Kevin Kurt Leo Leon Linus Ludwig Mark Martin Matthias Max Mehmet Michael Moritz Murat Noah "
    "Oliver Omar Oskar Otto Patrick Paul Peter Philipp Ralf Robert Roman Rudolf Samuel Sascha "
    "Sebastian Simon Stefan Steven Sven Theo Tim Tobias Uwe Viktor Walter Werner Willi Wolfgang"
)
WOMEN = (
    "Alice Amelie Anja Anna Anne Antonia Barbara Beate Birgit Carla Carmen Charlotte Christina "
    "Clara Claudia Diana Elena Elisabeth Ella Emma Erika Eva Fatma Frieda Gabi Greta Hanna Heike "
    "Helena Ida Ingrid Isabel Jana Jessica Johanna Julia Karin Katharina Klara Laura Lea Lena "
    "Leonie Lilly Linda Lisa Luise Lydia Marie Martha Melanie Mia Monika Nadia Natalie Nicole "
    "Nina Olga Paula Petra Renate Rosa Sabine Sandra Sarah Silke Sofia Sonja Sophie Stefanie "
    "Susanne Tanja Theresa Ursula Valentina Vanessa Vera Yvonne Zeynep"
)
MEN_ABROAD = (
    "André Ángel Antonín Åke Bjørn Błażej Çetin Çağlar Dragoş Đorđe Émile Enzo François Gökhan "
    "Günther Håkon Iñaki Íñigo İbrahim Jānis Jérôme Jiří João José Jürgen Kęstutis Krzysztof "
    "Lukáš Łukasz Mārtiņš Matěj Mihály Miloš Nicolás Niccolò Niño Ömer Øyvind Ólafur Paweł René "
    "Rubén Ștefan Şükrü Sándor Sérgio Søren Théo Tomáš Uğur Václav Vít Xoán Yiğit Žan Zoltán Þór"
)
WOMEN_ABROAD = (
    "Adéla Agnès Aleksandra Ânia Ásta Bożena Božena Cécile Chloé Çiğdem Constanţa Dóra Elīna "
    "Élodie Eşe Françoise Gülşen Hélène Ilknur Inês Irène Jūratė Katarína Kateřina Lucía Ludmiła "
    "Małgorzata María Márta Noémie Øydis Özlem Pénélope Renée Růžena Şebnem Şule Sólveig Søs Tímea "
    "Ümran Verónica Viță Yağmur Zoë Żaneta Žofie Ágnes"
)
SURNAMES = (
    "Almeida Álvarez Andersson Åström Balogh Bąk Bengtsson Bernström Björnsson Bošković Brânză "
    "Castaño Cattaneo Çakır Čapek Dąbrowski Dağlı Delacroix Dvořák Đukić Eriksen Fernández "
    "Fjällräv Fürst Gagné Gómez González Grönholm Guðmundsson Güneş Hašek Hernández Høeg Iliescu "
    "Ionuţ Jensen Jørgensen Kadlec Kaplıca Kílian Koç König Kováč Kučera Larsen Lefèvre Lévesque "
    "López Lorenzetti Löfgren Łapiński MacDonald Māliņa Marković Martínez Mikołaj Møller Muñoz "
    "Nagy Németh Nielsen Núñez Nygård O'Brien Ødegaard Öztürk Özdemir Papadopoulos Pérez Petrović "
    "Pokorný Popescu Quiñones Ramírez Rößler Rosário Sæther Şahin Sánchez Šimek Smirnow Sørensen "
    "Strömberg Šarić Szabó Świątek Tóth Třebický Țepeș Ulloa Vašek Vázquez Virtanen Wałęga Weiß "
    "Wójcik Yıldız Zając Zieliński Žukauskas Ševčík"
)


def rename(german: str, english: str, draw: random.Random) -> Pair | None:
    """The pair with other names for Tom and for Maria (Mary in English); None if it has neither.

    Only where both sides name them equally often, since otherwise something else is meant. One in
    three is from anywhere in Europe, or has a surname.
    """
    renamed = german, english
    for old, near, abroad in (
        (("Tom", "Tom"), MEN, MEN_ABROAD),
        (("Maria", "Mary"), WOMEN, WOMEN_ABROAD),
    ):
        new = draw.choice((abroad if draw.random() < 0.3 else near).split())
        if draw.random() < 0.2:
            new += f" {draw.choice(SURNAMES.split())}"
        # Toms → Pauls, Tom's → Paul's, Tomaten → Tomaten
        patterns = [rf"\b{name}(?=s?\b)" for name in old]
        found = [len(re.findall(p, side)) for p, side in zip(patterns, renamed, strict=True)]
        if found[0] == found[1] and not (new.endswith(("s", "x", "z", "ß")) and "'" in english):
            renamed = (
                re.sub(patterns[0], new, renamed[0]),
                re.sub(patterns[1], new, renamed[1]),
            )
    return None if renamed == (german, english) else renamed


# ------------------------------------------------------------------------------------------------
# Typing
# ------------------------------------------------------------------------------------------------

_ROWS = ("qwertzuiopü", "asdfghjklöä", "yxcvbnm")
NEIGHBOURS = {
    key: "".join(row[max(0, i - 1) : i] + row[i + 1 : i + 2])
    for row in _ROWS
    for i, key in enumerate(row)
}


def misspell(text: str, draw: random.Random) -> str:
    """One slip of the finger inside a word of five letters or more."""
    words = list(re.finditer(r"[^\W\d_]{5,}", text))
    if not words:
        return text
    word = draw.choice(words)
    i = draw.randrange(word.start() + 1, word.end() - 1)
    near = NEIGHBOURS.get(text[i], text[i])
    slips = (
        text[i] * 2,
        "",
        draw.choice(near),
        text[i + 1] + text[i] if i + 2 < word.end() else text[i],
    )
    slip = draw.choice(slips)
    return text[:i] + slip + text[i + (2 if len(slip) == 2 and slip[0] != slip[1] else 1) :]


def type_hastily(german: str, english: str, draw: random.Random) -> Pair | None:
    """The German without capitals, final mark, umlauts or commas, or with a slip of the finger."""
    ways: tuple[Way, ...] = (
        str.lower,
        lambda text: re.sub(r"[.!?]+$", "", text),
        lambda text: text.translate(UMLAUTS),
        lambda text: text.translate(DOTS),
        lambda text: misspell(text, draw),
        lambda text: misspell(text, draw),
        lambda text: text.replace(",", ""),
    )
    typed = _in_some_ways(german, ways, draw)
    return None if typed is None else (typed, english)


def type_english_hastily(german: str, english: str, draw: random.Random) -> Pair | None:
    """The English without capitals, final mark, apostrophes or commas, or with a slip."""
    ways: tuple[Way, ...] = (
        str.lower,
        lambda text: re.sub(r"[.!?]+$", "", text),
        lambda text: text.replace("'", ""),
        lambda text: misspell(text, draw),
        lambda text: text.replace(",", ""),
    )
    typed = _in_some_ways(english, ways, draw)
    return None if typed is None else (german, typed)


def _in_some_ways(text: str, ways: Sequence[Way], draw: random.Random) -> str | None:
    typed = text
    for way in draw.sample(ways, draw.choice((1, 1, 2, 3))):
        typed = way(typed)
    return None if typed == text or not typed.strip() else typed


QUOTES = (("„", "“"), ("»", "«"), ("“", "”"), ("«", "»"), ("‚", "‘"), ('"', '"'), ("›", "‹"))


def set_in_type(german: str, english: str, draw: random.Random) -> Pair | None:
    """The German with other quotation marks, dashes, dots and apostrophes than it has."""
    opening, closing = draw.choice(QUOTES)
    printed = re.sub(r'[„"]([^„“"]+)[“"]', rf"{opening}\1{closing}", german)
    printed = re.sub(r" [-–—] ", draw.choice((" – ", " - ", " — ")), printed)
    printed = re.sub(r"\.\.\.|…", draw.choice(("...", "…")), printed)
    printed = re.sub(r"(?<=\w)'(?=\w)", draw.choice("'’"), printed)
    return None if printed == german else (printed, english)


SPEECH = (
    ("sagte er", "he said"), ("sagte sie", "she said"), ("fragte er", "he asked"),
    ("fragte sie", "she asked"), ("rief er", "he called"), ("rief sie", "she called"),
    ("antwortete er", "he answered"), ("antwortete sie", "she answered"),
    ("sagte der Mann", "the man said"), ("sagte die Frau", "the woman said"),
    ("flüsterte sie", "she whispered"), ("schrie er", "he shouted"), ("dachte ich", "I thought"),
    ("sagte meine Mutter", "my mother said"), ("sagte mein Vater", "my father said"),
    ("meinte er", "he said"), ("erwiderte sie", "she replied"), ("murmelte er", "he murmured"),
)  # fmt: skip


def quote(german: str, english: str, draw: random.Random) -> Pair | None:
    """The sentence as somebody's speech: „…“, sagte sie."""
    if re.search('[„“”"»«:;]', german + english) or not german.endswith((".", "!", "?")):
        return None
    if german[-1] != english[-1] or len(german) > 90:
        return None
    asking = german[-1] == "?"
    said, says = draw.choice([s for s in SPEECH if asking or not s[0].startswith("fragte")])
    opening, closing = draw.choice((*QUOTES, *QUOTES[:1] * 6, *QUOTES[-2:-1] * 3))
    mark = "" if german[-1] == "." else german[-1]
    after = german[:-1] + mark, english[:-1] + (mark or ",")
    way = draw.random()
    if way < 0.4:
        return f"{opening}{after[0]}{closing}, {said}.", f'"{after[1]}" {says}.'
    if way < 0.7:
        subject, verb = said.split(" ", 1)[1], said.split(" ", 1)[0]
        start = f"{subject[0].upper()}{subject[1:]} {verb}: "
        return f"{start}{opening}{german}{closing}", f'{says[0].upper()}{says[1:]}, "{english}"'
    parts = german.split(", "), english.split(", ")
    if len(parts[0]) == 2 == len(parts[1]):
        (first, second), (one, two) = parts
        return (
            f"{opening}{first}{closing}, {said}, {opening}{second}{closing}",
            f'"{one}," {says}, "{two}"',
        )
    return f"{opening}{german}{closing}", f'"{english}"'


GENDERED = {
    "Lehrer": "teachers", "Schüler": "students|pupils", "Student": "students",
    "Bürger": "citizens", "Mitarbeiter": "employees|staff", "Nutzer": "users",
    "Benutzer": "users", "Besucher": "visitors", "Spieler": "players", "Arbeiter": "workers",
    "Verkäufer": "sellers", "Wähler": "voters", "Leser": "readers", "Politiker": "politicians",
    "Wissenschaftler": "scientists", "Tourist": "tourists", "Polizist": "police officers|policemen",
    "Freund": "friends", "Nachbar": "neighbors|neighbours", "Kunde": "customers|clients",
    "Patient": "patients", "Teilnehmer": "participants", "Einwohner": "inhabitants|residents",
    "Künstler": "artists", "Musiker": "musicians", "Journalist": "journalists",
    "Autor": "authors", "Entwickler": "developers", "Zuschauer": "spectators|viewers|audience",
    "Partner": "partners", "Fahrer": "drivers", "Ausländer": "foreigners", "Anwält": "lawyers",
    "Ärzt": "doctors", "Expert": "experts", "Kolleg": "colleagues", "Gegner": "opponents",
}  # fmt: skip
_PLURALS = {
    "Student": "Studenten", "Tourist": "Touristen", "Polizist": "Polizisten", "Freund": "Freunde",
    "Nachbar": "Nachbarn", "Kunde": "Kunden", "Patient": "Patienten", "Journalist": "Journalisten",
    "Autor": "Autoren", "Anwält": "Anwälte", "Ärzt": "Ärzte", "Expert": "Experten",
    "Kolleg": "Kollegen",
}  # fmt: skip


def gender(german: str, english: str, draw: random.Random) -> Pair | None:
    """Teachers of every gender: Lehrer → Lehrer*innen, Lehrer:innen, LehrerInnen."""
    sign = draw.choice(("*i", ":i", ":i", "*i", "_i", "I", "/-i"))
    for stem, plurals in GENDERED.items():
        plural = _PLURALS.get(stem, stem)
        word = re.search(rf"\b{plural}n?\b", german)
        if word and re.search(rf"\b(?:{plurals})\b", english, re.IGNORECASE):
            stem = "Kund" if stem == "Kunde" else stem
            return f"{german[: word.start()]}{stem}{sign}nnen{german[word.end() :]}", english
    return None


# ------------------------------------------------------------------------------------------------
# Marks and numbers
# ------------------------------------------------------------------------------------------------


def _same(german: str, english: str) -> list[tuple[int, int, str, str]]:
    """Where the German has what the English has, too, both once: words, and numbers rewritten."""
    spans = [s for s in GERMAN_SPANS.find(german, numbers=True) if english.count(s.written) == 1]
    found = [(s.start, s.end, s.typed, s.written) for s in spans if german.count(s.typed) == 1]
    taken = {i for start, end, *_ in found for i in range(start, end)}
    once = [
        {word for word, n in Counter(re.findall(r"\w+", side)).items() if n == 1 and len(word) > 2}
        for side in (german, english)
    ]
    both = once[0] & once[1]
    for match in re.finditer(r"\w+(?: \w+)?", german):
        words = match.group().split()
        if set(words) <= both and match.group() in english and match.start() not in taken:
            found.append((*match.span(), match.group(), match.group()))
        elif words[0] in both and match.start() not in taken:
            start = match.start()
            found.append((start, start + len(words[0]), words[0], words[0]))
    return sorted(found)


def mark(german: str, english: str, draw: random.Random) -> Pair | None:
    """@1, @2 … for words and numbers that both languages share; None if there is none."""
    if "@" in german + english:
        return None
    same = _same(german, english)
    if not same:
        return None
    n = draw.choice((1, 1, 2, 2, 3, 4, 9))
    chosen = sorted(draw.sample(same, min(n, len(same))))
    source, end = "", 0
    for number, (start, stop, _, written) in enumerate(chosen, start=1):
        source += f"{german[end:start]}@{number}"
        end = stop
        found = re.search(rf"(?<!\w){re.escape(written)}(?!\w)", english)
        if found is None:
            return None
        english = f"{english[: found.start()]}@{number}{english[found.end() :]}"
    return source + german[end:], english


def renumber(german: str, english: str, draw: random.Random) -> Pair | None:
    """The numbers of a pair with other digits, written as each language writes them."""
    same = [
        span
        for span in GERMAN_SPANS.find(german, numbers=True)
        if span.kind in ("amount", "time", "date")
        and len(re.findall(rf"(?<!\w){re.escape(span.written)}(?!\w)", english)) == 1
        and german.count(span.typed) == 1
    ]
    changed = german, english
    for span in same:
        other = _other(span, draw)
        if other is None:
            return None
        found = re.search(rf"(?<!\w){re.escape(span.written)}(?!\w)", changed[1])
        if found is None:
            return None
        changed = (
            changed[0].replace(span.typed, other.typed, 1),
            changed[1][: found.start()] + other.written + changed[1][found.end() :],
        )
    return None if changed == (german, english) else changed


def _other(span: Span, draw: random.Random) -> Span | None:
    if span.kind == "time":
        separator = draw.choice(":.")
        typed = f"{draw.randrange(1, 24)}{separator}{draw.randrange(0, 60, 5):02}"
    elif span.kind == "date":
        typed = f"{draw.randrange(1, 29)}.{draw.randrange(1, 13)}.{draw.randrange(1900, 2031)}"
    else:
        number = re.search(r"\d[\d.]*(?:,\d+)?", span.typed)
        if number is None or len(number.group()) == 1:
            return None
        if re.fullmatch("(?:1[89]|20)[0-9][0-9]", number.group()):  # a year stays one
            typed = str(draw.randrange(1700, 2031))
        else:
            value = draw.randrange(10 ** (size := draw.randrange(1, 6)), 10 ** (size + 1))
            value -= value % draw.choice((1, 1, 10, 10 ** (size // 2)))
            typed = f"{value:,}".replace(",", ".") if draw.random() < 0.7 else str(value)
            if draw.random() < 0.25:
                typed = f"{draw.randrange(200)},{draw.randrange(1, 100)}"
        typed = span.typed.replace(number.group(), typed)
    text = f"um {typed} Uhr" if span.kind == "time" else f"am {typed} da"
    spans = [s for s in GERMAN_SPANS.find(text, numbers=True) if s.typed == typed]
    return spans[0] if spans else None
