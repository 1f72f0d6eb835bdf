"""The built-in German-English corpus: everyday sentences from a small hand-written grammar.

It lets a learner train a real translation model in minutes, offline, and look closely at one
question: in "Die Pizza kam aus dem Ofen und sie schmeckte gut", how does a model know that *sie* is
the pizza and not the oven? German marks it by gender, so gender is everywhere in this corpus.

**How a sentence is made.** A *frame* says who does what ("who | kochen | acc:cooked:ein |
cook {0}"). `event` fills a frame with nouns and gives a `Clause`; `say` puts a clause into words of
both languages, in a tense and a word order; a *pattern* combines clauses to a sentence. Each file
imports only files named before it:

- The words: `lexicon.yaml` has nouns, verbs and frames. To add one, add a line to a table.
  `lexicon.py` reads it.
- How it is said; nothing here is random. `phrases.py`: the same thing in both languages.
  `nouns.py`: nouns by class, and adjectives. `places.py`: where and at what time.
  `declension.py`: articles and endings. `pronouns.py`: persons and pronouns. `verbs.py`:
  conjugation. `clauses.py`: word order, `say`. `frames.py`: the frames.
- What is said, drawn at random. `splits.py`: the split of a combination. `drawing.py`: random
  choices that keep to one split. `filling.py`: clauses, `event`. `people.py`, `things.py` and
  `antecedents.py`: the patterns. `corpus.py`: how often each is drawn, and `sample_pairs`. To add
  a pattern, write a function that draws one sentence, and add it to `PATTERNS`.

**How the splits are made.** A clause has a combination: the lemmas of its subject, its verb and its
complements, whatever the tense, the article, the number or the word order ("Vater backen Kuchen").
A hash of the combination alone decides its split, and *every* clause of a sentence must belong to
the sentence's split. So if "Gestern hat mein Vater einen Kuchen gebacken" is in test, no training
sentence of any pattern tells of a father who bakes a cake, though fathers, baking and cakes all
occur. What carries no combination: adverbs, adjectives before nouns, stock openers ("Ich glaube,
dass ..."), the sun and the rain in a subordinate clause. Set phrases and the sentences of the
README (`ANCHORS`) have nothing to recombine and are training data only. Held-out sentences use no
word that the default training pairs lack.

**What English to expect.** The translation is a function of the German sentence:

- Present: progressive for what happens ("liest" → "is reading"), simple for states, habits,
  timetables and beside "wenn". Perfect and Präteritum alike: simple past.
- du, ihr, Sie → you. "Sie" with a plural verb never opens a sentence: it could be you or they.
- kein → "not a" or "not any"; wenn → if; ob → whether; müssen → have to.
- A pronoun for the subject of the clause before is "it". A pronoun that can only mean the other
  thing repeats its noun, since an English "it" would hide what German shows: "Die Pizza kam aus dem
  Ofen und er war noch heiß." → "... and the oven was still hot."
"""
