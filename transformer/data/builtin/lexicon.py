"""The words of the built-in corpus: tables to read, and to add to.

Tables are text, "name: entry | entry" unless a comment says otherwise; an indented line continues
the one above, and "German = English" says one thing in both languages. `grammar.py` reads
the tables, `corpus.py` draws sentences from them. A new entry shifts all later draws, so it
makes another corpus.
"""

# "article singular, plural = English[/irregular plural]". No plural: a mass noun, without article
# where others take "ein". "pl": plural only. "*": weak, in its plural form in every case but the
# nominative. A word alone is a name.
NOUNS = """
elder: der Vater, Väter = father | die Mutter, Mütter = mother | der Onkel, Onkel = uncle |
    die Tante, Tanten = aunt | der Großvater, Großväter = grandfather | pl Eltern = parents |
    die Großmutter, Großmütter = grandmother | pl Großeltern = grandparents
sibling: der Bruder, Brüder = brother | die Schwester, Schwestern = sister | der Sohn, Söhne = son |
    die Tochter, Töchter = daughter
friend: der Freund, Freunde = friend | die Freundin, Freundinnen = friend |
    der Nachbar*, Nachbarn = neighbor | die Nachbarin, Nachbarinnen = neighbor |
    der Kollege*, Kollegen = colleague | die Kollegin, Kolleginnen = colleague |
    der Lehrer, Lehrer = teacher | die Lehrerin, Lehrerinnen = teacher
stranger: der Mann, Männer = man/men | die Frau, Frauen = woman/women |
    der Student*, Studenten = student | die Studentin, Studentinnen = student |
    der Arzt, Ärzte = doctor | die Ärztin, Ärztinnen = doctor | der Gast, Gäste = guest |
    der Verkäufer, Verkäufer = salesman/salesmen |
    die Verkäuferin, Verkäuferinnen = saleswoman/saleswomen
child: der Junge*, Jungen = boy | das Mädchen, Mädchen = girl | das Kind, Kinder = child/children
woman: Anna | Maria | Julia | Lena | Sophie | Emma
man: Peter | Paul | Lukas | Thomas | Max | Jonas
dish: die Pizza, Pizzas = pizza | die Suppe, Suppen = soup | der Salat, Salate = salad |
    der Fisch, Fische = fish/fish | das Hähnchen, Hähnchen = chicken | der Reis = rice |
    die Wurst, Würste = sausage | der Eintopf, Eintöpfe = stew | das Ei, Eier = egg |
    der Auflauf, Aufläufe = casserole | die Kartoffel, Kartoffeln = potato/potatoes |
    die Lasagne, Lasagnen = lasagna | das Fleisch = meat
baked: der Kuchen, Kuchen = cake | das Brot = bread | die Torte, Torten = tart
pastry: das Brötchen, Brötchen = roll | der Keks, Kekse = cookie | die Brezel, Brezeln = pretzel
spread: der Käse = cheese | die Butter = butter | der Honig = honey | die Marmelade = jam
sweet: das Eis = ice cream | die Schokolade = chocolate
fruit: der Apfel, Äpfel = apple | die Banane, Bananen = banana | die Birne, Birnen = pear |
    die Orange, Orangen = orange | die Tomate, Tomaten = tomato/tomatoes |
    die Kirsche, Kirschen = cherry | die Erdbeere, Erdbeeren = strawberry
hot drink: der Kaffee = coffee | der Tee = tea | der Kakao = cocoa
cold drink: das Wasser = water | die Milch = milk | der Saft = juice | die Limonade = lemonade
alcohol: das Bier = beer | der Wein = wine
clothes: das Kleid, Kleider = dress | die Jacke, Jacken = jacket | der Mantel, Mäntel = coat |
    das Hemd, Hemden = shirt | der Rock, Röcke = skirt | die Bluse, Blusen = blouse |
    der Pullover, Pullover = sweater | der Hut, Hüte = hat | die Mütze, Mützen = cap
belonging: die Tasche, Taschen = bag | der Schlüssel, Schlüssel = key | das Handy, Handys = phone |
    der Regenschirm, Regenschirme = umbrella | die Uhr, Uhren = watch |
    der Koffer, Koffer = suitcase | der Rucksack, Rucksäcke = backpack |
    die Kamera, Kameras = camera | der Ball, Bälle = ball
furniture: der Tisch, Tische = table | der Stuhl, Stühle = chair | das Bett, Betten = bed |
    das Sofa, Sofas = sofa | der Schrank, Schränke = wardrobe | die Lampe, Lampen = lamp |
    das Regal, Regale = shelf/shelves | der Teppich, Teppiche = carpet |
    der Spiegel, Spiegel = mirror
device: das Radio, Radios = radio | der Fernseher, Fernseher = television |
    der Computer, Computer = computer | die Waschmaschine, Waschmaschinen = washing machine |
    der Kühlschrank, Kühlschränke = fridge | die Heizung, Heizungen = heater
reading: das Buch, Bücher = book | die Zeitung, Zeitungen = newspaper | der Brief, Briefe = letter |
    die E-Mail, E-Mails = email | der Roman, Romane = novel | das Gedicht, Gedichte = poem |
    die Geschichte, Geschichten = story
show: der Film, Filme = movie | die Serie, Serien = series/series | das Spiel, Spiele = game
own vehicle: das Auto, Autos = car | das Fahrrad, Fahrräder = bike |
    das Motorrad, Motorräder = motorcycle
public vehicle: der Bus, Busse = bus | der Zug, Züge = train | die Straßenbahn, Straßenbahnen = tram
pet: der Hund, Hunde = dog | die Katze, Katzen = cat | das Kaninchen, Kaninchen = rabbit
beast: das Pferd, Pferde = horse | der Vogel, Vögel = bird | die Kuh, Kühe = cow
gift: die Blume, Blumen = flower | das Geschenk, Geschenke = present | der Ring, Ringe = ring |
    die Karte, Karten = card | das Bild, Bilder = picture
crockery: der Teller, Teller = plate | die Tasse, Tassen = cup | das Glas, Gläser = glass |
    die Schüssel, Schüsseln = bowl | die Flasche, Flaschen = bottle
cutlery: der Löffel, Löffel = spoon | die Gabel, Gabeln = fork | das Messer, Messer = knife/knives
cookware: der Topf, Töpfe = pot | die Pfanne, Pfannen = pan
stove: der Ofen, Öfen = oven | der Herd, Herde = stove
building: das Haus, Häuser = house | die Wohnung, Wohnungen = apartment | das Hotel, Hotels = hotel
room: das Zimmer, Zimmer = room | die Küche, Küchen = kitchen | das Bad, Bäder = bathroom
opening: die Tür, Türen = door | das Fenster, Fenster = window
light: das Licht, Lichter = light
exercise: die Aufgabe, Aufgaben = exercise | die Frage, Fragen = question |
    die Prüfung, Prüfungen = exam
problem: das Problem, Probleme = problem
outing: die Reise, Reisen = trip | die Party, Partys = party | das Konzert, Konzerte = concert
paper: die Rechnung, Rechnungen = bill | die Fahrkarte, Fahrkarten = ticket
shop: der Supermarkt, Supermärkte = supermarket | die Bäckerei, Bäckereien = bakery |
    die Bank, Banken = bank | die Apotheke, Apotheken = pharmacy | das Café, Cafés = café
sight: der Bahnhof, Bahnhöfe = station | das Museum, Museen = museum | der Park, Parks = park |
    die Schule, Schulen = school | das Krankenhaus, Krankenhäuser = hospital |
    der Flughafen, Flughäfen = airport | die Bibliothek, Bibliotheken = library |
    das Theater, Theater = theater
"""

