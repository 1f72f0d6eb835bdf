"""Sentences of daily life that corpora of example sentences lack: menus, letters, times, prices.

    python scripts/everyday_phrases.py --output data/everyday/phrases.tsv

Patterns are filled with words that fit them, at random but from a seed. They were written for this
package and are, as its code, under the Apache License 2.0.
"""

import argparse
import random
import re
from collections.abc import Callable
from pathlib import Path

from transformer.files import write_atomically

Pair = tuple[str, str]


def pairs(text: str) -> list[Pair]:
    """One `German = English` a line."""
    found = [line.split(" = ") for line in text.strip().splitlines()]
    return [(german, english) for german, english in found]


_NAMES = """Schmidt Müller Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer
Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Werner
Krause Lehmann Köhler Maier König Walter Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung
Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke
Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto
Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn
Busch Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Demir Yilmaz Kowalski Nowak Novak Petrov
Nguyen Garcia Rossi Jansen Hansen Petersen Okonkwo Haddad Kovacs Horvat"""
NAMES = _NAMES.split()

_CITIES = """Berlin Hamburg Bremen Leipzig Dresden Stuttgart Frankfurt Dortmund Essen Bonn Münster
Mannheim Augsburg Wiesbaden Gelsenkirchen Kiel Lübeck Rostock Erfurt Mainz Kassel Potsdam Ulm
Heidelberg Regensburg Würzburg Freiburg Salzburg Graz Linz Basel Bern Bochum Krefeld"""
CITIES = _CITIES.split()

DAYS = pairs("""
Montag = Monday
Dienstag = Tuesday
Mittwoch = Wednesday
Donnerstag = Thursday
Freitag = Friday
Samstag = Saturday
Sonntag = Sunday
""")

MONTHS = pairs("""
Januar = January
Februar = February
März = March
April = April
Mai = May
Juni = June
Juli = July
August = August
September = September
Oktober = October
November = November
Dezember = December
""")

HOURS = pairs("""
eins = one
zwei = two
drei = three
vier = four
fünf = five
sechs = six
sieben = seven
acht = eight
neun = nine
zehn = ten
elf = eleven
zwölf = twelve
""")

DISHES = pairs("""
Gulasch = goulash
Schnitzel = schnitzel
Wiener Schnitzel = Wiener schnitzel
Schweinebraten = roast pork
Rinderbraten = roast beef
Sauerbraten = sauerbraten
Brathähnchen = roast chicken
Hähnchenbrust = chicken breast
Bratwurst = bratwurst
Currywurst = currywurst
Frikadellen = meat patties
Rindersteak = steak
Lammkeule = leg of lamb
Ente = duck
Gebratener Lachs = fried salmon
Gegrillte Forelle = grilled trout
Gebackener Fisch = baked fish
Bratkartoffeln = fried potatoes
Kartoffelpuffer = potato pancakes
Kartoffelsalat = potato salad
Käsespätzle = cheese spaetzle
Maultaschen = Swabian ravioli
Gemüsesuppe = vegetable soup
Linsensuppe = lentil soup
Kartoffelsuppe = potato soup
Kürbissuppe = pumpkin soup
Hühnersuppe = chicken soup
Rührei = scrambled eggs
Spiegelei = fried egg
Nudeln = pasta
Spaghetti = spaghetti
Gemischter Salat = mixed salad
Gefüllte Paprika = stuffed peppers
Pfannkuchen = pancakes
Nudelauflauf = pasta bake
Gemüsepfanne = stir-fried vegetables
Ofenkartoffel = baked potato
Belegtes Brötchen = filled roll
""")

ORDERED = pairs("""
Gulasch = goulash
ein Schnitzel = a schnitzel
ein Wiener Schnitzel = a Wiener schnitzel
den Schweinebraten = the roast pork
den Rinderbraten = the roast beef
das Brathähnchen = the roast chicken
eine Bratwurst = a bratwurst
eine Currywurst = a currywurst
ein Rindersteak = a steak
die Ente = the duck
gebratenen Lachs = fried salmon
gebackenen Fisch = baked fish
gegrillte Forelle = grilled trout
Bratkartoffeln = fried potatoes
Käsespätzle = cheese spaetzle
die Maultaschen = the Swabian ravioli
eine Gemüsesuppe = a vegetable soup
eine Linsensuppe = a lentil soup
die Kartoffelsuppe = the potato soup
die Hühnersuppe = the chicken soup
Rührei = scrambled eggs
ein Spiegelei = a fried egg
Spaghetti = spaghetti
einen gemischten Salat = a mixed salad
den Salat = the salad
gefüllte Paprika = stuffed peppers
eine Ofenkartoffel = a baked potato
ein belegtes Brötchen = a filled roll
den Nudelauflauf = the pasta bake
""")

