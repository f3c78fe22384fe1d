"""The words that the sample of ``sales`` is made of, all invented."""

LINES = (
    ("Classic Cars", "Cars for those who loved them when they were new.\nEach has doors that open, and a certificate."),
    ("Motorcycles", 'Engines, chrome and chains — rebuilt in the "smallest" of scales.\r\nNot for children under 3.'),
    ("Planes", "Wings with rivets you can count; each plane 'flies' on a stand."),
    ("Ships", "From galleons to liners, with rigging tied by hand."),
    ("Trains", "Engines and carriages that run on H0 tracks.  "),
    ("Trucks and Buses", "What carried people and bread: 50 % of our customers began with one."),
    ("Vintage Cars", "Before 1940, when cars had running boards."),
)
SCALES = ("1:10", "1:12", "1:18", "1:24", "1:32", "1:50", "1:72", "1:700")
VENDORS = ("Little Works", "Méridien Modèles", "Red Barn Diecast", "Harbour & Sons", "Unterwegs Miniaturen", "Kiku ")
MAKERS = ("Alba", "Borealis", "Corvina", "Délage-Roux", "Everett", "Falkenhorst", "Gannet", "Hütter", "Ibis", "Juno")
MODELS = ("Tourer", "Coupé", "Roadster", "Type 7", "Courier", "Clipper", "Express", "Phaeton", "Six", 'Model "B"')
DESCRIPTIONS = (
    'This {scale} replica of the {name} has opening doors,\na detailed engine and "real" rubber tyres.',
    "{name}: hand-painted, with {scale} fittings; comes in a box marked C:\\models\\new.\r\n\r\nNumbered.",
    "  A faithful {name}. It's boxed.",
    "{name}\n\n- scale {scale}\n- 120 parts\n- display stand\n",
)
# office code, city, phone, address (2), state, country, postal code, territory
OFFICES = (
    ("1", "Oakland", "+1 510 555 0100", "12 Drydock Lane", "Floor 3", "CA", "USA", "94607", "NA"),
    ("2", "Montréal", "+1 514 555 0101", "880 rue des Érables", None, "QC", "Canada", "H2X 1Y4", "NA"),
    ("3", "Chicago", "+1 312 555 0102", "77 Wabash Court", "Unit 9", "IL", "USA", "60601", "NA"),
    ("4", "Lyon", "+33 4 55 01 03 00", "6 quai des Maquettes", None, None, "France", "69003", "EMEA"),
    ("5", "Osaka", "+81 6 5550 104", "2-8 Tenma", None, "Osaka", "Japan", "530-0003", "Japan"),
    ("6", "Perth", "+61 8 5550 0105", "31 Jarrah Parade", "Level 1", "WA", "Australia", "6000", "APAC"),
    ("7", "Leeds", "+44 113 5550 0106", "9 Weaver Yard", None, None, "UK", "LS1 4DY", "EMEA"),
)
# city, state, postal code, country. 94607, 60601, 69003, 6000 and 50739 are shared; Millbrook is in two states.
PLACES = (
    ("Oakland", "CA", "94607", "USA"),
    ("Emeryville", "CA", "94607", "USA"),
    ("Chicago", "IL", "60601", "USA"),
    ("Chicago", "IL", "60601", "USA"),
    ("Millbrook", "MA", "01581", "USA"),
    ("Millbrook", "NH", "01581", "USA"),
    ("Lyon", None, "69003", "France"),
    ("Villeurbanne", None, "69003 ", "France"),
    ("Quimper", None, "29000", "France"),
    ("Köln", None, "50739", "Germany"),
    ("Małkowice", None, "50739", "Poland"),
    ("Tampere", None, "33100", "Finland"),
    ("Reykjavík", None, None, "Iceland"),
    ("Galway", None, None, "Ireland"),
    ("Macao", None, None, "Macao"),
    ("São Luís", "MA", "65010-100", "Brazil"),
    ("Sevilla", None, "41001", "Spain"),
    ("Ærøskøbing", None, "5970", "Denmark"),
    ("Tromsø", None, "N 9008", "Norway  "),
    ("大阪", "Osaka", "530-0003", "Japan"),
    ("Perth", "WA", "6000", "Australia"),
    ("Dunedin", None, " ", "New Zealand"),
    ("Leeds", None, "LS1 4DY", "UK"),
    ("Łódź", None, "90-001", "Poland"),
    ("Genève", None, "6000", "Switzerland"),
    ("Pátra", None, "26221", "Greece"),
    ("Québec", "QC", "G1R 2B5", "Canada"),
)
FIRST_NAMES = (
    "Ana", "Björn", "Chloé", "Dmitri", "Eloísa", "Fatou", "Günther", "Hana", "Ines", "João", "Kaisa", "Léo", "Mei",
    "Nils", "Oumar", "Pía", "Quentin", "Rosa", "Søren", "Tove", "Uma", "Václav", "Wei", "Ximena", "Yūki", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Bäcker", "Castillo", "D'Amico", "Eriksson", "Fontaine", "García", "Håkansson", "Ibsen", "Jørgensen",
    "Kowalski", "Lefèvre", "Müller", "Nakamura", "O'Hara", "Pérez", "Quist", "Rossi", "Świątek", "Tanaka", "Urquhart",
    "van Dijk", "Weiß", "Xu", "Yildirim", "Žižek",
)  # fmt: skip
COMPANY_FIRST = (
    "Atelier", "Mini", "Grande", "Alpha", "Petit", "Royal", "Scandinavian", "Blue", "Córdoba", "Down Under", "Old Town",
    "Marché", "Gift", "Kinder", "Lakeside", "Collectors'",
)  # fmt: skip
COMPANY_SECOND = (
    "Models", "Gifts", "Wheels", "Collectables", "Imports", "Modélisme", "Spielwaren", "Toys & Co", "Classics",
    "Diecast", "Souvenirs", "Replicas",
)  # fmt: skip
FORMS = ("Inc.", "Ltd", "GmbH", "S.A.", "Co.", "AG", "Oy", "A/S", "SARL", "& Sons")
STREETS = ("Strong St.", "rue Royale", "Hauptstraße", "Calle Mayor", "Kungsgatan", "Rambla", "Elm Court", "Torikatu")
COMMENTS = (
    "Customer asked for a delivery before noon.\nGate code is with the driver.",
    'They said: "check\\count twice".\r\nWe did.',
    "Crédit refusé; le client conteste la livraison.",
    "Waiting for 50 % in advance; it's promised for next week.\n\n(see e-mail)\n",
    "Haggles.  ",
    "   ",
)