# Classes made of classes and of single nouns.
GROUPS = """
adult: elder+sibling+friend+stranger+woman+man
who: adult+child
person: sibling+friend+elder+stranger+child+woman+man
near: elder+sibling+friend+woman+man
male: Vater+Onkel+Großvater+Bruder+Sohn+Freund+Nachbar+man
female: Mutter+Tante+Großmutter+Schwester+Tochter+Freundin+Nachbarin+woman
food: dish+baked+pastry+fruit
drink: hot drink+cold drink
roast: Pizza+Kuchen+Brot+Auflauf+Lasagne+Hähnchen+Torte+Fisch
cooked: Suppe+Eintopf+Reis+Ei+Fleisch+Kartoffel+Fisch
fried: Fisch+Ei+Wurst+Fleisch+Kartoffel
electric: Radio+Fernseher+Computer+Heizung+Lampe+Licht+Waschmaschine
machine: own vehicle+Radio+Fernseher+Computer+Waschmaschine+Kühlschrank+Lampe+Uhr+Kamera
goods: clothes+furniture+Tasche+Handy+Regenschirm+Uhr+Koffer+Rucksack+Kamera+own vehicle
lost: belonging+Brief+Buch+Hut+Mütze+Jacke+Ring+Fahrkarte
surprise: Buch+Uhr+Ring+Ball+Bild+Blume+Kamera+Pullover+Rucksack
mail: Brief+E-Mail+Karte+Geschenk+Bild
portable: Buch+Zeitung+Brief+Handy+Schlüssel+Kamera+Karte
bulky: Geschenk+Ball+Kamera+Buch+Lampe+Mantel+Kleid+Spiegel+Radio+Bild
luggage: Koffer+Tasche+Rucksack
dirty: Auto+Teller+Glas+Tasse+Apfel+Hemd+Kleid+Pullover+Topf+Jacke
place: shop+sight
"""

# Adjectives that may stand before the nouns of a class, "German English".
ADJECTIVES = """
sibling: klein little
friend: nett nice | neu new
stranger: alt old | jung young | freundlich friendly
child: klein little | nett nice
dish: lecker delicious | frisch fresh
baked: lecker delicious | frisch fresh
pastry: lecker delicious | frisch fresh
spread: frisch fresh | gut good
fruit: frisch fresh | reif ripe | süß sweet
hot drink: heiß hot | stark strong
cold drink: kalt cold
alcohol: kalt cold | gut good
clothes: neu new | schön beautiful | rot red | blau blue | warm warm | grün green | schwarz black
belonging: neu new | alt old | klein small | schwarz black
furniture: neu new | alt old | groß big | schön beautiful
device: neu new | alt old | kaputt broken
reading: lang long | kurz short | interessant interesting
show: neu new | interessant interesting | lustig funny
own vehicle: neu new | alt old | rot red | schnell fast | teuer expensive
pet: klein small | groß big | schwarz black | weiß white | jung young
beast: schön beautiful | jung young
gift: schön beautiful | klein small
crockery: sauber clean | schmutzig dirty | neu new
cutlery: sauber clean | neu new
cookware: groß big | klein small
building: groß big | klein small | alt old | schön beautiful
exercise: schwierig difficult | leicht easy
problem: groß big
outing: lang long | schön beautiful
"""