SIDES = pairs("""
Knödeln = dumplings
Rotkohl = red cabbage
Sauerkraut = sauerkraut
Kartoffeln = potatoes
Salzkartoffeln = boiled potatoes
Bratkartoffeln = fried potatoes
Kartoffelsalat = potato salad
Kartoffelpüree = mashed potatoes
Pommes = fries
Reis = rice
Nudeln = pasta
Spätzle = spaetzle
Speck = bacon
Zwiebeln = onions
Pilzen = mushrooms
Champignons = mushrooms
Bohnen = beans
Erbsen = peas
Möhren = carrots
Brokkoli = broccoli
Spinat = spinach
Spargel = asparagus
Tomaten = tomatoes
Käse = cheese
Schinken = ham
Brot = bread
Butter = butter
Kräuterbutter = herb butter
Rahmsoße = cream sauce
Tomatensoße = tomato sauce
Senf = mustard
Ei = egg
Apfelmus = apple sauce
Kräutern = herbs
Knoblauch = garlic
Zitrone = lemon
""")

DESSERTS = pairs("""
Apfelstrudel = apple strudel
Apfelkuchen = apple cake
Käsekuchen = cheesecake
Schokoladenkuchen = chocolate cake
Pflaumenkuchen = plum cake
Kaiserschmarrn = shredded pancake
Milchreis = rice pudding
Rote Grütze = red berry compote
Waffeln = waffles
Obstsalat = fruit salad
""")

SWEET = pairs("""
Sahne = whipped cream
Vanilleeis = vanilla ice cream
Vanillesoße = vanilla sauce
Schokoladensoße = chocolate sauce
Zimt = cinnamon
Zimt und Zucker = cinnamon and sugar
heißen Kirschen = hot cherries
Erdbeeren = strawberries
frischem Obst = fresh fruit
""")

DRINKS = pairs("""
ein Glas Wasser = a glass of water
eine Flasche Wein = a bottle of wine
ein Glas Rotwein = a glass of red wine
ein Glas Weißwein = a glass of white wine
ein Bier = a beer
ein alkoholfreies Bier = a non-alcoholic beer
eine Tasse Kaffee = a cup of coffee
einen Kaffee mit Milch = a coffee with milk
einen Tee mit Zitrone = a tea with lemon
einen Orangensaft = an orange juice
eine Apfelschorle = an apple spritzer
ein Mineralwasser ohne Kohlensäure = a still mineral water
einen Eisbecher mit Sahne = an ice cream sundae with whipped cream
""")

THINGS = pairs("""
die Heizung in meiner Wohnung = the heating in my apartment
die Heizung im Schlafzimmer = the heating in the bedroom
die Heizung im Bad = the heating in the bathroom
die Dusche = the shower
die Waschmaschine = the washing machine
die Spülmaschine = the dishwasher
die Klingel an der Haustür = the bell at the front door
die Toilette = the toilet
der Aufzug = the elevator
der Backofen = the oven
der Kühlschrank = the fridge
der Herd = the stove
der Wasserhahn in der Küche = the faucet in the kitchen
der Briefkasten = the mailbox
der Rauchmelder im Flur = the smoke detector in the hallway
die Steckdose in der Küche = the socket in the kitchen
das Licht im Treppenhaus = the light in the stairwell
das Licht im Keller = the light in the basement
das Schloss an der Wohnungstür = the lock on the apartment door
das Fenster im Wohnzimmer = the window in the living room
""")

SINCE = pairs("""
seit heute Morgen = since this morning
seit gestern = since yesterday
seit gestern Abend = since last night
seit vorgestern = since the day before yesterday
seit dem Wochenende = since the weekend
seit letzter Woche = since last week
seit Montag = since Monday
seit Freitag = since Friday
seit drei Tagen = for three days
seit zwei Wochen = for two weeks
""")

DOCTORS = pairs("""
beim Arzt = at the doctor's
beim Zahnarzt = at the dentist's
beim Friseur = at the hairdresser's
bei der Bank = at the bank
im Krankenhaus = at the hospital
in der Werkstatt = at the garage
im Rathaus = at the town hall
""")

