"""Words around personal data, in the languages of `numbers.py`, as `tokens.key_of` writes them. Pure.

They are one list for all languages: a word of one says little in another, and people mix them.
"""

from calls.redaction.tokens import key_of


def _keys(*words: str) -> frozenset[str]:
    return frozenset(key_of(word) for line in words for word in line.split())


# Said between digits by who thinks, groups or goes on; and what people call the strokes between groups.
HESITATIONS = _keys(
    "um uh er erm hm hmm mm mhm eh ehm well then next dash hyphen minus space",
    "äh ähm dann strich bindestrich leerzeichen",
    "euh heu puis tiret espace ensuite",
    "este luego guion espacio después",
    "אה אמ ואז מקף רווח",
    "trattino poi traço depois streepje dan",
)

# Said where somebody goes on in another segment: "and", or "yes" to what the other side repeats.
LINKS = _keys(
    "and yes yeah yep ok okay right so correct exactly",
    "und ja genau gut also",
    "et oui voilà alors",
    "y sí vale bien",
    "ו כן בסדר נכון",
    "e sì sim ed en",
)

# A telephone number comes next.
PHONE = _keys(
    "phone phones telephone mobile cell reach cellphone cellular call callback dial ring fax whatsapp tel sms text",
    "landline",
    "telefon telefonnummer handy handynummer mobilnummer rufnummer rückrufnummer mobil anrufen festnetz durchwahl",
    "erreichen",
    "téléphone telephone portable appeler appelez rappeler rappelez joindre fixe",
    "teléfono móvil celular llamar llame llámeme fijo",
    "טלפון הטלפון בטלפון נייד הנייד פלאפון סלולרי להתקשר תתקשר תתקשרי תתקשרו",
    "telefono cellulare chiamare chiamami telefone celular telemóvel ligar telefoonnummer mobiel bellen",
)

# "My number" is a telephone's; any other number may be of anything.
NUMBER = _keys("number numbers nummer numéro número מספר המספר numero")
MINE = _keys("my his her meine ihre seine mon mi su mio meu mijn")

# A bank account comes next.
ACCOUNT = _keys(
    "account acct iban bic routing aba sort",
    "konto kontonummer bankkonto bankleitzahl blz",
    "compte rib",
    "cuenta ccc",
    "חשבון החשבון בחשבון חשבונך",
    "conto conta rekening rekeningnummer",
)

# What proves who somebody is comes next: the code of a card, a personal number.
SECRET = _keys(
    "cvv cvc cvv2 cvc2 csc cvn pin otp passcode password",
    "prüfziffer prüfnummer kartenprüfnummer geheimzahl tan passwort",
    "cryptogramme",
    "clave contraseña",
    "סיסמה הסיסמה סודי",
)
# The number comes next by which a state knows somebody.
IDENTITY = _keys(
    "ssn social passport licence license nino identity",
    "ausweisnummer ausweis reisepass steuernummer sozialversicherungsnummer führerschein",
    "sociale passeport",
    "dni nie nif pasaporte",
    "זהות דרכון",
    "codice cpf bsn",
)
# Which codes are such: a security code, and no code of an error.
CODE = _keys("code codes sicherheitscode bestätigungscode código קוד")
OF_SECRETS = _keys("security verification access secret authentication login confirmation card one time pin seguridad")

# A number that is nobody's comes next: what was ordered, sent, reported.
REFERENCE = _keys(
    "order orders ticket case reference ref invoice tracking parcel booking reservation confirmation serial model part",
    "item product sku article version build error page year isbn issue",
    "bestellung bestellnummer auftrag auftragsnummer rechnung rechnungsnummer sendung sendungsnummer vorgang",
    "vorgangsnummer ticketnummer artikelnummer seriennummer fehler buchungsnummer aktenzeichen",
    "commande facture dossier colis réservation référence série article erreur",
    "pedido factura expediente envío reserva referencia serie artículo",
    "הזמנה ההזמנה חשבונית פנייה משלוח אסמכתא סידורי",
    "ordine fattura spedizione encomenda fatura bestelnummer factuurnummer",
)