# What can be said of the nouns of a class after "sein"; "+" one is glad of it, "-" one is not.
PREDICATES = """
dish: heiß hot | -kalt cold | +lecker delicious | fertig ready
roast: heiß hot | +noch warm still warm | fertig ready | +lecker delicious
baked: +frisch fresh | +lecker delicious | +süß sweet | fertig ready
pastry: +frisch fresh | +lecker delicious | -hart hard
spread: +frisch fresh | +lecker delicious
sweet: +lecker delicious | süß sweet
fruit: +reif ripe | +süß sweet | +frisch fresh | -hart hard
hot drink: heiß hot | -kalt cold | stark strong | -bitter bitter | fertig ready
cold drink: +kalt cold | -warm warm | +frisch fresh
alcohol: +kalt cold | -warm warm | -teuer expensive
clothes: +neu new | +schön beautiful | -teuer expensive | +billig cheap | +warm warm | rot red |
    -schmutzig dirty | -nass wet
belonging: +neu new | alt old | -kaputt broken | -teuer expensive | schwarz black | +schön beautiful
furniture: +neu new | alt old | -teuer expensive | +billig cheap | -kaputt broken | +schön beautiful
device: +neu new | alt old | -kaputt broken | -teuer expensive | -laut loud
reading: lang long | kurz short | +interessant interesting | -langweilig boring
show: lang long | +lustig funny | +interessant interesting | -langweilig boring
own vehicle: +neu new | alt old | -kaputt broken | -teuer expensive | +schnell fast |
    -schmutzig dirty
public vehicle: -voll full | leer empty | pünktlich on time
pet: klein small | groß big | müde tired | -nass wet | hungrig hungry | -schmutzig dirty
beast: groß big | müde tired | hungrig hungry | schön beautiful
gift: +schön beautiful | -teuer expensive | klein small
crockery: +sauber clean | -schmutzig dirty | leer empty | -kaputt broken | +neu new
cutlery: +sauber clean | -schmutzig dirty | +neu new
cookware: -noch heiß still hot | +sauber clean | -schmutzig dirty | leer empty | alt old
stove: -noch heiß still hot | alt old | +neu new | +sauber clean | -schmutzig dirty
building: groß big | klein small | alt old | -teuer expensive | +ruhig quiet
room: +sauber clean | -schmutzig dirty | groß big | klein small | +warm warm
opening: offen open | -geschlossen closed | groß big | -kaputt broken
exercise: -schwierig difficult | +leicht easy | wichtig important
outing: +schön beautiful | -langweilig boring | -teuer expensive | lang long
paper: -teuer expensive | +billig cheap
shop: offen open | -geschlossen closed | -voll full | +neu new
sight: groß big | alt old | +neu new
"""

# Base and comparative in both languages.
COMPARATIVES = """groß größer big bigger | klein kleiner small smaller | alt älter old older |
    neu neuer new newer | teuer teurer expensive more_expensive | billig billiger cheap cheaper |
    schnell schneller fast faster | schön schöner beautiful more_beautiful |
    lang länger long longer | schwierig schwieriger difficult more_difficult |
    leicht leichter easy easier | laut lauter loud louder |
    interessant interessanter interesting more_interesting | lustig lustiger funny funnier |
    warm wärmer warm warmer | süß süßer sweet sweeter | reif reifer ripe riper |
    stark stärker strong stronger | hart härter hard harder"""

# Where to, where, where from, in German and in English.
PLACES = """
home: nach Hause, zu Hause, von zu Hause = home, at home, from home
kitchen: in die Küche, in der Küche, aus der Küche = to the kitchen, in the kitchen, from the
    kitchen
garden: in den Garten, im Garten, aus dem Garten = to the garden, in the garden, from the garden
school: in die Schule, in der Schule, aus der Schule = to school, at school, from school
office: ins Büro, im Büro, aus dem Büro = to the office, at the office, from the office
work: zur Arbeit, bei der Arbeit, von der Arbeit = to work, at work, from work
supermarket: in den Supermarkt, im Supermarkt, aus dem Supermarkt = to the supermarket, at the
    supermarket, from the supermarket
bakery: in die Bäckerei, in der Bäckerei, aus der Bäckerei = to the bakery, at the bakery, from the
    bakery
market: auf den Markt, auf dem Markt, vom Markt = to the market, at the market, from the market
movies: ins Kino, im Kino, aus dem Kino = to the movies, at the movies, from the movies
theater: ins Theater, im Theater, aus dem Theater = to the theater, at the theater, from the theater
museum: ins Museum, im Museum, aus dem Museum = to the museum, at the museum, from the museum
restaurant: ins Restaurant, im Restaurant, aus dem Restaurant = to the restaurant, at the
    restaurant, from the restaurant
café: ins Café, im Café, aus dem Café = to the café, at the café, from the café
library: in die Bibliothek, in der Bibliothek, aus der Bibliothek = to the library, at the library,
    from the library
pool: ins Schwimmbad, im Schwimmbad, aus dem Schwimmbad = to the swimming pool, at the swimming
    pool, from the swimming pool
park: in den Park, im Park, aus dem Park = to the park, in the park, from the park
forest: in den Wald, im Wald, aus dem Wald = to the forest, in the forest, from the forest
lake: an den See, am See, vom See = to the lake, at the lake, from the lake
beach: an den Strand, am Strand, vom Strand = to the beach, at the beach, from the beach
mountains: in die Berge, in den Bergen, aus den Bergen = to the mountains, in the mountains, from
    the mountains
station: zum Bahnhof, am Bahnhof, vom Bahnhof = to the station, at the station, from the station
airport: zum Flughafen, am Flughafen, vom Flughafen = to the airport, at the airport, from the
    airport
hospital: ins Krankenhaus, im Krankenhaus, aus dem Krankenhaus = to the hospital, at the hospital,
    from the hospital
town: in die Stadt, in der Stadt, aus der Stadt = to the city, in the city, from the city
water: ins Wasser, im See, aus dem Wasser = into the water, in the lake, from the water
sea: ans Meer, im Meer, vom Meer = to the sea, in the sea, from the sea
"""
CITIES = "Berlin Hamburg Köln=Cologne München=Munich Wien=Vienna Paris London Rom=Rome"
COUNTRIES = "Deutschland=Germany Italien=Italy Frankreich=France Spanien=Spain"
PLACE_GROUPS = """
shops: supermarket+bakery+market+town
leisure: movies+theater+museum+restaurant+café+library+pool+park
nature: park+forest+lake+beach+mountains
duty: school+office+work
trips: lake+beach+mountains+station+airport+town+hospital
meeting: station+airport+café+restaurant+park
"""

