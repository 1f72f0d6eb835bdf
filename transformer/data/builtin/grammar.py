"""The German and English grammar of the built-in corpus: from tables to clauses in words.

Nothing here is random: `corpus.py` chooses, this file knows how it is said. It reads the
tables of `lexicon.py`, declines nouns, conjugates verbs, and puts clauses into words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from . import lexicon

# ------------------------------------------------------------------------------------------------
# Reading the lexicon
# ------------------------------------------------------------------------------------------------


class Phrase(NamedTuple):
    """The same thing said in both languages."""

    de: str
    en: str


NOTHING = Phrase("", "")


@dataclass(frozen=True, eq=False)
class Noun:
    """A noun; gender is m, f, n or p (plural only)."""

    de: str
    de_plural: str
    en: str
    en_plural: str
    gender: str
    noun_class: str
    weak: bool = False
    name: bool = False

    @property
    def mass(self) -> bool:
        """Cannot be counted."""
        return not self.de_plural


def lines_of(text: str) -> list[str]:
    """The lines of a table, each joined with the indented ones that continue it."""
    return text.strip().replace("\n    ", " ").splitlines()


def table(text: str) -> dict[str, str]:
    """Read "name: content" lines."""
    return {
        name: content.strip() for name, _, content in (x.partition(":") for x in lines_of(text))
    }


@cache
def phrases(text: str, divider: str = "|") -> tuple[Phrase, ...]:
    """Read "German = English | ..."; without "=" both say the same."""
    halves = (" ".join(entry.split()).partition("=") for entry in text.split(divider))
    return tuple(Phrase(de.strip(), en.strip() or de.strip()) for de, _, en in halves)


def words(*parts: str) -> str:
    """Join the parts that are not empty."""
    return " ".join(filter(None, parts))


def english_plural(word: str) -> str:
    """The regular plural; the rule for the third person of verbs is the same."""
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "ch", "sh", "x")) else "s")


def read_noun(entry: Phrase, noun_class: str) -> Noun:
    """Read an entry of `lexicon.NOUNS`."""
    article, _, forms = entry.de.rpartition(" ") if "," not in entry.de else entry.de.partition(" ")
    if not article:
        gender = "f" if noun_class == "woman" else "m"
        return Noun(entry.de, "", entry.en, "", gender, noun_class, name=True)
    singular, _, plural = forms.partition(", ")
    en, _, en_plural = entry.en.partition("/")
    if article == "pl":
        return Noun(singular, singular, en, en, "p", noun_class)
    gender, weak = {"der": "m", "die": "f", "das": "n"}[article], singular.endswith("*")
    en_plural = en_plural or english_plural(en)
    return Noun(singular.rstrip("*"), plural, en, en_plural, gender, noun_class, weak)


CLASSES = {
    name: tuple(read_noun(entry, name) for entry in phrases(content))
    for name, content in table(lexicon.NOUNS).items()
}
NOUN = {noun.de: noun for nouns in CLASSES.values() for noun in nouns}
CLASS_GROUPS = table(lexicon.GROUPS)


@cache
def nouns_of(classes: str) -> tuple[Noun, ...]:
    """All nouns of "class+group+Noun", each once."""
    found: dict[str, Noun] = {}
    for name in classes.split("+"):
        if name in CLASS_GROUPS:
            nouns = nouns_of(CLASS_GROUPS[name])
        else:
            nouns = CLASSES.get(name) or (NOUN[name],)
        found.update((noun.de, noun) for noun in nouns)
    return tuple(found.values())


def read_quality(entry: str) -> tuple[Phrase, str]:
    """Read "+noch warm still warm"."""
    sign = entry[0] if entry[0] in "+-" else "0"
    parts = entry.lstrip("+-").split()
    middle = 2 if parts[0] == "noch" else 1
    return Phrase(" ".join(parts[:middle]), " ".join(parts[middle:])), sign


def read_qualities(text: str) -> dict[str, tuple[tuple[Phrase, str], ...]]:
    """Adjectives by class, each with its sign: "+", "-" or "0"."""
    return {
        name: tuple(read_quality(entry.strip()) for entry in content.split("|"))
        for name, content in table(text).items()
    }


QUALITIES, REMARKS = read_qualities(lexicon.ADJECTIVES), read_qualities(lexicon.PREDICATES)


@cache
def remarks_about(lemma: str) -> tuple[tuple[Phrase, str], ...]:
    """What can be said of a noun after "sein"."""
    roast = REMARKS["roast"] if NOUN[lemma] in nouns_of("roast") else ()
    return tuple(dict.fromkeys((*roast, *REMARKS.get(NOUN[lemma].noun_class, ()))))


PLACE_FORMS, PLACE_SETS = table(lexicon.PLACES), table(lexicon.PLACE_GROUPS)


@cache
def places(direction: str, names: str) -> tuple[Phrase, ...]:
    """Where "to", "at" or "from" for "shops+home+city"."""
    column = ("to", "at", "from").index(direction)
    found: list[Phrase] = []
    for name in names.split("+"):
        if name in ("city", "country"):
            german, english = (("nach", "to"), ("in", "in"), ("aus", "from"))[column]
            for place in phrases(lexicon.CITIES if name == "city" else lexicon.COUNTRIES, " "):
                found.append(Phrase(f"{german} {place.de}", f"{english} {place.en}"))
        elif name in PLACE_SETS:
            found.extend(places(direction, PLACE_SETS[name]))
        else:
            de, en = PLACE_FORMS[name].split("=")
            found.append(Phrase(de.split(",")[column].strip(), en.split(",")[column].strip()))
    return tuple(found)


@cache
def clock_times() -> tuple[Phrase, ...]:
    """Full, half and quarter hours; the German half hour counts towards the next."""
    hours = phrases(lexicon.NUMBERS)
    found = [Phrase(f"um {hour.de} Uhr", f"at {hour.en} o'clock") for hour in hours]
    for hour, following in pairwise(hours):
        found.append(Phrase(f"um halb {following.de}", f"at half past {hour.en}"))
        found.append(Phrase(f"um Viertel nach {hour.de}", f"at a quarter past {hour.en}"))
        found.append(Phrase(f"um Viertel vor {hour.de}", f"at a quarter to {hour.en}"))
    return tuple(found)


# ------------------------------------------------------------------------------------------------
# Noun phrases and pronouns
# ------------------------------------------------------------------------------------------------

CASES = ("nom", "acc", "dat")
DER = {"m": "der den dem", "f": "die die der", "n": "das das dem", "p": "die die den"}
# Endings of dieser; of ein, kein, mein; "-" for none.
DIESER = {"m": "er en em", "f": "e e er", "n": "es es em", "p": "e e en"}
EIN = {"m": "- en em", "f": "e e er", "n": "- - em", "p": "e e en"}
# Adjective endings after der and dieser; after ein, kein, mein; without article.
WEAK = {"m": "e en en", "f": "e e en", "n": "e e en", "p": "en en en"}
MIXED = {"m": "er en en", "f": "e e en", "n": "es es en", "p": "en en en"}
STRONG = {"m": "er en em", "f": "e e er", "n": "es es em", "p": "e e en"}
# An article before the adjective's stem: "teures".
STEMS = {"teuer": "teur", "dunkel": "dunkl"}
DETERMINERS = {"der": "the", "dieser": "this", "mein": "my", "dein": "your", "sein": "his"} | {
    "ihr": "her", "unser": "our", "euer": "your", "Ihr": "your", "": ""
}  # fmt: skip


def ending(endings: dict[str, str], gender: str, case: str) -> str:
    """Look up a table like `DER`."""
    return endings[gender].split()[CASES.index(case)].strip("-")


@cache
def german_article(article: str, gender: str, case: str) -> str:
    """Decline "der", "dieser", "ein" and what is declined like it."""
    if article == "der":
        return ending(DER, gender, case)
    if article == "dieser":
        return "dies" + ending(DIESER, gender, case)
    suffix = ending(EIN, gender, case)
    return ("eur" if article == "euer" and suffix else article) + suffix


@cache
def noun_phrase(
    noun: Noun,
    article: str = "der",
    case: str = "nom",
    *,
    plural: bool = False,
    adjective: Phrase | None = None,
    number: Phrase = NOTHING,
    determiner: str = "",
) -> Phrase:
    """Decline article, adjective and noun: ("mein", "dat", alt) → "meinem alten Freund".

    Args:
        noun: what it is about; names stay as they are.
        article: der, dieser, ein, kein, a possessive, or "" for none.
        case: nom, acc or dat.
        plural: in the plural.
        adjective: stands before the noun.
        number: stands before the noun instead of an article.
        determiner: the English for the article, where it does not follow ("ihr": her, their).
    """
    if noun.name:
        return Phrase(noun.de, noun.en)
    gender = "p" if plural else noun.gender
    countable = gender != "p" and not noun.mass
    bare = not article or (article == "ein" and not countable)
    german = noun.de_plural if plural or (noun.weak and case != "nom") else noun.de
    if gender == "p" and case == "dat" and not german.endswith(("n", "s")):
        german += "n"
    english = noun.en_plural if plural else noun.en
    if adjective:
        endings = STRONG if bare else WEAK if article in ("der", "dieser") else MIXED
        stem = STEMS.get(adjective.de, adjective.de)
        german = f"{stem}{ending(endings, gender, case)} {german}"
        english = f"{adjective.en} {english}"
    if article in ("ein", "kein"):
        determiner = "any" if article == "kein" else ""
        if countable:
            determiner = "an" if english[0] in "aeiou" else "a"
    elif not determiner:
        determiner = "these" if article == "dieser" and gender == "p" else DETERMINERS[article]
    german = words(number.de, "" if bare else german_article(article, gender, case), german)
    return Phrase(german, words(number.en, determiner, english))


CONTRACTIONS = [
    pair.split("=")
    for pair in """in dem =im |an dem =am |zu dem =zum |zu der =zur |von dem =vom |bei dem =beim |
    in das =ins |an das =ans """.replace("\n    ", "").split("|")
]


def join_preposition(preposition: str, german: str) -> str:
    """Preposition and noun phrase, contracted as in "im", "zum", "ins"."""
    joined = f"{preposition} {german}"
    for long, short in CONTRACTIONS:
        if joined.startswith(long):
            return f"{short.strip()} {joined[len(long) :]}"
    return joined


@dataclass(frozen=True)
class Subject:
    """Who or what a clause is about, in the nominative."""

    de: str
    en: str
    person: int  # ich, du, er/sie/es, wir, ihr, sie/Sie
    key: str  # the lemma in the combination
    gender: str = ""
    owner: tuple[str, str] = ("", "")  # the subject's own: ("sein", "his")


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun as object, and who does not do it to them; `de` is the accusative."""

    de: str
    dative: str
    en: str
    not_by: str = ""

    def in_case(self, case: str) -> Phrase:
        """The pronoun as direct ("acc") or indirect ("dat") object."""
        return Phrase(self.dative if case == "dat" else self.de, self.en)