# What follows a number of things or money.
UNITS = _keys(
    "dollar dollars bucks euro euros cent cents pound pounds pence shekel shekels usd eur gbp ils chf percent units",
    "people persons users customers calls times pieces items years months weeks days hours minutes seconds o'clock",
    "million millions billion thousand hundred kilometers kilometres miles meters metres feet kilos grams bytes",
    "franken prozent stück leute personen jahre monate wochen tage stunden minuten sekunden uhr tausend",
    "hundert million",
    "millionen kilometer meter",
    "francs pourcent personnes ans années mois semaines jours heures secondes mille cents mètres kilomètres",
    "dólares céntimos libras personas años meses semanas días horas minutos segundos mil millones metros kilómetros",
    "שקל שקלים דולר דולרים אחוז אחוזים אנשים שנים חודשים שבועות ימים שעות דקות שניות אלף מיליון",
)
MARKS_OF_AMOUNTS = frozenset("%$€£¥₪₹₽₩¢")

EMAIL = _keys(
    "email emails mail mailbox address e-mail mailadresse emailadresse adresse courriel correo mejl dirección",
    "מייל המייל אימייל כתובת דואל indirizzo endereço",
)

# What people say for "@"; those of the second list mean nothing else.
AT = _keys("at ät אט")
SURELY_AT = _keys("arobase arobas arrobase arroba klammeraffe affenschwanz שטרודל כרוכית chiocciola apenstaartje")
DOT = _keys("dot punkt point punto נקודה ponto punt period")
# Words for the other marks of an address; some are said in two words.
JOINTS = _keys(
    "dot punkt point punto נקודה ponto punt period",
    "underscore unterstrich underline",
    "dash hyphen minus bindestrich tiret guion guión מקף trattino hífen",
    "plus más פלוס più mais",
)
JOINTS_OF_TWO = frozenset({("tiret", "bas"), ("guion", "bajo"), ("קו", "תחתון"), ("under", "score"), ("קו", "תחתי")})

# What can end an address that is said; of one that is written anything may.
TOP_LEVEL = _keys(
    "com org net edu gov info biz io co me app dev ai online shop tv mail cloud eu uk us ca au nz ie in za",
    "de at ch li lu be nl fr es pt it pl cz sk hu ro bg gr dk se no fi ee lv lt ru ua tr il mx ar br cl jp cn kr sg",
    "קום נט קו איל",
)

# Words that stand before "at" or a number and are no part of anybody's address.
NEVER_LOCAL = _keys(
    "a about account address all am an and any anybody anyone are arrive arrived arriving available back based be",
    "been being better book booked booking bought but buy by call called can check checked come contact customer",
    "directly do e-mail email everybody everyone everything find for found from go good got he her here him his",
    "home hosted how i in is it it's its job jobs join live lives living log login look looked looking mail me",
    "meet meeting mine more my no not now of ok okay on online only open or order ordered ordering orders our out",
    "over page paid pay people person reach reachable register registered s sale save saw see seen sell send sent",
    "shop shopped shopping sign site so sold some somebody someone staff started starting stay stayed store",
    "support t team than that the their them there they this those times to try up us use used visit was we",
    "website were what when where which with work worked working works write yes you your yours",
    "adresse auf aus bei bin das dem den der die ein eine er es gekauft habe ich ihr im ist lautet mailadresse mein",
    "meine nein sie sind und uns von war wir zu arbeite bestellt gefunden ja heißt",
    "avec c'est chez dans de des du elle en est et il j'ai je la le les ma mon ne nous oui ou pas pour que sur un une",
    "votre vous trouvé commandé travaille",
    "con correo de del dirección el ella en es está la las lo los mi nos para por que se si su un una y yo trabajo",
    "compré encontré",
    "אני הוא היא זה שלי של את או לא כן על עם כתובת המייל מייל הכתובת",
)

# Mailboxes that many companies have: addresses where somebody says that one comes, else words like any.
OFFICES = _keys("support contact order orders booking jobs staff team home shop me help")