# Verbs that the rule for weak verbs does not give: infinitive, er-form, past, participle.
STRONG_VERBS = """essen isst aß gegessen | trinken trinkt trank getrunken |
    fressen frisst fraß gefressen | backen backt backte gebacken | braten brät briet gebraten |
    schneiden schneidet schnitt geschnitten | finden findet fand gefunden |
    verlieren verliert verlor verloren | vergessen vergisst vergaß vergessen |
    nehmen nimmt nahm genommen | tragen trägt trug getragen | ziehen zieht zog gezogen |
    geben gibt gab gegeben | leihen leiht lieh geliehen | bringen bringt brachte gebracht |
    waschen wäscht wusch gewaschen | lesen liest las gelesen |
    schreiben schreibt schrieb geschrieben | verstehen versteht verstand verstanden |
    laden lädt lud geladen | rufen ruft rief gerufen | treffen trifft traf getroffen |
    helfen hilft half geholfen | kennen kennt kannte gekannt | sprechen spricht sprach gesprochen |
    gehen geht ging gegangen | fahren fährt fuhr gefahren | fliegen fliegt flog geflogen |
    laufen läuft lief gelaufen | kommen kommt kam gekommen | bleiben bleibt blieb geblieben |
    sitzen sitzt saß gesessen | schlafen schläft schlief geschlafen | stehen steht stand gestanden |
    schwimmen schwimmt schwamm geschwommen | liegen liegt lag gelegen |
    steigen steigt stieg gestiegen | fallen fällt fiel gefallen | hängen hängt hing gehangen |
    singen singt sang gesungen | gefallen gefällt gefiel gefallen |
    scheinen scheint schien geschienen | fangen fängt fing gefangen | sehen sieht sah gesehen |
    mögen mag mochte gemocht | werfen wirft warf geworfen"""
# Verbs that build the perfect with sein.
SEIN_VERBS = """gehen fahren fliegen laufen kommen bleiben schwimmen fallen reisen wandern
    an|kommen ab|fahren auf|stehen ein|schlafen um|ziehen ein|steigen aus|steigen
    spazieren_|gehen"""
# Verbs whose Präteritum is told; the others prefer the perfect, as one speaks. States and modal
# verbs are always in the Präteritum.
TOLD = """gehen kommen fahren laufen kaufen finden kochen backen essen trinken lesen nehmen
    sitzen bleiben schlafen spielen geben schreiben stehen liegen hängen fallen singen regnen
    schneien scheinen hören arbeiten helfen besuchen warten bestellen bauen an|kommen ab|fahren
    an|fangen an|rufen zurück|bringen weg|werfen"""
# ich, du, er/sie/es, wir, ihr, sie/Sie. könnten and würden serve polite requests.
PRESENT = """sein: bin bist ist sind seid sind
haben: habe hast hat haben habt haben
werden: werde wirst wird werden werdet werden
mögen: mag magst mag mögen mögt mögen
können: kann kannst kann können könnt können
müssen: muss musst muss müssen müsst müssen
wollen: will willst will wollen wollt wollen
sollen: soll sollst soll sollen sollt sollen
dürfen: darf darfst darf dürfen dürft dürfen
möchten: möchte möchtest möchte möchten möchtet möchten
könnten: könnte könntest könnte könnten könntet könnten
würden: würde würdest würde würden würdet würden"""
PAST = {"sein": "war", "haben": "hatte", "werden": "wurde"}

ENGLISH_PAST = """eat ate drink drank buy bought sell sold find found lose lost forget forgot
    take took wear wore put put give gave lend lent bring brought send sent tell told read read
    write wrote understand understood meet met know knew go went fly flew run ran come came sit
    sat sleep slept get got fall fell swim swam make made cut cut build built stand stood lie lay
    have had hang hung sing sang shine shone leave left set set fit fit cost cost see saw
    throw threw"""
# Verbs that double their last consonant before -ing.
DOUBLING = """get put run sit swim cut set forget"""