@dataclass(frozen=True)
class Gap:
    """A direct object known already: its lemma, and what stands for it, if anything."""

    de: str
    phrase: Phrase = NOTHING


PERSONAL = {"m": Phrase("er", "he"), "f": Phrase("sie", "she"), "p": Phrase("sie", "they")}
THING = {"m": "er", "f": "sie", "n": "es", "p": "sie"}
THING_OBJECT = {"m": "ihn", "f": "sie", "n": "es", "p": "sie"}
# Nobody owns as a neuter: whether the girl's dog is "ihr" or "sein" divides the Germans.
OWNERS = {"m": ("sein", "his"), "f": ("ihr", "her"), "n": ("", ""), "p": ("ihr", "their")}
ICH = Subject("ich", "I", 0, "ich", owner=("mein", "my"))
DU = Subject("du", "you", 1, "du", owner=("dein", "your"))
WIR = Subject("wir", "we", 3, "wir", owner=("unser", "our"))
IHR = Subject("ihr", "you", 4, "ihr", owner=("euer", "your"))
SIE = Subject("Sie", "you", 5, "Sie", owner=("Ihr", "your"))
HE, SHE = (Subject(PERSONAL[g].de, PERSONAL[g].en, 2, PERSONAL[g].de, g, OWNERS[g]) for g in "mf")
THEY = Subject("sie", "they", 5, "sie (plural)", "p", OWNERS["p"])
WHO = Subject("wer", "who", 2, "wer")
OBJECT_PRONOUNS = (
    Pronoun("mich", "mir", "me", "ich wir"),
    Pronoun("dich", "dir", "you", "du ihr Sie"),
    Pronoun("uns", "uns", "us", "ich wir"),
    Pronoun("Sie", "Ihnen", "you", "du ihr Sie"),
    Pronoun("ihn", "ihm", "him"),
    Pronoun("sie", "ihr", "her"),
)


