"""Names of people and towns that a translation must not change: the common ones of two languages.

A model that has seldom seen a surname takes it for the word that it also is: Klaus Fuchs becomes
Klaus fox. So a word is a surname here if it has a title or a given name before it. A town is one
that German and English call the same.
"""

import re
from collections.abc import Callable, Iterator

_GIVEN = """
Aaron Achim Adam Adrian Agnes Albert Alexander Alexandra Alfred Alice Alina Amanda Amy Andrea
Andreas Andrew Angela Angelika Anja Anke Ann Anna Anne Annika Antje Anton Antonia Armin Arthur
Astrid Axel Barbara Beate Ben Benjamin Bernd Bernhard Bettina Birgit Brian Brigitte Bruno Burkhard
Carina Carl Carla Carmen Carol Caroline Carolin Carsten Catherine Charles Charlotte Chloe Christa
Christian Christiane Christina Christine Christoph Christopher Clara Claudia Clemens Cornelia
Daniel Daniela David Deborah Dennis Detlef Diana Dieter Dietmar Dirk Dominik Donald Doris Dorothea
Edith Edward Elena Elfriede Elias Elisabeth Elizabeth Elke Ella Ellen Emil Emilia Emily Emma Eric
Erich Erik Erika Erwin Esther Eva Evelyn Fabian Felix Ferdinand Fiona Florian Frank Franz
Franziska Frederik Friederike Friedrich Fritz Gabi Gabriel Gabriele Georg George Gerald Gerd Gerda
Gerhard Gertrud Gisela Grace Gregor Greta Gudrun Guido Günter Günther Gustav Hanna Hannah
Hannelore Hannes Hans Harald Harry Hartmut Heather Heide Heidi Heike Heiko Heiner Heinrich Heinz
Helen Helena Helga Helmut Henning Henrik Henry Herbert Hermann Hilde Hildegard Holger Horst Hubert
Hugo Ian Ilse Ina Ines Inga Inge Ingeborg Ingo Ingrid Irene Isabel Isabella Isabelle Ivan Jack
Jacob Jakob James Jan Jana Jane Janet Janina Jasmin Jason Jennifer Jens Jeremy Jessica Jim Joachim
Joan Jochen Joe Johann Johanna Johannes John Jonas Jonathan Jörg Josef Joseph Joshua Judith Jule
Julia Julian Juliane Jürgen Jutta Karen Karin Karina Karl Karla Karsten Katharina Katherine
Kathrin Katja Katrin Kenneth Kerstin Kevin Kirsten Klara Klaus Konrad Konstantin Kurt Lara Larissa
Lars Laura Lea Lena Leo Leon Leonie Linda Lina Lisa Lothar Louis Louisa Louise Luca Lucas Lucia
Lucy Ludwig Luis Luisa Lukas Lutz Magdalena Maik Maja Malte Manfred Manuel Manuela Marc Marcel
Marco Marcus Margaret Margarete Margit Maria Marianne Marie Marina Mario Marion Markus Marlene
Marta Martha Martin Martina Matthew Matthias Maximilian Melanie Merle Michael Michaela Michelle
Mia Mike Milena Mira Miriam Mirko Monika Moritz Nadine Nadja Nancy Natalie Nico Nicola Nicole
Nicolas Niklas Nils Nina Nora Norbert Olaf Ole Oliver Olivia Oskar Otto Patricia Patrick Paul
Paula Pauline Peter Petra Philip Philipp Pia Rachel Rainer Ralf Ralph Ramona Rebecca Regina
Reinhard Renate Richard Rita Robert Roland Rolf Ronald Rosemarie Roswitha Rüdiger Rudolf Ruth Ryan
Sabine Sabrina Sally Samantha Samuel Sandra Sara Sarah Sascha Scott Sebastian Selina Sibylle
Siegfried Sigrid Silke Silvia Simon Simone Sofia Sofie Sonja Sophia Sophie Stefan Stefanie Steffen
Stephan Stephanie Stephen Steven Susan Susanne Svenja Sven Sylvia Tanja Tatjana Theodor Theresa
Thomas Thorsten Tim Timo Tina Tobias Tom Torsten Udo Ulf Ulla Ulrich Ulrike Ursula Uta Ute Uwe
Valentin Valerie Vanessa Vera Verena Veronika Victoria Viktor Vincent Volker Walter Waltraud
Werner Wilfried Wilhelm William Wolfgang Yvonne
"""
_SURNAMES = """
Adams Albrecht Allen Anderson Arnold Bachmann Bailey Baker Barnes Bauer Baumann Becker Beck Bell
Bennett Berger Bergmann Böhm Brandt Braun Brooks Brown Bryant Busch Butler Campbell Carter Clark
Collins Cook Cooper Cox Davis Dietrich Edwards Engel Ernst Evans Fischer Fisher Foster Frank
Franke Friedrich Fuchs Garcia Gonzalez Graf Gray Green Griffin Groß Günther Haas Hahn Hall Harris
Hartmann Heinrich Henderson Herrmann Hill Hofmann Hoffmann Horn Howard Huber Hughes Hunter Jackson
Jäger James Jenkins Johnson Jones Jung Kaiser Keller Kelly King Klein Koch Köhler König Krämer
Kraus Krause Krüger Kuhn Kühn Lang Lange Lee Lehmann Lewis Long Lorenz Ludwig Maier Martin
Martinez Mason Mayer Meier Meyer Miller Mitchell Möller Moore Morgan Morris Müller Murphy Myers
Nelson Neumann Otto Parker Patterson Perry Peters Peterson Pfeiffer Phillips Pohl Powell Price
Reed Richardson Richter Roberts Robinson Rogers Ross Roth Russell Sanders Sauer Schäfer Schmid
Schmidt Schmitt Schneider Scholz Schreiber Schröder Schubert Schulte Schulz Schulze Schumacher
Schuster Schwarz Scott Seidel Simmons Simon Smith Sommer Stein Stewart Sullivan Taylor Thompson
Turner Vogel Vogt Voigt Wagner Walker Walter Ward Watson Weber Weiß Werner White Williams Wilson
Winkler Winter Wolf Wolff Wood Wright Young Ziegler Zimmermann
"""
_TOWNS = """
Aachen Aberdeen Amsterdam Atlanta Augsburg Bamberg Bangkok Barcelona Basel Bayreuth Belfast Berlin
Bern Bielefeld Birmingham Bochum Bologna Bonn Boston Bottrop Bremen Bremerhaven Brighton Bristol
Budapest Cambridge Cardiff Chemnitz Chicago Cottbus Cuxhaven Dallas Darmstadt Denver Detroit
Dortmund Dresden Dublin Duisburg Düsseldorf Edinburgh Eisenach Erfurt Erlangen Flensburg Frankfurt
Freiburg Fürth Gelsenkirchen Gera Gießen Glasgow Göttingen Graz Greifswald Gütersloh Hamburg Hanau
Heidelberg Heilbronn Helsinki Hildesheim Houston Ingolstadt Innsbruck Istanbul Jena Kaiserslautern
Karlsruhe Kassel Kiel Klagenfurt Koblenz Konstanz Krefeld Lausanne Leeds Leipzig Leverkusen Linz
Liverpool London Lübeck Ludwigsburg Ludwigshafen Lüneburg Madrid Magdeburg Mainz Manchester
Mannheim Marburg Melbourne Miami Mönchengladbach Mülheim Münster Neuss Nottingham Oberhausen
Offenbach Oldenburg Osnabrück Oslo Oxford Paderborn Paris Passau Pforzheim Plymouth Potsdam
Ravensburg Recklinghausen Regensburg Remscheid Reutlingen Rosenheim Rostock Saarbrücken Salzburg
Salzgitter Schwerin Seattle Sheffield Solingen Southampton Stockholm Stralsund Stuttgart Sydney
Toronto Trier Tübingen Ulm Vancouver Weimar Wiesbaden Winterthur Wolfsburg Wuppertal Würzburg
Zwickau
"""
GIVEN = frozenset(_GIVEN.split())
SURNAMES = frozenset(_SURNAMES.split())
TOWNS = frozenset(_TOWNS.split())