# subject | verb | complements | English | tags
#
# Verb: "|" behind a separable prefix. Complements: "[preposition ]case:classes:articles", or "to:",
# "at:", "from:" and places, or "clock:", or "German=English" with alternatives behind "/".
# Articles: der, ein, dieser; mein (the subject's own); pl (bare plural), die (plural),
# zahl (a number).
# English: "~" a state, never progressive; "!" an event that takes the simple present.
#
# Tags: habit (one does it often), gern (one likes to), fun (it is fun), order (one can ask for it),
# chore (one can forget to), hard (one has to try), and topics that tell what goes with what.
FRAMES = """
who | essen | acc:food:ein,der,pl | eat {0} | eat habit order gern consume
who | essen | acc:sweet:ein | eat {0} | eat habit gern
who | essen | acc:fruit+pastry+Ei+Wurst:zahl | eat {0} |
who | probieren | acc:dish+baked+spread:der,dieser | try {0} | order try consume
who | bestellen | acc:dish+drink:ein | order {0} | order menu
who | trinken | acc:drink:ein,der | drink {0} | drink habit order gern consume
adult | trinken | acc:alcohol:ein | drink {0} | habit
who | kochen | acc:cooked:ein | cook {0} | cook habit order gern fun create
who | kochen | acc:hot drink:ein | make {0} | brew habit order
who | backen | acc:baked+Pizza:ein | bake {0} | cook habit order gern fun create hard
who | backen | acc:pastry:pl | bake {0} | cook habit order gern fun
who | backen | acc:pastry+Kuchen+Pizza:zahl | bake {0} |
adult | braten | acc:fried:ein,der | fry {0} | cook order
who | schneiden | acc:Brot+Käse+Tomate+Apfel+Kuchen+Fleisch:der | cut {0} | kitchen order
who | schälen | acc:Apfel+Kartoffel+Orange+Birne+Banane:ein,der,die | peel {0} | kitchen order
who | decken | den Tisch=the table | set {0} | kitchen habit order chore
who | kaufen | acc:food+spread+drink:ein,pl | buy {0} | shop habit order chore
who | kaufen | acc:fruit+pastry+gift+Ei:zahl | buy {0} |
who | kaufen | acc:goods:ein,der,dieser | buy {0} | acquire
adult | verkaufen | acc:own vehicle+furniture+Kamera+Computer:mein,der | sell {0} | sell hard after
adult | bezahlen | acc:Rechnung:der | pay {0} | chore order
adult | bezahlen | acc:Fahrkarte+food:der | pay for {0} | chore order
who | brauchen | acc:goods+Fahrkarte:ein | ~need {0} |
who | suchen | acc:lost:mein,der | look for {0} | order
who | finden | acc:lost:mein,der | !find {0} | find hard
who | verlieren | acc:lost:mein | !lose {0} | mishap
who | vergessen | acc:lost:mein | !forget {0} | mishap
who | mit|nehmen | acc:belonging:mein,der | take {0} along | order chore after
who | tragen | acc:clothes:ein,mein | wear {0} | dress habit after
who | an|probieren | acc:clothes:der,dieser,ein | try {0} on | order
who | an|ziehen | acc:Jacke+Mantel+Pullover+Mütze+Hut:ein,mein,der | put {0} on | dress order
who | aus|ziehen | acc:Jacke+Mantel+Pullover+Mütze+Hut:mein,der | take {0} off | order
who | schenken | dat:near:mein ; acc:surprise:ein | give {1} to {0} | gift
who | geben | dat:near:mein ; acc:lost+crockery+cutlery:der | give {1} to {0} | order chore after
who | zeigen | dat:near:mein ; acc:goods+lost+Bild:der,mein | show {1} to {0} | order chore after
who | schicken | dat:near:mein ; acc:mail:ein | send {1} to {0} | habit order chore
who | bringen | dat:near:mein ; acc:drink+Eintopf+Suppe+Kuchen:ein,der | bring {1} to {0} | order
adult | leihen | dat:near:mein ; acc:Buch+Auto+Fahrrad+Kamera+Koffer:mein,ein | lend {1} to {0} |
    after
who | erklären | dat:near:mein ; acc:Aufgabe+problem+Spiel:der | explain {1} to {0} | help order
    hard
who | erzählen | dat:near:mein ; acc:Geschichte:ein | tell {1} to {0} | habit gern
who | auf|räumen | acc:room+Wohnung:der,mein | clean up {0} | chores habit order chore
who | putzen | acc:room+Wohnung+Haus+Fenster+Ofen+Kühlschrank:der | clean {0} | chores habit order
    chore
who | waschen | acc:dirty:der,mein | wash {0} | order chore after
who | reparieren | acc:machine:der,mein | repair {0} | order hard after
who | auf|machen | acc:opening+Flasche+luggage+Brief+Geschenk:der | open {0} | order chore hard
who | zu|machen | acc:opening+luggage+Kühlschrank:der | close {0} | order chore hard
who | an|machen | acc:electric:der | turn {0} on | order chore
who | aus|machen | acc:electric+stove:der | turn {0} off | order chore
who | stellen | acc:Lampe+crockery+cookware:der ; auf acc:Tisch+Herd+Regal:der | put {0} on {1} |
    order
who | legen | acc:portable:der,mein ; auf acc:Tisch+Stuhl+Bett+Sofa:der | put {0} on {1} | order
who | packen | acc:clothes+Buch+Kamera+Geschenk:der ; in acc:luggage:der | put {0} in {1} | order
adult | bauen | acc:Haus+Regal+Tisch+Schrank:ein | build {0} | hard
who | malen | acc:Bild:ein,pl | paint {0} | free habit gern fun
who | lesen | acc:reading:ein,der,pl | read {0} | free habit order gern fun books after
who | lesen | acc:Buch+Brief+E-Mail+Roman+Gedicht:zahl | read {0} |
who | schreiben | acc:Brief+E-Mail+Roman+Gedicht+Geschichte+Karte:ein | write {0} | free habit order
    gern
who | schreiben | acc:Brief+E-Mail+Gedicht+Karte:zahl | write {0} |
who | hören | Musik=music/Radio=the radio | listen to {0} | free habit gern fun
who | schauen | acc:show:ein,der | watch {0} | free habit gern fun
who | lernen | Deutsch=German/Englisch=English/Spanisch=Spanish | learn {0} | study habit gern fun
    hard
who | lernen | für acc:Prüfung:der | study for {0} | study order
who | verstehen | acc:Aufgabe+Frage+problem+Film+Gedicht:der,dieser | ~understand {0} |
who | beantworten | acc:Frage+Brief+E-Mail:der | answer {0} | order chore after
who | lösen | acc:problem+Aufgabe:der,ein | solve {0} | order hard
who | fragen | acc:person:mein,der | ask {0} | order chore
who | besuchen | acc:person:mein | visit {0} | meet habit order gern fun
who | ein|laden | acc:person:mein | invite {0} | meet order chore
who | an|rufen | acc:person:mein | call {0} | meet habit order chore hard
who | treffen | acc:person:mein ; at:meeting | meet {0} {1} | meet habit
who | ab|holen | acc:person:mein ; from:station+airport | pick {0} up {1} | help order chore
who | helfen | dat:person:mein | help {0} | help habit order gern
who | danken | dat:person:mein | thank {0} | chore
who | zu|hören | dat:person:mein | listen to {0} | order
who | gratulieren | dat:person:mein | congratulate {0} | order chore
who | vertrauen | dat:person:mein | ~trust {0} |
who | kennen | acc:person:mein,dieser | ~know {0} |
who | lieben | acc:elder+sibling+pet:mein | ~love {0} |
who | mögen | acc:pet+sweet+fruit+clothes+show:der,dieser | ~like {0} |
who | vermissen | acc:elder+sibling+friend+pet:mein | ~miss {0} |
who | haben | acc:pet+own vehicle+Kamera+Computer:ein | ~have {0} |
who | haben | acc:sibling+pet:ein,zahl | ~have {0} |
who | warten | auf acc:person:mein | wait for {0} | order
who | warten | auf acc:public vehicle:der | wait for {0} |
who | sprechen | mit dat:person:mein | talk to {0} | habit order chore
who | tanzen | mit dat:person:mein | dance with {0} | gern fun order
who | spielen | mit dat:Hund+Katze+Ball:der,mein | play with {0} | habit gern order ball
who | spielen | mit dat:near:mein ; Fußball=soccer/Tennis=tennis/Karten=cards | play {1} with {0} |
    habit gern fun
who | spielen | Klavier=the piano/Gitarre=the guitar/Karten=cards/Schach=chess | play {0} | free
    habit gern fun
who | gehen | to:leisure | go {0} | leisure habit gern order fun
who | gehen | to:shops | go {0} | habit order chore
who | gehen | to:duty | go {0} | duty habit
who | gehen | to:home | go {0} | homeward order
who | gehen | mit dat:near+Hund:mein ; to:leisure+nature | go {1} with {0} | out habit gern fun
who | fahren | mit dem Bus=by bus/mit dem Zug=by train/mit dem Auto=by car ; to:trips+work+home | go
    {1} {0} | habit
who | fahren | to:city | go {0} | travel habit gern fun
who | fahren | mit dat:near:mein ; to:city | go {1} with {0} | travel
who | fliegen | to:city+country | fly {0} | travel
who | reisen | to:country | travel {0} | travel gern fun
who | laufen | durch den Park=through the park/durch den Wald=through the forest/durch den
    Schnee=through the snow/durch die Stadt=through the city | run {0} | out habit gern
who | spazieren_|gehen | at:nature+town | go for a walk {0} | out habit gern fun order
who | wandern | at:forest+mountains | hike {0} | out habit gern fun
who | schwimmen | at:water+sea | swim {0} | swim habit gern fun
who | an|kommen | at:city+station+airport+home | !arrive {0} |
who | um|ziehen | to:city | move {0} |
who | wohnen | at:city | ~live {0} |
adult | arbeiten | at:office+hospital+supermarket+museum+restaurant+school | work {0} | job habit
who | bleiben | at:home | stay {0} | indoors habit order
who | warten | at:meeting | wait {0} | order
who | sitzen | at:kitchen+garden+café+library+park | sit {0} | habit gern
who | schlafen | auf dem Sofa=on the sofa/im Bett=in bed | sleep {0} | rest sofa
who | schlafen | im Hotel=at the hotel | sleep {0} |
who | auf|stehen | um sechs Uhr=at six o'clock/um sieben Uhr=at seven o'clock/früh=early/spät=late |
    get up {0} | habit
who | ein|schlafen | auf dem Sofa=on the sofa/im Bus=on the bus/im Zug=on the train | fall asleep
    {0} | unwilled
who | ein|steigen | in acc:public vehicle:der | get on {0} | order
who | aus|steigen | aus dat:public vehicle:der | get off {0} | order
who | nehmen | acc:public vehicle:der | take {0} | ride order habit
who | verpassen | acc:public vehicle:der | !miss {0} | mishap
who | ein|kaufen | at:supermarket+market+town | go shopping {0} | habit gern
who | sich_freuen | auf acc:outing+Geschenk:der | look forward to {0} | unwilled
who | sich_interessieren | für Musik=music/für Sport=sports/für Kunst=art | ~be interested in {0} |
who | sich_erinnern | an acc:outing+Film+Haus+Lehrer+Lehrerin:der,dieser | ~remember {0} |
who | sich_setzen | auf acc:Stuhl+Sofa+Bett:der | sit down on {0} | order
who | sich_aus|ruhen | zu Hause=at home/im Garten=in the garden/auf dem Sofa=on the sofa | rest {0}
    | rest sofa order
who | sich_kümmern | um acc:pet+Kind+elder:mein | take care of {0} | help order habit
who | sich_treffen | mit dat:near:mein | meet with {0} | meet habit
who | sich_entschuldigen | bei dat:near:mein | apologize to {0} | order chore
male | sein | Lehrer=a teacher/Arzt=a doctor/Koch=a cook/Student=a student/Bäcker=a baker/Musiker=a
    musician | ~be {0} | title
female | sein | Lehrerin=a teacher/Ärztin=a doctor/Köchin=a cook/Studentin=a student/Bäckerin=a
    baker/Musikerin=a musician | ~be {0} | title
pet | laufen | durch den Garten=through the garden/durch den Park=through the park/durch den
    Schnee=through the snow/durch das Haus=through the house | run {0} | animal
pet | schlafen | auf dat:Sofa+Bett+Teppich+Stuhl:der | sleep on {0} | animal
pet | liegen | unter dat:Tisch+Bett+Stuhl+Sofa:der | lie under {0} | animal
pet | sitzen | vor dat:Tür+Haus+Ofen+Fenster:der | sit in front of {0} | animal
pet | trinken | acc:Wasser+Milch:ein,der | drink {0} | animal
Hund+Katze | fressen | acc:Fleisch+Wurst+Fisch:der | eat {0} | animal
pet | spielen | im Garten=in the garden/im Schnee=in the snow/mit dem Ball=with the ball | play {0}
    | animal
pet | warten | auf acc:woman+man+child:der | wait for {0} | animal
Vogel | singen | im Garten=in the garden/im Wald=in the forest/im Park=in the park/auf dem Dach=on
    the roof | sing {0} | animal
Vogel | sitzen | auf dem Dach=on the roof/im Baum=in the tree/am Fenster=at the window | sit {0} |
    animal
Pferd+Kuh | stehen | auf der Wiese=in the meadow/hinter dem Haus=behind the house/im Schnee=in the
    snow | stand {0} | animal
Pferd+Kuh | fressen | Gras=grass/Äpfel=apples | eat {0} | animal
public vehicle | an|kommen | clock: ; at:city+station | !arrive {1} {0} | timetable
public vehicle | ab|fahren | clock: | !leave {0} | timetable
show+outing+Prüfung | an|fangen | clock: | !start {0} | timetable
belonging+own vehicle+clothes+building+pet+Buch+gift | gehören | dat:person:mein | ~belong to {0} |
    thing
fruit+pastry+Ei | kosten | zwei Euro=two euros/drei Euro=three euros/vier Euro=four euros | ~cost
    {0} | thing
clothes+Tasche+Koffer+Uhr+Stuhl+Tisch+Lampe+Teppich | kosten | zwanzig Euro=twenty euros/fünfzig
    Euro=fifty euros/hundert Euro=a hundred euros | ~cost {0} | thing
food+drink+spread+sweet | schmecken | gut=good/sehr gut=very good | ~taste {0} | thing
machine+Heizung | funktionieren | gut=well/wieder=again | ~work {0} | thing
Haus+Hotel+sight | werden | gebaut=built/renoviert=renovated | ~be {0} | passive
machine | werden | repariert=repaired/verkauft=sold | ~be {0} | passive
baked+pastry | werden | gebacken=baked/gegessen=eaten/verkauft=sold | ~be {0} | passive
opening+shop | werden | geöffnet=opened/geschlossen=closed | ~be {0} | passive
es | regnen | at:city+country+mountains+beach | rain {0} | weather
es | schneien | at:city+country+mountains | snow {0} | weather
die Sonne | scheinen | at:city+country+mountains+beach | shine {0} | weather
"""