@cache
def named(
    noun: Noun, article: str = "der", *, plural: bool = False, adjective: Phrase | None = None
) -> Subject:
    """A noun as subject."""
    phrase = noun_phrase(noun, article, plural=plural, adjective=adjective)
    gender = "p" if plural else noun.gender
    return Subject(phrase.de, phrase.en, 5 if gender == "p" else 2, noun.de, gender, OWNERS[gender])


def it(subject: Subject) -> Subject:
    """A thing named before: a pronoun of its gender in German, "it" in English."""
    english = "they" if subject.gender == "p" else "it"
    return replace(subject, de=THING[subject.gender], en=english)


# ------------------------------------------------------------------------------------------------
# Verbs
# ------------------------------------------------------------------------------------------------

STRONG_FORMS = {forms[0]: forms[1:] for forms in map(str.split, lexicon.STRONG_VERBS.split("|"))}
PRESENT_FORMS = {verb: forms.split() for verb, forms in table(lexicon.PRESENT).items()}
ENGLISH_WORDS = lexicon.ENGLISH_PAST.split()
ENGLISH_STRONG = dict(zip(ENGLISH_WORDS[::2], ENGLISH_WORDS[1::2], strict=True))
TAKES_SEIN, IS_TOLD = frozenset(lexicon.SEIN_VERBS.split()), frozenset(lexicon.TOLD.split())
DOUBLES = frozenset(lexicon.DOUBLING.split())
NEEDS_E = ("t", "d", "fn", "gn")  # arbeit-e-t, find-e-t, öffn-e-t, regn-e-t