_OTHERWISE = """
Charles Elisabeth Elizabeth Frank Georg George Grace Johannes John Josef Joseph Karl Katharina
Katherine Lucas Lukas Marc Marcus Maria Markus Matthew Philip Philipp Sara Sarah Wilhelm William
"""
_GIVEN_ALIKE = GIVEN - frozenset(_OTHERWISE.split())
"""Those that no translator has another name for, and that are no words."""

_TITLES = r"Frau|Fräulein|Herrn?|Dr\.|Prof\.|Familie|Mr\.?|Mrs\.?|Ms\.?|Miss"
_NO_SURNAME = re.compile(
    r"(?i)\w*(?:doktor|professor|präsident|minister|kanzler|direktor|richter|meister|anwalt|lehrer|"
    r"leiter|general|nachbar|kollege?|chef)(?:in)?|president|chairman|speaker|secretary|judge|universe|"
    r"world|america|right|perfect"
)
_WORD = r"[^\W\d_]+(?:['’-](?!s\b)[^\W\d_]+)*"
_BEFORE, _AFTER = r"(?<![\w.@/'’-])", r"(?![\w@/]|\.\w)"
_PERSON = re.compile(rf"{_BEFORE}(?P<first>{_TITLES}|{_WORD}) (?P<last>{_WORD}){_AFTER}")
_ALONE = re.compile(rf"{_BEFORE}(?P<word>[^\W\d_]+){_AFTER}(?!-)")


def find_names(text: str, is_rare: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Yields where names of persons and towns start and end; one may be within another.

    Of a person with a title only the surname is one.

    Args:
        text: a sentence of German or English.
        is_rare: true of a word that the model hardly knows. Such a one behind a given name is a
            surname, if it has a capital.
    """
    start = 0
    while match := _PERSON.search(text, start):
        first, last = match["first"], match["last"]
        start = match.start("last")
        if not last[0].isupper() or last.isupper() or len(last) < 3:
            continue
        if first in ("Frau", "Familie"):  # which are no titles in "als Frau Karriere machen"
            if _is_surname(last) or (first == "Frau" and is_rare(last)):
                yield match.span("last")
        elif re.fullmatch(_TITLES, first):
            if not _NO_SURNAME.fullmatch(last) and last not in GIVEN:
                yield match.span("last")
        elif _is_given(first) and (_is_surname(last) or is_rare(last)):
            yield match.span()
    for match in _ALONE.finditer(text):
        if match["word"] in TOWNS or match["word"] in _GIVEN_ALIKE:
            yield match.span()


def _is_given(word: str) -> bool:
    return all(part in GIVEN for part in word.split("-"))


def _is_surname(word: str) -> bool:
    return any(part in SURNAMES for part in word.split("-"))