# What is where: thing | verb | what it is at | English. A pronoun may mean either noun.
SCENES = """
roast | kommen | aus dat:Ofen:der | come out of {0} |
Suppe+Eintopf+Reis+Fleisch+Kartoffel | kommen | aus dat:Topf:der | come out of {0} |
fried | kommen | aus dat:Pfanne:der | come out of {0} |
cookware+Suppe+Eintopf | stehen | auf dat:Herd+Tisch:der | stand on {0} |
Suppe+Salat+Auflauf+Lasagne+Kuchen+Torte+hot drink+cold drink | stehen | auf dat:Tisch:der | stand
    on {0} |
Lampe+Radio+Fernseher+crockery+Blume | stehen | auf dat:Tisch+Regal:der | stand on {0} |
portable+Roman | liegen | auf dat:Tisch+Stuhl+Bett+Sofa+Regal:der | lie on {0} |
portable+Regenschirm+Uhr+Ball+Geschenk | liegen | in dat:luggage:der | lie in {0} |
clothes | hängen | in dat:Schrank:der | hang in {0} |
fruit+pastry | liegen | in dat:Schüssel:der | lie in {0} |
cutlery | liegen | auf dat:Tisch+Teller:der | lie on {0} |
pastry+Fisch+Wurst+Fleisch+fruit | liegen | auf dat:Teller:der | lie on {0} |
own vehicle | stehen | vor dat:building:der | stand in front of {0} |
portable+Ball | fallen | aus dat:luggage+Regal:der | fall out of {0} |
crockery+cutlery | fallen | von dat:Tisch+Regal:der | fall off {0} |
pet | liegen | auf dat:Sofa+Bett+Teppich+Stuhl:der | lie on {0} |
pet | kommen | aus dat:building+room:der | come out of {0} |
"""