@cache
def split_verb(verb: str) -> tuple[bool, str, str]:
    """Take apart "sich_aus|ruhen": reflexive, separable prefix "aus", base "ruhen"."""
    prefix, _, base = verb.removeprefix("sich_").rpartition("|")
    return verb.startswith("sich_"), prefix.replace("_", " "), base


def stem_of(base: str) -> str:
    """What the endings of an infinitive's verb are joined to."""
    return base.removesuffix("n").removesuffix("e")


@cache
def principal_parts(base: str) -> tuple[str, str, str]:
    """The er-form, past and participle: looked up, or by the rule for weak verbs."""
    if base in STRONG_FORMS:
        er, past_form, participle = STRONG_FORMS[base]
        return er, past_form, participle
    stem = stem_of(base)
    stem += "e" if stem.endswith(NEEDS_E) else ""
    bare = base.startswith(("be", "ver", "er", "ent", "ge")) or base.endswith("ieren")
    return stem + "t", stem + "te", ("" if bare else "ge") + stem + "t"


@cache
def present(base: str, person: int) -> str:
    """The present of a verb without prefix."""
    if base in PRESENT_FORMS:
        return PRESENT_FORMS[base][person]
    er, stem = principal_parts(base)[0], stem_of(base)
    root = er if stem.endswith("t") and not er.endswith("et") else er.removesuffix("t")
    du = root + ("t" if root.endswith(("s", "ß", "z")) else "st")  # "liest", but "lädst", "brätst"
    return (stem + "e", du, er, base, stem + ("et" if stem.endswith(NEEDS_E) else "t"), base)[
        person
    ]