PLACES = pairs("""
der Bahnhof = station
der Busbahnhof = bus station
der Flughafen = airport
der Supermarkt = supermarket
der Geldautomat = ATM
der Ausgang = exit
der Parkplatz = parking lot
der Spielplatz = playground
der Fahrstuhl = elevator
die Apotheke = pharmacy
die Toilette = toilet
die Bushaltestelle = bus stop
die U-Bahn-Station = subway station
die Bäckerei = bakery
die Post = post office
die Tankstelle = gas station
die Polizeiwache = police station
die Umkleidekabine = changing room
das Krankenhaus = hospital
das Hotel = hotel
das Schwimmbad = swimming pool
das Rathaus = town hall
das Museum = museum
""")

PAINS = pairs("""
Kopfschmerzen = a headache
Halsschmerzen = a sore throat
Bauchschmerzen = a stomach ache
Rückenschmerzen = back pain
Zahnschmerzen = a toothache
Ohrenschmerzen = an earache
Fieber = a fever
Husten = a cough
Schnupfen = a cold
eine Erkältung = a cold
eine Allergie = an allergy
""")

CLOTHES = pairs("""
Jacke = jacket
Kamera = camera
Bluse = blouse
Mütze = hat
Tasche = bag
Lampe = lamp
Kaffeemaschine = coffee machine
Uhr = watch
""")

MASCULINE = pairs("""
Mantel = coat
Toaster = toaster
Drucker = printer
Koffer = suitcase
Rucksack = backpack
Staubsauger = vacuum cleaner
Pullover = sweater
Schal = scarf
Stuhl = chair
Tisch = table
Schrank = closet
Fernseher = TV
Regenschirm = umbrella
""")

NEUTER = pairs("""
Kleid = dress
Hemd = shirt
Radio = radio
Handy = phone
Fahrrad = bike
Sofa = couch
Bett = bed
Regal = shelf
Bild = picture
""")