# A person and a thing, as in FRAMES; the tag names why it happens, in BESIDE_REASONS.
BESIDE = """
adult | nehmen | acc:roast:der ; aus dem Ofen=out of the oven | take {0} {1} | oven
adult | essen | acc:dish+baked+fruit:der | eat {0} | food
adult | probieren | acc:dish+baked:der | try {0} | food
adult | trinken | acc:drink:der | drink {0} | drink
adult | zurück|bringen | acc:clothes+furniture+belonging+device:der | bring {0} back | flaw
adult | weg|werfen | acc:clothes+crockery+cookware+cutlery:der | throw {0} away | waste
adult | verkaufen | acc:furniture+device+Kamera+Wohnung:der | sell {0} | deal
adult | reparieren | acc:machine+Heizung:der | repair {0} | repair
adult | waschen | acc:clothes+Teller+Tasse+Apfel:der | wash {0} | wash
adult | putzen | acc:stove+Kühlschrank+Küche+Wohnung:der | clean {0} | wash
adult | kaufen | acc:clothes+furniture+Uhr+Kamera+Koffer:der | buy {0} | buy
adult | an|ziehen | acc:Jacke+Mantel+Pullover+Mütze+Hut:der | put {0} on | dress
adult | aus|machen | acc:Fernseher+Computer+Waschmaschine+Heizung:der | turn {0} off | noise
adult | lesen | acc:reading:der | read {0} | story
adult | schauen | acc:show:der | watch {0} | story
adult | nehmen | acc:public vehicle:der | take {0} | ride
adult | verpassen | acc:public vehicle:der | !miss {0} | late
adult | verlieren | acc:Schlüssel+Ring+Karte+Fahrkarte+Mütze+Uhr:der | !lose {0} | loss
"""
# What is true of the thing / what is true of the person.
BESIDE_REASONS = """
oven: fertig=ready|heiß=hot / hungrig=hungry|ungeduldig=impatient|in Eile=in a hurry
food: lecker=delicious|frisch=fresh|gut=good / hungrig=hungry|neugierig=curious
drink: lecker=delicious|frisch=fresh|süß=sweet / durstig=thirsty|müde=tired|krank=sick
flaw: kaputt=broken|zu klein=too small|zu groß=too big|zu teuer=too expensive /
    wütend=angry|enttäuscht=disappointed|unzufrieden=dissatisfied
waste: kaputt=broken|zu alt=too old|schmutzig=dirty / wütend=angry|ungeduldig=impatient|faul=lazy
deal: zu groß=too big|zu alt=too old|zu klein=too small|kaputt=broken /
    arm=poor|unzufrieden=dissatisfied|pleite=broke
repair: kaputt=broken|alt=old / geschickt=skillful|fleißig=hard-working|nett=nice
wash: schmutzig=dirty|staubig=dusty / fleißig=hard-working|ordentlich=tidy|nervös=nervous
buy: billig=cheap|neu=new|schön=beautiful / reich=rich|einsam=lonely|glücklich=happy
dress: warm=warm|neu=new|sauber=clean / krank=sick|vorsichtig=careful|in Eile=in a hurry
noise: zu laut=too loud|kaputt=broken / müde=tired|nervös=nervous|sparsam=thrifty
story: kurz=short|interessant=interesting|spannend=exciting / neugierig=curious|allein=alone|
    gelangweilt=bored
ride: billig=cheap|pünktlich=on time|schnell=fast / in Eile=in a hurry|müde=tired|faul=lazy
late: pünktlich=on time|zu schnell=too fast / zu langsam=too slow|müde=tired|krank=sick
loss: klein=small|zu klein=too small / unvorsichtig=careless|in Eile=in a hurry|müde=tired
"""

