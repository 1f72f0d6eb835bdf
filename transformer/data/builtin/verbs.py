"""Verbs in every person and tense, German and English."""

from __future__ import annotations

from functools import cache

from .lexicon import LEXICON
from .nouns import english_plural
from .phrases import words

STRONG_FORMS = {forms[0]: forms[1:] for forms in map(str.split, LEXICON.strong_verbs.split("|"))}
PRESENT_FORMS = {verb: forms.split() for verb, forms in LEXICON.present.items()}
ENGLISH_STRONG = dict(map(str.split, LEXICON.english_past.split("|")))
TAKES_SEIN, IS_TOLD = frozenset(LEXICON.sein_verbs.split()), frozenset(LEXICON.told.split())
DOUBLES = frozenset(LEXICON.doubling.split())
NEEDS_E = ("t", "d", "fn", "gn")  # arbeit-e-t, find-e-t, öffn-e-t, regn-e-t

PAST_MODALS = ("konnte", "musste", "wollte", "durfte")


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
    form = base if base in PAST_MODALS else LEXICON.past.get(base) or principal_parts(base)[1]
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