def past(base: str, person: int) -> str:
    """The Präteritum of a verb without prefix, or of a modal in it."""
    form = base if base in PAST_MODALS else lexicon.PAST.get(base) or principal_parts(base)[1]
    plural, soft = "n" if form.endswith("e") else "en", "e" if form.endswith(("t", "d")) else ""
    return form + ("", soft + "st", "", plural, soft + "t", plural)[person]


def infinitive(verb: str, zu: bool = False) -> str:
    """The infinitive of "zu|machen": "zumachen", with zu "zuzumachen"."""
    _, prefix, base = split_verb(verb)
    if not zu:
        return prefix + base
    return f"{prefix}zu{base}" if prefix and not prefix.endswith(" ") else f"{prefix}zu {base}"


def imperative(verb: str, person: int) -> str:
    """The imperative for du, ihr or Sie, without its prefix."""
    base = split_verb(verb)[2]
    if person != 1:
        return present(base, person) + (" Sie" if person == 5 else "")
    er, stem = principal_parts(base)[0], stem_of(base)
    if "i" in er and "i" not in stem:  # nimmt → nimm, liest → lies
        return er.removesuffix("t")
    return stem + ("e" if stem.endswith((*NEEDS_E, "ig", "er")) else "")


PAST_MODALS = ("konnte", "musste", "wollte", "durfte")
# Each tense in English: auxiliary, what comes before the verb, form of the first word.
TENSES = {
    "present": ("", "", "progressive"),
    "simple": ("", "", "present"),
    "perfect": ("", "", "past"),
    "past": ("", "", "past"),
    "future": ("will", "", "present"),
    "können": ("can", "", "present"),
    "könnten": ("could", "", "present"),
    "würden": ("would", "", "present"),
    "sollen": ("should", "", "present"),
    "möchten": ("would", "like to ", "present"),
    "müssen": ("", "have to ", "present"),
    "wollen": ("", "want to ", "present"),
    "dürfen": ("", "be allowed to ", "present"),
    "konnte": ("could", "", "present"),
    "musste": ("", "have to ", "past"),
    "wollte": ("", "want to ", "past"),
    "durfte": ("", "be allowed to ", "past"),
}


@cache
def verb_bracket(verb: str, tense: str, person: int) -> tuple[str, str]:
    """Both ends of the German verb bracket: ("kommt", "an"), ("ist", "angekommen")."""
    _, prefix, base = split_verb(verb)
    if tense in ("present", "simple"):
        return present(base, person), prefix.strip()
    if tense == "past":
        return past(base, person), prefix.strip()
    if tense == "perfect":
        auxiliary = "sein" if verb in TAKES_SEIN else "haben"
        return present(auxiliary, person), prefix + principal_parts(base)[2]
    if tense in PAST_MODALS:
        return past(tense, person), infinitive(verb)
    return present("werden" if tense == "future" else tense, person), infinitive(verb)


@cache
def english_form(word: str, form: str) -> str:
    """The past, the -ing form or the third person of an English verb."""
    if form == "past":
        regular = word[:-1] + "ied" if word[-1] == "y" and word[-2] not in "aeiou" else word + "ed"
        return ENGLISH_STRONG.get(word) or (word + "d" if word.endswith("e") else regular)
    if form == "progressive":
        if word.endswith("ie"):
            return word[:-2] + "ying"
        stem = word + word[-1] if word in DOUBLES else word
        return (stem[:-1] if stem.endswith("e") and not stem.endswith("ee") else stem) + "ing"
    return {"have": "has", "go": "goes"}.get(word) or english_plural(word)


@cache
def english_verb(vp: str, tense: str, person: int, *, expand: bool, plain: bool) -> tuple[str, str]:
    """The auxiliary and the rest of an English verb phrase.

    Args:
        vp: verb phrase, its first word in the base form.
        tense: a key of `TENSES`.
        person: of the German subject.
        expand: force an auxiliary, as questions and "not" need it: "does ... come".
        plain: never progressive.
    """
    auxiliary, before, form = TENSES[tense]
    if auxiliary:
        return auxiliary, before + vp
    first, _, rest = (before + vp).partition(" ")
    in_past, third = form == "past", person == 2
    forms = "was were was were were were" if in_past else "am are is are are are"
    be = forms.split()[person]
    if first == "be":
        return be, rest
    if form == "progressive" and not plain:
        return be, words(english_form(first, form), rest)
    if expand:
        return "did" if in_past else "does" if third else "do", words(first, rest)
    if in_past or third:
        first = english_form(first, "past" if in_past else "third")
    return "", words(first, rest)