# How somebody is, and what goes on around: "[subject,] verb [complement] = English".
STATES = """
tired: sein müde = be tired
sick: sein krank = be sick
happy: sein glücklich = be happy
sad: sein traurig = be sad
alone: sein allein = be alone
nervous: sein nervös = be nervous
angry: sein wütend = be angry
hungry: haben Hunger = be hungry
full: haben keinen Hunger = be not hungry
thirsty: haben Durst = be thirsty
time: haben Zeit = have time
busy: haben keine Zeit = have no time
poor: haben kein Geld = have no money
money: brauchen Geld = need money
hurry: haben es eilig = be in a hurry
off: haben frei = have the day off
vacation: haben Urlaub = be on vacation
headache: haben Kopfschmerzen = have a headache
fever: haben Fieber = have a fever
exam: haben eine Prüfung = have an exam
guests: haben Gäste = have guests
bored: haben Langeweile = be bored
rain: es, regnen = rain
snow: es, schneien = snow
sun: die Sonne, scheinen = shine
cold: es, sein kalt = be cold
hot: es, sein heiß = be hot
warm: es, sein warm = be warm
late: es, sein spät = be late
dark: es, sein dunkel = be dark
fine: das Wetter, sein schön = be nice
foul: das Wetter, sein schlecht = be bad
"""
IMPERSONAL = {"es": "it", "die Sonne": "the sun", "das Wetter": "the weather"}

# Why people do what a topic covers; in spite of what, or why they did not.
REASONS = """
eat: hungry
drink: thirsty
cook: hungry guests
brew: tired guests
shop: hungry guests
rest: tired sick headache fever
indoors: tired sick rain snow cold foul headache
homeward: tired sick late rain headache dark hungry
out: sun fine off vacation warm
swim: sun hot warm vacation
free: time bored off rain alone foul
meet: time off vacation alone
help: time off
job: money
ride: hurry late rain
dress: cold snow
travel: vacation
sell: money
chores: guests time
duty: exam
"""
OBSTACLES = """
eat: full
cook: tired busy full
shop: busy poor rain
acquire: poor
out: rain tired cold foul dark
swim: cold foul
free: tired busy headache
meet: busy tired late
help: busy tired sick
study: tired sick headache
duty: tired sick fever
leisure: tired rain late busy
travel: poor sick
chores: tired busy
"""
# Where one goes to do what.
ERRANDS = """kitchen cook | kitchen brew | kitchen kitchen | supermarket shop | market shop |
    town acquire | library books | restaurant menu | home cook | home sofa | park ball |
    bakery shop | library study"""
# What somebody is after what.
OUTCOMES = """mishap sad angry nervous | find happy | homeward tired hungry thirsty |
    travel happy tired | out tired hungry thirsty happy | swim tired happy hungry |
    job tired hungry | study tired nervous | chores tired hungry thirsty | meet happy | gift happy |
    duty nervous tired"""

# Adverbs of time, by what the clause is in.
TIMES = """
past: gestern = yesterday | gestern Abend = last night | letzte Woche = last week |
    heute Morgen = this morning | am Wochenende = on the weekend | vor zwei Tagen = two days ago |
    am Montag = on Monday | am Samstag = on Saturday | vorgestern = the day before yesterday
present: jetzt = now | gerade = right now | heute = today
future: morgen = tomorrow | heute Abend = tonight | nächste Woche = next week | bald = soon |
    morgen früh = tomorrow morning | am Freitag = on Friday | am Sonntag = on Sunday |
    übermorgen = the day after tomorrow
every: jeden Tag = every day | jeden Morgen = every morning | jeden Abend = every evening |
    jede Woche = every week | jedes Wochenende = every weekend
often: oft = often | immer = always | manchmal = sometimes | nie = never | selten = rarely
"""
NUMBERS = """zwei = two | drei = three | vier = four | fünf = five | sechs = six | sieben = seven |
    acht = eight | neun = nine | zehn = ten | elf = eleven | zwölf = twelve"""
# Openers of dass- and ob-clauses; a question mark if the whole is a question.
KNOWING = """ich glaube = I think | ich weiß = I know | ich hoffe = I hope | wir wissen = we know |
    wir hoffen = we hope | er sagt = he says | sie sagt = she says | es ist gut = it is good |
    es ist schade = it is a pity | ich bin froh = I am glad | ich habe gehört = I heard |
    weißt du = do you know? | wissen Sie = do you know?"""
WONDERING = """ich weiß nicht = I don't know | er fragt = he asks | sie fragt = she asks |
    weißt du = do you know? | wissen Sie = do you know? | kannst du mir sagen = can you tell me?"""
# What happened, and the topic of what was done then.
MOMENTS = """als es dunkel wurde = when it got dark: homeward |
    als der Regen aufhörte = when the rain stopped: out |
    als der Film zu Ende war = when the movie was over: homeward |
    als die Gäste kamen = when the guests came: cook |
    als wir nach Hause kamen = when we came home: brew |
    als die Prüfung vorbei war = when the exam was over: leisure"""
# A question word and the verb it goes with; "/" between them, since verbs may contain "|".
WHERE_OR_WHEN = """wohin gehen = go / wohin fahren = go / wo arbeiten = work / wo warten = wait /
    wo sitzen = sit / wo ein|kaufen = go shopping / wo wohnen = live / woher kommen = come from /
    wann an|kommen = arrive / wann ab|fahren = leave"""
# What one says of a thing that is not there, and of one that is; "_" for the pronoun.
LOST = """Ich kann _ nicht finden. = I can't find it. | Hast du _ gesehen? = Did you see it? |
    Ich brauche _ heute. = I need it today. | Ich habe _ gestern verloren. = I lost it yesterday."""
FOUND = """Ich habe _ gestern gekauft. = I bought it yesterday. | Brauchst du _? = Do you need it? |
    Ich habe _ im Park gefunden. = I found it in the park. |
    Wie findest du _? = How do you like it?"""
GREETINGS = """guten Morgen = good morning | guten Tag = hello | guten Abend = good evening |
    gute Nacht = good night | hallo = hi | auf Wiedersehen = goodbye | tschüss = bye |
    bis morgen = see you tomorrow | bis bald = see you soon | vielen Dank = thank you very much |
    danke = thank you | alles Gute = all the best | viel Glück = good luck |
    gute Reise = have a good trip | gute Besserung = get well soon | willkommen = welcome |
    herzlichen Glückwunsch = congratulations"""
FAMILY_NAMES = "Müller Schmidt Weber Fischer Schneider Becker Wagner Hoffmann"