FIXED = pairs("""
Sehr geehrte Damen und Herren, = Dear Sir or Madam,
Mit freundlichen Grüßen = Kind regards
Viele Grüße = Best regards
Liebe Grüße = Best wishes
Vielen Dank im Voraus. = Thank you in advance.
Vielen Dank für Ihre Hilfe. = Thank you for your help.
Ich bitte um baldige Rückmeldung. = Please get back to me soon.
Ich freue mich auf Ihre Antwort. = I look forward to your reply.
Ich freue mich auf deinen Besuch. = I'm looking forward to your visit.
Ich freue mich auf das Wochenende. = I'm looking forward to the weekend.
Ich freue mich schon auf den Urlaub. = I can't wait for the holidays.
Bitte rufen Sie mich zurück. = Please call me back.
Bitte geben Sie mir Bescheid. = Please let me know.
Bitte kümmern Sie sich darum. = Please take care of it.
Könnten Sie bitte einen Handwerker schicken? = Could you please send a repairman?
Wann kann der Handwerker kommen? = When can the repairman come?
Bitte schicken Sie einen Handwerker. = Please send a repairman.
Schicken Sie bitte schnell einen Handwerker! = Please send a repairman quickly!
Können Sie morgen einen Handwerker schicken? = Can you send a repairman tomorrow?
Ich brauche so bald wie möglich einen Handwerker. = I need a repairman as soon as possible.
Der Handwerker kommt um acht. = The repairman is coming at eight.
Mein Bruder ist Handwerker. = My brother is a craftsman.
Er ist ein guter Handwerker. = He is a good craftsman.
Die Handwerker sind im Haus. = The workmen are in the house.
Wann kann ich die Wohnung sehen? = When can I see the apartment?
Kann ich das Zimmer besichtigen? = Can I view the room?
Wir möchten die Wohnung besichtigen. = We would like to view the apartment.
Der Nachbar unter mir hört laut Musik. = The neighbor below me plays loud music.
Die Nachbarin über uns ist nett. = The neighbor above us is nice.
Die Versicherung zahlt nicht. = The insurance won't pay.
Die Versicherung übernimmt den Schaden. = The insurance covers the damage.
Wer übernimmt die Kosten? = Who will cover the costs?
Ich kann die Kosten nicht übernehmen. = I can't cover the costs.
Der Handwerker war gestern da. = The repairman was here yesterday.
Wir brauchen einen Klempner. = We need a plumber.
Wir brauchen einen Elektriker. = We need an electrician.
Wann kann ich einziehen? = When can I move in?
Wie hoch ist die Miete? = How much is the rent?
Wie hoch ist die Kaution? = How much is the deposit?
Sind die Nebenkosten in der Miete enthalten? = Are the utilities included in the rent?
Ist die Wohnung noch frei? = Is the apartment still available?
Ich möchte die Wohnung kündigen. = I would like to give notice on the apartment.
Hiermit kündige ich meinen Vertrag. = I hereby cancel my contract.
Anbei finden Sie die Rechnung. = Please find the invoice attached.
Ich habe die Miete schon überwiesen. = I have already transferred the rent.
Der Müll wird dienstags abgeholt. = The trash is collected on Tuesdays.
Wo kann ich mein Fahrrad abstellen? = Where can I leave my bike?
Die Nachbarn sind sehr laut. = The neighbors are very loud.
Es ist Schimmel an der Wand. = There is mold on the wall.
Der Abfluss ist verstopft. = The drain is blocked.
Das Waschbecken ist verstopft. = The sink is blocked.
Der Wasserhahn tropft. = The faucet is dripping.
Die Tür lässt sich nicht abschließen. = The door cannot be locked.
Das Fenster lässt sich nicht schließen. = The window cannot be closed.
Das Schloss klemmt. = The lock is stuck.
Der Schlüssel steckt im Schloss. = The key is in the lock.
Ich habe mich ausgesperrt. = I have locked myself out.
Können wir bitte die Speisekarte haben? = Could we have the menu, please?
Wir hätten gern die Karte. = We would like the menu.
Haben Sie einen Tisch am Fenster? = Do you have a table by the window?
Wir haben reserviert. = We have a reservation.
Ich möchte einen Tisch reservieren. = I would like to reserve a table.
Ich möchte gern bestellen. = I would like to order.
Was können Sie empfehlen? = What can you recommend?
Ich hätte gern das Tagesgericht. = I would like the dish of the day.
Das habe ich nicht bestellt. = I didn't order that.
Zahlen, bitte! = The check, please!
Zusammen oder getrennt? = Together or separately?
Stimmt so. = Keep the change.
Guten Appetit! = Enjoy your meal!
Zum Wohl! = Cheers!
Es hat sehr gut geschmeckt. = It tasted very good.
Ist das scharf? = Is it spicy?
Ich esse kein Fleisch. = I don't eat meat.
Ich esse kein Schweinefleisch. = I don't eat pork.
Ich bin Vegetarier. = I'm a vegetarian.
Ich vertrage keine Milch. = I can't tolerate milk.
Ich bin allergisch gegen Nüsse. = I'm allergic to nuts.
Bratwurst vom Grill = Grilled bratwurst
Lachs vom Grill = Grilled salmon
Rindersteak vom Grill = Grilled steak
Hähnchenbrust vom Grill = Grilled chicken breast
Gemüse vom Grill = Grilled vegetables
Vorspeisen = Starters
Hauptgerichte = Main courses
Beilagen = Side dishes
Nachspeisen = Desserts
Getränke = Drinks
Tageskarte = Today's menu
Mittagstisch = Lunch menu
Frühstück ab neun Uhr = Breakfast from nine o'clock
Heute Ruhetag = Closed today
Alle Preise in Euro = All prices in euros
Wir drücken euch die Daumen! = We'll keep our fingers crossed for you!
Drück mir die Daumen! = Keep your fingers crossed for me!
Das ist mir egal. = I don't care.
Das ist mir Wurst. = I couldn't care less.
Ich verstehe nur Bahnhof. = It's all Greek to me.
Da liegt der Hund begraben. = That's the heart of the matter.
Er hat nicht alle Tassen im Schrank. = He's not all there.
Sie hat ins Schwarze getroffen. = She hit the mark.
Ich habe die Nase voll. = I've had enough.
Das ist ein Katzensprung. = It's only a stone's throw away.
Jetzt haben wir den Salat. = Now we're in a mess.
Er nimmt kein Blatt vor den Mund. = He doesn't mince his words.
Übung macht den Meister. = Practice makes perfect.
Aller Anfang ist schwer. = The first step is always the hardest.
Wer zuerst kommt, mahlt zuerst. = First come, first served.
Ende gut, alles gut. = All's well that ends well.
Kommt Zeit, kommt Rat. = It will work itself out in time.
Gute Besserung! = Get well soon!
Herzlichen Glückwunsch zum Geburtstag! = Happy birthday!
Alles Gute! = All the best!
Alles Liebe zum Geburtstag! = Happy birthday!
Meine Schwester hat heute Geburtstag. = It's my sister's birthday today.
Wann hast du Geburtstag? = When is your birthday?
Herzlichen Glückwunsch zur Hochzeit! = Congratulations on your wedding!
Frohe Weihnachten! = Merry Christmas!
Ein gutes neues Jahr! = Happy New Year!
Frohe Ostern! = Happy Easter!
Herzliches Beileid. = My deepest condolences.
Guten Rutsch! = Happy New Year!
Gute Reise! = Have a good trip!
Viel Spaß! = Have fun!
Viel Erfolg! = Good luck!
Schönen Feierabend! = Have a nice evening!
Viel Glück morgen, ich drücke dir die Daumen! = Good luck tomorrow, I'll keep my fingers crossed!
Bis morgen! = See you tomorrow!
Bis später! = See you later!
Bis gleich! = See you in a minute!
Mir ist schlecht. = I feel sick.
Mir ist kalt. = I'm cold.
Mir ist warm. = I'm warm.
Mir ist schwindelig. = I feel dizzy.
Mir ist langweilig. = I'm bored.
Mein Rücken tut weh. = My back hurts.
Mein Knie tut weh. = My knee hurts.
Wo tut es weh? = Where does it hurt?
Ich brauche ein Rezept. = I need a prescription.
Ich brauche etwas gegen Husten. = I need something for a cough.
Ich bin krankgeschrieben. = I'm on sick leave.
Nehmen Sie die Tabletten zweimal am Tag. = Take the tablets twice a day.
Nehmen Sie eine Tablette vor dem Essen. = Take one tablet before meals.
Diese Tabletten sind gegen Schmerzen. = These tablets are for pain.
Ich muss zum Zahnarzt. = I have to go to the dentist.
Sie muss morgen zum Arzt. = She has to go to the doctor tomorrow.
Ich gehe zum Arzt, weil ich krank bin. = I'm going to the doctor because I'm sick.
Rufen Sie einen Krankenwagen! = Call an ambulance!
Haben Sie das eine Nummer größer? = Do you have this in a bigger size?
Haben Sie das auch in Blau? = Do you have this in blue as well?
Kann ich das anprobieren? = Can I try this on?
Kann ich mit Karte zahlen? = Can I pay by card?
Ich brauche eine Quittung. = I need a receipt.
Ich schaue mich nur um. = I'm just looking.
Das ist im Angebot. = This is on sale.
Einfach oder hin und zurück? = One way or round trip?
Von welchem Gleis fährt der Zug? = Which platform does the train leave from?
Der Zug fällt heute aus. = The train is cancelled today.
Ich habe meinen Anschluss verpasst. = I missed my connection.
Muss ich umsteigen? = Do I have to change trains?
Ist dieser Platz noch frei? = Is this seat free?
Der Wecker klingelt um sechs. = The alarm goes off at six.
Mein Wecker hat nicht geklingelt. = My alarm didn't go off.
Ich koche Kaffee. = I'm making coffee.
Ich bringe die Kinder zur Schule. = I take the children to school.
Ich wecke die Kinder. = I wake the children.
Ich packe meine Tasche. = I'm packing my bag.
Ich hole dich vom Bahnhof ab. = I'll pick you up from the station.
Kannst du mir beim Umzug helfen? = Can you help me move?
Wir ziehen nächsten Monat um. = We're moving next month.
Die Bank gibt uns einen Kredit. = The bank is giving us a loan.
Ich hebe Geld ab. = I'm withdrawing money.
Die Bank ist aus Holz. = The bench is made of wood.
Im Garten steht eine Bank. = There is a bench in the garden.
Ich muss noch Geld abheben. = I still have to withdraw money.
Bringen Sie uns bitte die Karte. = Please bring us the menu.
Könnten Sie mir bitte das Salz geben? = Could you please give me the salt?
Zum Frühstück gibt es Brötchen mit Marmelade. = For breakfast there are rolls with jam.
Die Jacke ist schön, aber sie ist zu groß. = The jacket is nice, but it is too big.
Die Hose passt nicht, sie ist zu kurz. = The trousers don't fit, they are too short.
Der Herd ist kaputt, aber er wird repariert. = The stove is broken, but it will be repaired.
Der Zug war voll, aber er kam pünktlich. = The train was full, but it arrived on time.
Das Auto ist alt, aber es fährt noch. = The car is old, but it still runs.
Ich lese den Kindern ein Buch vor. = I'm reading a book to the children.
Liest du mir eine Geschichte vor? = Will you read me a story?
Wir saßen auf einer Bank im Garten. = We sat on a bench in the garden.
""")