def past_tense(tense: str, verb: str, state: bool, person: int) -> str:
    """Which past Germans would use: hardly anybody says "du kauftest" or "ich bin müde gewesen"."""
    if person in (1, 4):
        return "past" if verb in ("sein", "haben") else "perfect"
    return "past" if state or (tense == "past" and verb in IS_TOLD) else "perfect"


def negated(auxiliary: str) -> str:
    """An auxiliary with "not"."""
    return {"am": "am not", "can": "can't", "will": "won't"}.get(auxiliary, auxiliary + "n't")


# ------------------------------------------------------------------------------------------------
# Clauses
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clause:
    """One filled frame, not yet in any tense or word order."""

    subject: Subject
    verb: str
    english: str  # the verb phrase, its first word in the base form
    pronouns: tuple[str, ...] = ()  # stand before everything else
    objects: tuple[str, ...] = ()  # stand before "nicht"
    tail: tuple[str, ...] = ()  # stand behind "nicht"
    negative: str = ""  # "nicht", or "kein" that an object carries
    state: bool = False
    plain: bool = False  # takes the English simple present
    objects_named: tuple[tuple[Noun, str], ...] = ()  # with the gender in use, "p" for plurals


def say(
    clause: Clause,
    tense: str,
    order: str = "main",
    *,
    lead: Phrase = NOTHING,
    time: Phrase = NOTHING,
    often: Phrase = NOTHING,
) -> Phrase:
    """Put a clause into words of both languages.

    Args:
        clause: what is said.
        tense: a key of `TENSES`; `past_tense` has the last word on the two pasts.
        order: "main" (German verb second), "question" (verb first, or second after the lead),
            "sub" (verb last), "zu" (infinitive) or "bare" (no subject, as in a second verb).
        lead: opens the clause: an adverb, a question word, a conjunction.
        time: an adverb that English puts last.
        often: an adverb that English puts before the verb.
    """
    subject = Subject("", "", clause.subject.person, "") if order == "bare" else clause.subject
    if tense in ("perfect", "past"):
        tense = past_tense(tense, clause.verb, clause.state, subject.person)
    finite, rest = verb_bracket(clause.verb, tense, subject.person)
    middle = words(
        ("mich", "dich", "sich", "uns", "euch", "sich")[subject.person]
        if clause.verb.startswith("sich_")
        else "",
        *clause.pronouns,
        time.de,
        often.de,
        *clause.objects,
        clause.negative.removeprefix("kein"),
        *clause.tail,
    )
    if order == "sub":
        # At the end a separated prefix meets its verb again: "ankommt".
        separated = tense in ("present", "simple", "past") and rest and "_|" not in clause.verb
        german = words(
            lead.de, subject.de, middle, rest + finite if separated else words(rest, finite)
        )
    elif order == "zu":
        german = words(lead.de, middle, infinitive(clause.verb, zu=True))
    elif order == "question" or lead.de:
        german = words(lead.de, finite, subject.de, middle, rest)
    else:
        german = words(subject.de, finite, middle, rest)

    if order == "zu":
        return Phrase(german, words(lead.en, "to", clause.english, time.en))
    expand = bool(clause.negative) or order == "question"
    plain = clause.plain or clause.state
    auxiliary, verb = english_verb(
        clause.english, tense, subject.person, expand=expand, plain=plain
    )
    auxiliary = negated(auxiliary) if clause.negative else auxiliary
    inverted = (auxiliary, subject.en) if order == "question" else (subject.en, auxiliary)
    return Phrase(german, words(lead.en, *inverted, often.en, verb, time.en))


def end(phrase: Phrase, mark: str = ".") -> Phrase:
    """Capital letter and final mark; a phrase may bring its own question mark."""
    german, english = phrase
    if english.endswith("?"):
        english, mark = english[:-1], "?"
    return Phrase(german[0].upper() + german[1:] + mark, english[0].upper() + english[1:] + mark)


def join(first: Phrase, link: str, second: Phrase) -> Phrase:
    """Two phrases with a "German = English" link; a comma in it clings to the first.

    A question mark behind the first moves to the end: "do you know?", "that he is here?".
    """
    german, _, english = link.partition("=")
    german = words(first.de, german.strip(), second.de).replace(" ,", ",")
    english = words(first.en.rstrip("?"), english.strip(), second.en).replace(" ,", ",")
    return Phrase(german, english + "?" * first.en.endswith("?"))


def opened_by(opening: Phrase, clause: Clause, tense: str, often: Phrase = NOTHING) -> Phrase:
    """A subordinate clause takes the first place: "Als es regnete, ging ich ..."."""
    return say(clause, tense, lead=Phrase(opening.de + ",", opening.en + ","), often=often)


# ------------------------------------------------------------------------------------------------
# Frames
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """A complement that a frame asks for: a declined noun, or one of some fixed phrases."""

    preposition: str = ""
    case: str = ""
    classes: str = ""
    articles: tuple[str, ...] = ()
    fixed: tuple[Phrase, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether it is a direct object."""
        return self.case == "acc" and not self.preposition


@dataclass(frozen=True)
class Frame:
    """A line of `lexicon.FRAMES` or `lexicon.SCENES`."""

    subjects: str
    verb: str
    slots: tuple[Slot, ...]
    english: str
    tags: frozenset[str]


def read_slot(text: str) -> Slot:
    """Read a complement of a frame."""
    head, _, tail = text.partition(":")
    if head in ("to", "at", "from"):
        return Slot(fixed=places(head, tail))
    if head == "clock":
        return Slot(fixed=clock_times())
    if "=" in text:
        return Slot(fixed=phrases(text, "/"))
    *preposition, case = head.split()
    classes, _, articles = tail.partition(":")
    return Slot(" ".join(preposition), case, classes, tuple(articles.split(",")))


UNWILLED = {"state", "mishap", "find", "unwilled"}


def read_frame(line: str) -> Frame:
    """Read a line of `lexicon.FRAMES`, and add the tags that need no writing.

    They are state or event, plain, human, and doing: what somebody does on purpose.
    """
    subjects, verb, slots, english, topics = (cell.strip() for cell in (line + " ").split(" | "))
    tags = set(topics.split()) | {"state" if english.startswith("~") else "event"}
    tags |= {"plain"} if english[0] in "~!" else set()
    if subjects in ("who", "adult"):
        tags |= {"human"} if tags & UNWILLED else {"human", "doing"}
    return Frame(
        subjects, verb, tuple(read_slot(slot.strip()) for slot in slots.split(";")),
        english.lstrip("~!"), frozenset(tags),
    )  # fmt: skip


ALL_FRAMES = tuple(read_frame(line) for line in lines_of(lexicon.FRAMES))
ALL_SCENES = tuple(read_frame(line) for line in lines_of(lexicon.SCENES))
BESIDE = tuple(read_frame(line) for line in lines_of(lexicon.BESIDE))
# The reasons of each topic that are true of the thing, and those that are true of the person.
BESIDE_REASONS = {
    topic: tuple(phrases(side) for side in content.split(" / "))
    for topic, content in table(lexicon.BESIDE_REASONS).items()
}


@cache
def frames_with(tags: str, lemma: str = "") -> tuple[Frame, ...]:
    """Frames with all the tags; given a lemma, those it can be the direct object of ("?": any)."""

    def takes(slot: Slot) -> bool:
        if not slot.direct or slot.classes == "person":
            return False
        return lemma == "?" or NOUN[lemma] in nouns_of(slot.classes)

    found = [frame for frame in ALL_FRAMES if set(tags.split()) <= frame.tags]
    return tuple(frame for frame in found if not lemma or any(map(takes, frame.slots)))