PATTERNS = pairs("""
{dish} mit {side} = {dish} with {side}
{dish} mit {side} und {side2} = {dish} with {side} and {side2}
{dish} mit {side} und {side2} = {dish} with {side} and {side2}
{dish} mit {side} {menu_price} Euro = {dish} with {side} {menu_price} euros
{dessert} mit {sweet} = {dessert} with {sweet}
Hausgemachter Nachtisch: {dessert} = Homemade dessert: {dessert}
Ich nehme {ordered}. = I'll have {ordered}.
Ich nehme {ordered} mit {side}. = I'll have {ordered} with {side}.
Ich hätte gern {ordered} mit {side} und {side2}. = I'd like {ordered} with {side} and {side2}.
Zum Nachtisch gibt es {dessert} mit {sweet}. = For dessert, we have {dessert} with {sweet}.
Ich hätte gern {drink}. = I'd like {drink}.
Ich möchte {drink}, bitte. = I would like {drink}, please.
Bringen Sie mir bitte {drink}. = Please bring me {drink}.
Ich möchte für {day} einen Tisch bestellen. = I would like to book a table for {day}.
Haben Sie einen Tisch für {hour} Personen? = Do you have a table for {hour} people?
Wir möchten einen Tisch für {hour} reservieren. = We would like to reserve a table for {hour}.
Sehr {formal}, = Dear {formal},
Sehr {formal}, {thing} funktioniert nicht. = Dear {formal}, {thing} is not working.
Sehr {formal}, {thing} geht {since} nicht. = Dear {formal}, {thing} has not worked {since}.
Sehr {formal}, {thing} ist {since} kaputt. = Dear {formal}, {thing} has been broken {since}.
Sehr {formal}, leider ist {thing} kaputt. = Dear {formal}, unfortunately, {thing} is broken.
Sehr {formal}, wann wird {thing} repariert? = Dear {formal}, when will {thing} be repaired?
Guten Tag {person}, {thing} ist kaputt. = Hello {person}, {thing} is broken.
{thing} funktioniert {since} nicht mehr. = {thing} has not been working {since}.
{thing} ist {since} kaputt. = {thing} has been broken {since}.
{thing} geht nicht mehr. = {thing} is no longer working.
Können Sie {the_thing} reparieren? = Can you repair {the_thing}?
Wann reparieren Sie {the_thing}? = When will you repair {the_thing}?
Wer kann {the_thing} reparieren? = Who can repair {the_thing}?
Wir treffen uns {when}. = We're meeting {when}.
Der Zug fährt {when} ab. = The train leaves {when}.
Der Zug nach {city} fährt {when}. = The train to {city} leaves {when}.
Der Bus kommt {when} an. = The bus arrives {when}.
Ich stehe {early} auf. = I get up {early}.
Morgen früh {early} klingelt der Wecker. = Tomorrow morning {early} the alarm goes off.
Der Wecker klingelt {early}. = The alarm goes off {early}.
Am {day} {when} habe ich einen Termin {where}. = On {day} {when} I have an appointment {where}.
Ich habe am {date} einen Termin {where}. = I have an appointment {where} on {date}.
{person} hat am {date} {when} einen Termin. = {person} has an appointment on {date} {when}.
{person} aus {city} kommt am {day}. = {person} from {city} is coming on {day}.
{person} kommt heute {when}. = {person} is coming today {when}.
Der Film beginnt {when}. = The film starts {when}.
Das Geschäft schließt {when}. = The shop closes {when}.
Kannst du mich {when} abholen? = Can you pick me up {when}?
Hast du am {day} {when} Zeit? = Do you have time on {day} {when}?
Das kostet {n} Euro. = That costs {n} euros.
Das kostet {price} Euro. = That costs {price} euros.
Das macht {price} Euro, bitte. = That's {price} euros, please.
Die Miete beträgt {rent} Euro im Monat. = The rent is {rent} euros a month.
Ich habe {n} Euro bezahlt. = I paid {n} euros.
{person} schuldet mir {n} Euro. = {person} owes me {n} euros.
Das Haus wurde im Jahr {year} gebaut. = The house was built in {year}.
Sie wurde {year} in {city} geboren. = She was born in {city} in {year}.
Ich wohne in der {street}. = I live at {street}.
{person} wohnt in der {street} in {city}. = {person} lives at {street} in {city}.
Zimmer {n}, bitte. = Room {n}, please.
Mein Zimmer hat die Nummer {n}. = My room number is {n}.
Es sind noch {n} Kilometer bis {city}. = It's another {n} kilometers to {city}.
In dem Dorf wohnen {n} Menschen. = {n} people live in the village.
Das Buch hat {n} Seiten. = The book has {n} pages.
Es kamen {n} Leute. = {n} people came.
Wir brauchen {n} Gramm Mehl. = We need {n} grams of flour.
Mein Name ist {name}. = My name is {name}.
Ich heiße {name} und komme aus {city}. = My name is {name} and I'm from {city}.
Wo ist {place}? = Where is {place}?
Entschuldigung, wo ist {place}? = Excuse me, where is {place}?
Ist {place} weit von hier? = Is {place} far from here?
Wie komme ich {to_place}? = How do I get {to_place}?
{place} ist um die Ecke. = {place} is around the corner.
Ich habe {pain}. = I have {pain}.
Ich habe {since} {pain}. = I have had {pain} {since}.
Mein Sohn hat {pain}. = My son has {pain}.
Haben Sie etwas gegen {pain}? = Do you have anything for {pain}?
Ich kann nicht kommen, weil ich {pain} habe. = I can't come because I have {pain}.
Ich möchte diese {article} umtauschen. = I would like to exchange this {article}.
Was kostet diese {article}? = How much is this {article}?
Die {article} ist alt, aber sie ist noch gut. = The {article} is old, but it is still good.
Der {masculine} ist alt, aber er ist noch gut. = The {masculine} is old, but it is still good.
Das {neuter} ist alt, aber es ist noch gut. = The {neuter} is old, but it is still good.
Der {masculine} war teuer, aber er gefällt mir. = The {masculine} was expensive, but I like it.
Das {neuter} ist neu, es hat {n} Euro gekostet. = The {neuter} is new, it cost {n} euros.
Ich brauche den {masculine}. Wo ist er? = I need the {masculine}. Where is it?
Ich suche meine {article}, sie war im Auto. = I'm looking for my {article}, it was in the car.
Ich möchte diesen {masculine} umtauschen. = I would like to exchange this {masculine}.
Ich möchte dieses {neuter} umtauschen. = I would like to exchange this {neuter}.
""")

KEPT_OUT = {
    "Gulasch mit Knödeln und Rotkohl",
    "Bratkartoffeln mit Speck und Zwiebeln",
    "Wo ist der Bahnhof?",
}
"""Three sentences of the README and the card; others are like the patterns."""


def person(draw: random.Random) -> Pair:
    """Somebody, with a title."""
    german, english = draw.choice(
        (("Herr", "Mr."), ("Frau", "Ms."), ("Herr Dr.", "Dr."), ("Frau Dr.", "Dr."))
    )
    name = draw.choice(NAMES)
    return f"{german} {name}", f"{english} {name}"


def formal(draw: random.Random) -> Pair:
    """Whom a letter is to."""
    german, english = person(draw)
    return f"geehrte{'r' if german.startswith('Herr') else ''} {german}", english


def when(draw: random.Random) -> Pair:
    """A time of day."""
    digits = f"{draw.randrange(6, 24)}:{draw.randrange(0, 60, 5):02}"
    return draw.choice((*in_words(draw), (f"um {digits} Uhr", f"at {digits}"), evening(draw)))


def evening(draw: random.Random) -> Pair:
    """An hour that English has no word for."""
    hour = draw.randrange(13, 24)
    return f"um {hour} Uhr", f"at {hour}:00"


def early(draw: random.Random) -> Pair:
    """When one gets up."""
    digits = f"{draw.randrange(5, 10)}:{draw.randrange(0, 60, 5):02}"
    return draw.choice((*in_words(draw), (f"um {digits} Uhr", f"at {digits}")))


def in_words(draw: random.Random) -> list[Pair]:
    """The ways to say some time; half past six is *halb sieben*."""
    n = draw.randrange(12)
    (hour, its_name), (following, next_name) = HOURS[n], HOURS[(n + 1) % 12]
    return [
        (f"um halb {following}", f"at half past {its_name}"),
        (f"um Viertel nach {hour}", f"at a quarter past {its_name}"),
        (f"um Viertel vor {following}", f"at a quarter to {next_name}"),
        (f"um zehn nach {hour}", f"at ten past {its_name}"),
        (f"um {hour if n else 'ein'} Uhr", f"at {its_name} o'clock"),
    ]


def date(draw: random.Random) -> Pair:
    """A day of a month."""
    german, english = draw.choice(MONTHS)
    day = draw.randrange(1, {"Februar": 29, "April": 31, "Juni": 31}.get(german, 32))
    if german in ("September", "November"):
        day = min(day, 30)
    return f"{day}. {german}", f"{english} {day}"


def number(draw: random.Random) -> Pair:
    """Two to four digits, often round."""
    size = 10 ** draw.randrange(1, 4)
    n = draw.randrange(size, 10 * size)
    n -= n % draw.choice((1, 1, size, max(1, size // 10)))
    if n >= 1000 and draw.random() < 0.5:
        return f"{n:,}".replace(",", "."), f"{n:,}"
    return str(n), str(n)


def rent(draw: random.Random) -> Pair:
    """Euros a month."""
    return (str(draw.randrange(300, 2000, 10)),) * 2


def price(draw: random.Random) -> Pair:
    """Euros and cents."""
    euros, cents = draw.randrange(200), draw.choice((*range(100), *(0, 50, 80, 90, 99) * 10))
    return f"{euros},{cents:02}", f"{euros}.{cents:02}"


def menu_price(draw: random.Random) -> Pair:
    """Of a dish."""
    euros, cents = draw.randrange(3, 30), draw.choice((0, 20, 50, 80, 90))
    return f"{euros},{cents:02}", f"{euros}.{cents:02}"


def street(draw: random.Random) -> Pair:
    """With a number."""
    return (f"{draw.choice(NAMES)}straße {draw.randrange(1, 200)}",) * 2


def place(draw: random.Random) -> Pair:
    """What one asks the way to."""
    german, english = draw.choice(PLACES)
    return german, f"the {english}"


def the_thing(draw: random.Random) -> Pair:
    """What does not work, in the accusative."""
    german, english = draw.choice(THINGS)
    return re.sub("^der ", "den ", german), english


def to_place(draw: random.Random) -> Pair:
    """The way there."""
    german, english = place(draw)
    article, noun = german.split(" ", 1)
    return f"{'zur' if article == 'die' else 'zum'} {noun}", f"to {english}"


def one_of(choices: list[Pair]) -> Callable[[random.Random], Pair]:
    """Any of these."""
    return lambda draw: draw.choice(choices)


SLOTS: dict[str, Callable[[random.Random], Pair]] = {
    "article": one_of(CLOTHES),
    "city": one_of([(city, city) for city in CITIES]),
    "date": date,
    "day": one_of(DAYS),
    "dessert": one_of(DESSERTS),
    "dish": one_of(DISHES),
    "early": early,
    "masculine": one_of(MASCULINE),
    "menu_price": menu_price,
    "neuter": one_of(NEUTER),
    "ordered": one_of(ORDERED),
    "rent": rent,
    "the_thing": the_thing,
    "drink": one_of(DRINKS),
    "formal": formal,
    "hour": one_of(HOURS[1:]),
    "n": number,
    "name": one_of([(name, name) for name in NAMES]),
    "pain": one_of(PAINS),
    "person": person,
    "place": place,
    "price": price,
    "side": one_of(SIDES),
    "side2": one_of(SIDES),
    "since": one_of(SINCE),
    "street": street,
    "sweet": one_of(SWEET),
    "thing": one_of(THINGS),
    "to_place": to_place,
    "when": when,
    "where": one_of(DOCTORS),
    "year": lambda draw: (str(draw.randrange(1800, 2025)),) * 2,
}


def phrases(n: int, seed: int) -> list[Pair]:
    """n pairs made of patterns, no German twice, and none that is fixed."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    fixed = dict(FIXED)
    while len(found) < n:
        sides = draw.choice(PATTERNS)
        values = {slot: SLOTS[slot](draw) for slot in re.findall(r"{(\w+)}", sides[0])}
        german, english = (
            side.format(**{slot: pair[i] for slot, pair in values.items()})
            for i, side in enumerate(sides)
        )
        different = len({english for _, english in values.values()}) == len(values)
        if different and german not in KEPT_OUT and german not in fixed:
            found.setdefault(german[0].upper() + german[1:], english[0].upper() + english[1:])
    return list(found.items())


def main() -> None:
    """Writes those made of patterns; FIXED are for `prepare_everyday.py`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--n", type=int, default=8000, help="pairs made of patterns (8000)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    text = "".join(f"{de}\t{en}\n" for de, en in phrases(args.n, args.seed))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output, text.encode())


if __name__ == "__main__":
    main()
