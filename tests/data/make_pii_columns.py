"""Made-up columns with labels, for the test of the detector of personal data (src/pii): writes pii_columns.jsonl.

    pip install faker python-stdnum        python make_pii_columns.py > pii_columns.jsonl

Not part of the build: the file is committed. It was written before the detector and does not know its rules: values come from
Faker, check digits from python-stdnum, traps from tables of kinds that real warehouses have. Every second column of a label,
in an order drawn by a hash of the name, is held out: nobody looks at those while the detector's rules are changed.
"""
import datetime
import hashlib
import json
import random
import string
import sys

import stdnum.ar.cuit
import stdnum.ca.sin
import stdnum.ch.ssn
import stdnum.cn.ric
import stdnum.de.idnr
import stdnum.es.dni
import stdnum.es.nie
import stdnum.fr.nir
import stdnum.gb.nhs
import stdnum.imei
import stdnum.in_.aadhaar
import stdnum.isbn
import stdnum.luhn
import stdnum.nl.bsn
import stdnum.pl.pesel
import stdnum.pt.nif
import stdnum.se.personnummer
import stdnum.tr.tckimlik
import stdnum.us.rtn
import stdnum.za.idnr
from faker import Faker

N = 30
rng = random.Random(20261127)
fakes = {}
columns = []


def fake(locale="en_US"):
    if locale not in fakes:
        fakes[locale] = Faker(locale)
        fakes[locale].seed_instance(len(fakes) + 1000)
    return fakes[locale]


def digits(n, first="0123456789"):
    return rng.choice(first) + "".join(rng.choice(string.digits) for _ in range(n - 1))


def pick(*words):
    return lambda: rng.choice(words)


def form(pattern):
    """# a digit, @ a capital, ? a small letter, * a capital or digit"""
    made = {"#": string.digits, "@": string.ascii_uppercase, "?": string.ascii_lowercase,
            "*": string.ascii_uppercase + string.digits}
    return lambda: "".join(rng.choice(made[c]) if c in made else c for c in pattern)


def trial(make, module):
    def one():
        while True:
            value = make()
            if module.is_valid(value):
                return value
    return one


def col(label, name, make, type="VARCHAR", noise=0.0, nulls=0.0, distinct=None):
    values = []
    pool = [make() for _ in range(distinct)] if distinct else None
    for _ in range(N):
        if rng.random() < nulls:
            values.append(None)
        elif rng.random() < noise:
            values.append(rng.choice(["N/A", "unknown", "-", "tbd", "n.a."]))
        else:
            values.append(rng.choice(pool) if pool else make())
    columns.append({"column": name, "type": type, "label": label, "values": [v if v is None else str(v) for v in values]})


def day(first, last):
    a, b = datetime.date(first, 1, 1).toordinal(), datetime.date(last, 12, 31).toordinal()
    return lambda: datetime.date.fromordinal(rng.randint(a, b))


def luhn(make, length):
    def one():
        body = make()
        body += digits(length - 1 - len(body)) if len(body) < length - 1 else ""
        return body + stdnum.luhn.calc_check_digit(body)
    return one


def emails():
    f = fake()
    col("email", "email", f.email)
    col("email", "e_mail", lambda: fake("de_DE").email(), noise=0.1)
    col("email", "contact", f.company_email)
    col("email", "user_login", f.free_email, nulls=0.3)
    col("email", "primaryEmailAddress", lambda: f.email().upper())
    col("email", "correo", lambda: fake("es_ES").email())
    col("email", "recipient", lambda: f"{f.name()} <{f.email()}>")
    col("email", "reply_to", lambda: "mailto:" + f.email())
    col("email", "col7", f.ascii_safe_email)
    col("email", "subscriber", lambda: f.email().replace("@", "+news@"), noise=0.2)
    col("email", "cc", lambda: f.email() + ", " + f.email())


def phones():
    f = fake()
    col("phone", "phone", form("(212) 55#-####"))
    col("phone", "mobile", lambda: f"+1{rng.choice(['212', '415', '646', '305'])}{digits(1, '23456789')}{digits(6)}")
    col("phone", "tel", lambda: fake("de_DE").phone_number())
    col("phone", "telephone_number", lambda: fake("fr_FR").phone_number())
    col("phone", "work_phone", lambda: fake("en_GB").phone_number())
    col("phone", "telefono", lambda: fake("es_ES").phone_number())
    col("phone", "cell", lambda: digits(3, "23456789") + "-" + digits(1, "23456789") + digits(2, "02345") + "-" + digits(4), noise=0.1)
    col("phone", "customer_phone", lambda: int("91" + digits(10, "6789")), "BIGINT")
    col("phone", "contact_number", lambda: digits(10, "6789"))
    col("phone", "phone_no", lambda: digits(1, "23456789") + digits(2, "02345") + digits(1, "23456789") + digits(6), "BIGINT")
    col("phone", "fax", lambda: fake("it_IT").phone_number())
    col("phone", "celular", lambda: fake("pt_BR").cellphone_number())
    col("phone", "contact2", lambda: "+" + rng.choice(["49 151 ", "44 7700 ", "33 6 12 ", "41 79 "]) + digits(3) + " " + digits(3))
    col("phone", "c5", lambda: "+" + rng.choice(["4930", "3361", "34612", "3934"]) + digits(7))
    col("phone", "numero", lambda: "0" + digits(1, "67") + "".join(" " + digits(2) for _ in range(4)))
    col("phone", "whatsapp", lambda: "+55 (11) 9" + digits(4) + "-" + digits(4))
    col("phone", "mob", lambda: "04" + digits(2) + " " + digits(3) + " " + digits(3))
    col("phone", "daytime_contact", lambda: f"{digits(3, '23456789')}.{digits(1, '23456789')}{digits(2, '02345')}.{digits(4)}")
    col("phone", "ext_phone", lambda: f"({digits(3, '23456789')}) {digits(1, '23456789')}{digits(2, '02345')}-{digits(4)} x{digits(3)}")
    col("phone", "tel_jp", lambda: fake("ja_JP").phone_number())
    col("phone", "phone_numeric", lambda: digits(1, "23456789") + digits(2, "02345") + digits(1, "23456789") + digits(6) + ".0", "DOUBLE")
    col("phone", "handynummer", lambda: "01" + rng.choice(["51", "60", "70", "76"]) + digits(8))


def ssns():
    def ssn():
        return fake().ssn()
    col("ssn", "ssn", ssn)
    col("ssn", "social_security_number", lambda: ssn().replace("-", ""))
    col("ssn", "SocSecNo", ssn, noise=0.1)
    col("ssn", "member_ref", ssn)
    col("ssn", "taxpayer", ssn, nulls=0.4)
    col("ssn", "ssn_num", lambda: int(ssn().replace("-", "")), "BIGINT")
    col("ssn", "employee_ssn", lambda: ssn().replace("-", " "))
    col("ssn", "x1", ssn)


def national_ids():
    def add(name, make, type="VARCHAR", **kw):
        col("national_id", name, make, type, **kw)

    def dni():
        n = digits(8)
        return n + stdnum.es.dni.calc_check_digit(n)

    def nie():
        n = rng.choice("XYZ") + digits(7)
        return n + stdnum.es.nie.calc_check_digit(n)

    def nir():
        n = f"{digits(1, '12')}{digits(2)}{rng.randint(1, 12):02d}{rng.choice(['75', '13', '69', '33', '59'])}{rng.randint(1, 300):03d}{rng.randint(1, 400):03d}"
        return n + stdnum.fr.nir.calc_check_digits(n)

    def pesel():
        d = day(1950, 1999)()
        n = d.strftime("%y%m%d") + digits(4)
        return n + stdnum.pl.pesel.calc_check_digit(n)

    def personnummer(sep="-"):
        d = day(1940, 1999)()
        n = d.strftime("%y%m%d") + digits(3)
        return n[:6] + sep + n[6:] + stdnum.luhn.calc_check_digit(n)

    def za():
        n = day(1950, 1999)().strftime("%y%m%d") + digits(4) + digits(1, "01") + "8"
        return n + stdnum.luhn.calc_check_digit(n)

    def aadhaar():
        n = digits(11, "23456789")
        return n + stdnum.verhoeff.calc_check_digit(n)
    import stdnum.verhoeff  # noqa: F401
    add("dni", dni)
    add("nif", dni, noise=0.1)
    add("documento", lambda: rng.choice([dni, nie])())
    add("nie", nie)
    add("numero_securite_sociale", nir)
    add("nir", lambda: (lambda n: f"{n[0]} {n[1:3]} {n[3:5]} {n[5:7]} {n[7:10]} {n[10:13]} {n[13:]}")(nir()))
    add("codice_fiscale", lambda: fake("it_IT").ssn())
    add("cf", lambda: fake("it_IT").ssn().lower())
    add("bsn", trial(lambda: digits(9, "123456789"), stdnum.nl.bsn))
    add("burgerservicenummer", trial(lambda: digits(9, "123456789"), stdnum.nl.bsn), "BIGINT")
    add("pesel", pesel)
    add("person_ref", pesel)
    add("cpf", lambda: fake("pt_BR").cpf())
    add("documento_cliente", lambda: fake("pt_BR").cpf().replace(".", "").replace("-", ""))
    add("aadhaar", aadhaar)
    add("uid_number", lambda: (lambda a: f"{a[:4]} {a[4:8]} {a[8:]}")(aadhaar()))
    add("nino", lambda: rng.choice("ABCEGHJKLMPRSTWXYZ") + rng.choice("ABCEGHJKLMPRSTWXYZ") + digits(6) + rng.choice("ABCD"))
    add("national_insurance_no", lambda: "AB " + digits(2) + " " + digits(2) + " " + digits(2) + " C")
    add("personnummer", personnummer)
    add("kund_pnr", lambda: "19" + personnummer(""))
    add("steuer_id", lambda: fake("de_DE").vat_id()[2:] and steuer())
    add("tax_id_de", lambda: steuer())
    add("rijksregisternummer", lambda: fake("nl_BE").ssn())
    add("ahv_nr", lambda: fake("de_CH").ssn())
    add("sin", lambda: fake("en_CA").ssn())
    add("henkilotunnus", lambda: fake("fi_FI").ssn())
    add("fodselsnummer", lambda: fake("no_NO").ssn())
    add("id_card_cn", trial(lambda: "110101" + day(1950, 2000)().strftime("%Y%m%d") + digits(3) + rng.choice("0123456789X"), stdnum.cn.ric))
    add("tc_kimlik", trial(lambda: digits(9, "123456789") and tck(), stdnum.tr.tckimlik))
    add("za_id_number", za)
    add("nhs_number", trial(lambda: digits(10, "456789"), stdnum.gb.nhs))
    add("national_id", lambda: rng.choice([dni, pesel, nie])())


def steuer():
    while True:
        chosen = rng.sample(string.digits, 9)
        body = chosen + [rng.choice(chosen)]
        rng.shuffle(body)
        body = "".join(body)
        if body[0] == "0":
            continue
        for c in string.digits:
            if stdnum.de.idnr.is_valid(body + c):
                return body + c


def tck():
    n = [int(c) for c in digits(9, "123456789")]
    a = (sum(n[0::2]) * 7 - sum(n[1::2])) % 10
    b = (sum(n) + a) % 10
    return "".join(map(str, n)) + str(a) + str(b)


def cards():
    f = fake()
    visa = luhn(pick("4"), 16)
    master = luhn(lambda: "5" + digits(1, "12345"), 16)
    amex = luhn(pick("34", "37"), 15)

    def grouped():
        n = visa()
        return " ".join(n[i:i + 4] for i in range(0, 16, 4))
    col("payment_card", "credit_card", f.credit_card_number)
    col("payment_card", "cc_number", grouped)
    col("payment_card", "card_no", lambda: grouped().replace(" ", "-"), noise=0.1)
    col("payment_card", "pan", master)
    col("payment_card", "payment_ref", lambda: rng.choice([visa, master, amex])())
    col("payment_card", "CardNumber", visa, "BIGINT")
    col("payment_card", "kreditkarte", master, nulls=0.3)
    col("payment_card", "pay_token", visa)
    col("payment_card", "amex", amex, "BIGINT")


def ibans():
    def iban(locale):
        return lambda: fake(locale).iban()
    col("iban", "iban", iban("de_DE"))
    col("iban", "bank_account", lambda: rng.choice([iban("de_DE"), iban("fr_FR"), iban("es_ES"), iban("nl_NL")])())
    col("iban", "account_iban", lambda: (lambda v: " ".join(v[i:i + 4] for i in range(0, len(v), 4)))(iban("en_GB")()))
    col("iban", "kontonummer", iban("de_AT"), noise=0.1)
    col("iban", "acct", iban("it_IT"))
    col("iban", "konto", lambda: iban("pl_PL")().lower())
    col("iban", "beneficiary_account", iban("nl_NL"), nulls=0.4)
    col("iban", "f12", iban("de_CH"))


def ips():
    f = fake()
    col("ip_address", "ip", f.ipv4_public)
    col("ip_address", "client_ip", f.ipv4)
    col("ip_address", "remote_addr", lambda: f.ipv4() + ":" + str(rng.randint(1024, 65000)))
    col("ip_address", "ip_address", lambda: "10." + str(rng.randint(0, 255)) + "." + str(rng.randint(0, 255)) + "." + str(rng.randint(1, 254)))
    col("ip_address", "ipv6", f.ipv6)
    col("ip_address", "src", lambda: "192.168." + str(rng.randint(0, 20)) + "." + str(rng.randint(1, 254)))
    col("ip_address", "peer", lambda: rng.choice([f.ipv4, f.ipv6])())
    col("ip_address", "x_forwarded_for", lambda: f.ipv4_public() + ", " + f.ipv4_public())
    col("ip_address", "host", f.ipv4_public, noise=0.1)
    col("ip_address", "login_from", f.ipv4_public)
    col("ip_address", "addr6", lambda: "2001:db8::" + format(rng.randint(1, 65535), "x"))


def births():
    col("date_of_birth", "date_of_birth", day(1940, 2005), "DATE")
    col("date_of_birth", "dob", lambda: day(1940, 2005)().strftime("%m/%d/%Y"))
    col("date_of_birth", "birth_date", lambda: day(1950, 2000)().strftime("%d.%m.%Y"))
    col("date_of_birth", "geburtsdatum", day(1940, 2005), "DATE", nulls=0.2)
    col("date_of_birth", "fecha_nacimiento", lambda: day(1940, 2005)().strftime("%d/%m/%Y"))
    col("date_of_birth", "birthday", day(1970, 2010), "DATE")
    col("date_of_birth", "patientBirthDate", lambda: str(day(1930, 2020)()) + " 00:00:00", "TIMESTAMP")
    col("date_of_birth", "date_naissance", day(1940, 2005), "DATE")
    col("date_of_birth", "born_on", day(1940, 2005), "DATE")
    col("date_of_birth", "birth_dt", lambda: day(1940, 2005)().strftime("%Y%m%d"), "INTEGER")
    col("date_of_birth", "data_di_nascita", lambda: day(1940, 2005)().strftime("%d-%m-%Y"))
    col("date_of_birth", "BirthDate", lambda: day(1940, 2005)().strftime("%d %b %Y"))


def names():
    f = fake()
    col("person_name", "name", f.name)
    col("person_name", "first_name", f.first_name)
    col("person_name", "last_name", f.last_name)
    col("person_name", "full_name", lambda: fake("de_DE").first_name() + " " + fake("de_DE").last_name())
    col("person_name", "customer_name", lambda: fake("fr_FR").name())
    col("person_name", "nachname", lambda: fake("de_DE").last_name())
    col("person_name", "vorname", lambda: fake("de_DE").first_name(), noise=0.1)
    col("person_name", "nombre", lambda: fake("es_ES").name())
    col("person_name", "apellidos", lambda: fake("es_ES").last_name() + " " + fake("es_ES").last_name())
    col("person_name", "manager", lambda: f.first_name() + " " + f.last_name())
    col("person_name", "employee", lambda: f.last_name() + ", " + f.first_name())
    col("person_name", "contact_person", lambda: fake("it_IT").name())
    col("person_name", "patientName", lambda: f.last_name().upper() + ", " + f.first_name().upper())
    col("person_name", "author", f.name)
    col("person_name", "sales_rep", lambda: fake("en_GB").name())
    col("person_name", "surname", lambda: fake("pl_PL").last_name())
    col("person_name", "imie", lambda: fake("pl_PL").first_name())
    col("person_name", "given_name", lambda: fake("sv_SE").first_name())
    col("person_name", "cardholder", lambda: (f.first_name() + " " + f.last_name()).upper())
    col("person_name", "owner", f.name, nulls=0.3)
    col("person_name", "beneficiary", lambda: fake("nl_NL").name())
    col("person_name", "assigned_to", lambda: f.first_name() + " " + f.last_name())
    col("person_name", "middle_name", f.first_name, nulls=0.5)
    col("person_name", "tenant_name", lambda: fake("pt_BR").name())
    col("person_name", "student", lambda: fake("en_IN").name())
    col("person_name", "c3", lambda: f.first_name() + " " + f.last_name())
    col("person_name", "prenom", lambda: fake("fr_FR").first_name())
    col("person_name", "username_full", lambda: f.first_name() + " " + rng.choice(string.ascii_uppercase) + ". " + f.last_name())


def salaries():
    col("salary", "salary", lambda: rng.randint(28, 240) * 1000, "INTEGER")
    col("salary", "base_salary", lambda: f"{rng.uniform(30000, 180000):.2f}", "DOUBLE")
    col("salary", "annual_income", lambda: rng.randint(15000, 300000), "BIGINT")
    col("salary", "gehalt", lambda: f"{rng.uniform(2000, 9000):.2f}", "DECIMAL(10,2)")
    col("salary", "hourly_wage", lambda: f"{rng.uniform(12, 80):.2f}", "DECIMAL(6,2)")
    col("salary", "salaire_brut", lambda: rng.randint(1500, 9000), "INTEGER")
    col("salary", "compensation", lambda: f"${rng.randint(40, 250)},{digits(3)}")
    col("salary", "sueldo", lambda: rng.randint(1000, 6000), "INTEGER")
    col("salary", "emp_sal", lambda: rng.randint(28, 240) * 1000, "INTEGER")
    col("salary", "monthlyPay", lambda: f"{rng.uniform(2000, 15000):.2f}", "DOUBLE")
    col("salary", "net_salary_eur", lambda: f"{rng.randint(1, 9)}.{digits(3)},{digits(2)} €")
    col("salary", "bonus_and_salary", lambda: rng.randint(30000, 200000), "INTEGER")


def addresses():
    def flat(locale):
        return lambda: fake(locale).address().replace("\n", ", ")

    def street(locale):
        return lambda: fake(locale).street_address().replace("\n", ", ")
    col("postal_address", "address", flat("en_US"))
    col("postal_address", "street", street("en_US"))
    col("postal_address", "addr1", street("en_GB"))
    col("postal_address", "strasse", street("de_DE"))
    col("postal_address", "anschrift", flat("de_DE"))
    col("postal_address", "adresse", street("fr_FR"))
    col("postal_address", "direccion", street("es_ES"))
    col("postal_address", "indirizzo", street("it_IT"))
    col("postal_address", "shipping_address", flat("en_US"), noise=0.1)
    col("postal_address", "billTo", flat("en_US"))
    col("postal_address", "address_line_1", street("en_US"), nulls=0.2)
    col("postal_address", "home_addr", street("en_CA"))
    col("postal_address", "adres", street("nl_NL"))
    col("postal_address", "location", flat("en_US"))
    col("postal_address", "endereco", street("pt_BR"))
    col("postal_address", "residence", street("en_AU"))


def medical():
    codes = ["E11.9", "I10", "J45.909", "M54.5", "F32.9", "K21.9", "E78.5", "N39.0", "J06.9", "R51", "G43.909", "Z00.00", "S82.101A", "C50.911",
             "O80", "L40.0", "B34.9", "H52.4", "D64.9", "F41.1", "I25.10", "J18.9", "N18.3", "E03.9", "M17.11", "K35.80", "G47.33", "T78.40XA"]
    drugs = ["Metformin", "Lisinopril", "Atorvastatin", "Amlodipine", "Omeprazole", "Levothyroxine", "Albuterol", "Gabapentin", "Sertraline",
             "Losartan", "Hydrochlorothiazide", "Simvastatin", "Prednisone", "Amoxicillin", "Warfarin", "Clopidogrel", "Insulin glargine",
             "Fluoxetine", "Escitalopram", "Tramadol", "Apixaban", "Adalimumab", "Empagliflozin", "Ibuprofen", "Acetaminophen", "Azithromycin"]
    illness = ["Type 2 diabetes", "Hypertension", "Asthma", "Major depressive disorder", "Migraine", "Osteoarthritis", "Breast cancer",
               "Pneumonia", "Bronchitis", "Hypothyroidism", "Anemia", "Psoriasis", "Chronic kidney disease", "Atrial fibrillation", "Epilepsy",
               "Appendicitis", "COPD", "HIV infection", "Schizophrenia", "Gastroesophageal reflux", "Stroke", "Sepsis"]
    col("medical", "icd10", pick(*codes))
    col("medical", "diagnosis_code", pick(*codes), noise=0.1)
    col("medical", "dx1", pick(*[c.replace(".", "") for c in codes]))
    col("medical", "primary_dx", pick(*[c for c in codes if "." in c]))
    col("medical", "code_a", pick(*[c for c in codes if "." in c]))
    col("medical", "medication", pick(*drugs))
    col("medical", "drug_name", lambda: rng.choice(drugs) + " " + rng.choice(["10 mg", "20 mg", "500 mg", "5 mg tablet", "100 mcg"]))
    col("medical", "prescription", lambda: rng.choice(drugs).lower() + rng.choice([" 1x daily", " twice daily", " 50mg", " as needed"]))
    col("medical", "diagnosis", pick(*illness))
    col("medical", "condition", pick(*illness))
    col("medical", "diagnose", pick("Diabetes mellitus Typ 2", "Bluthochdruck", "Asthma bronchiale", "Depression", "Migräne", "Pneumonie", "Epilepsie", "Arthrose", "Bronchitis", "Anämie"))
    col("medical", "treatment", pick(*drugs), nulls=0.3)
    col("medical", "blood_group", pick("A+", "A-", "B+", "O+", "O-", "AB+", "AB-"))
    col("medical", "allergies", pick("Penicillin", "Peanut allergy", "Aspirin", "Latex allergy", "Amoxicillin", "Ibuprofen", "Sulfonamides", "Codeine"))


def texts():
    f = fake()
    col("free_text", "notes", lambda: f.sentence(12) + (f" Call back at ({digits(3, '23456789')}) {digits(1, '23456789')}{digits(2, '02345')}-{digits(4)}." if rng.random() < 0.4 else ""))
    col("free_text", "comment", lambda: f.sentence(8) + (" Write to " + f.email() + " please." if rng.random() < 0.3 else ""))
    col("free_text", "description", lambda: f.sentence(10) + (" SSN " + f.ssn() + " on file." if rng.random() < 0.4 else ""))
    col("free_text", "body", lambda: f.paragraph(3) + ("\nRegards, " + f.email() if rng.random() < 0.6 else ""))
    col("free_text", "log_message", lambda: f"login failed for user from {f.ipv4_public()} after {rng.randint(1, 9)} tries in the session")
    col("free_text", "payload", lambda: json.dumps({"id": rng.randint(1, 9999), "mail": f.email(), "ok": True}))
    col("free_text", "remarks", lambda: "Bitte überweisen auf " + fake("de_DE").iban() + " bis Ende des Monats" if rng.random() < 0.5 else f.sentence(9))
    col("free_text", "chat", lambda: f.sentence(9) + (" my card is " + f.credit_card_number("visa16") if rng.random() < 0.3 else ""))
    col("free_text", "feedback", lambda: f.sentence(9) + (" reach me on +44 7700 900" + digits(3) if rng.random() < 0.4 else ""))
    col("free_text", "ticket_text", lambda: f.sentence(14) + (" " + f.email() if rng.random() < 0.2 else ""))


def traps():
    f = fake()

    def add(name, make, type="VARCHAR", **kw):
        col("none", name, make, type, **kw)
    # like phones
    add("order_no", form("4##-555-####"))
    add("order_number", lambda: digits(10, "23456789"))
    add("invoice_id", lambda: digits(10, "123456789"), "BIGINT")
    add("tracking_number", lambda: "1Z" + form("***********")() + digits(5))
    add("ticket", lambda: "2026-" + digits(3) + "-" + digits(4))
    add("part_number", form("###-###-####"))
    add("upc", lambda: digits(12))
    add("ean", lambda: (lambda b: b + str((10 - sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(b))) % 10))(digits(12, "4")))
    add("isbn", lambda: "978-" + digits(1) + "-" + digits(4) + "-" + digits(4) + "-" + digits(1))
    add("isbn13", lambda: f.isbn13(separator=""))
    add("created_ms", lambda: 1700000000000 + rng.randint(0, 10**11), "BIGINT")
    add("epoch", lambda: 1600000000 + rng.randint(0, 10**8), "BIGINT")
    add("case_ref", lambda: "0" + digits(3) + " " + digits(6))
    add("batch", lambda: "0" + digits(9))
    add("meter_reading", lambda: f"{rng.uniform(1e5, 9e6):.3f}", "DOUBLE")
    add("account_no", lambda: digits(10))
    add("serial_number", lambda: digits(3) + "-" + digits(3) + "-" + digits(4))
    add("phone_model", pick("iPhone 15", "Galaxy S24", "Pixel 8", "Xperia 5", "Moto G", "Nokia 3310"))
    add("phone_type", pick("mobile", "home", "work", "fax"))
    add("mobile_os", pick("iOS 17.2", "Android 14", "Android 13", "iOS 16.5.1"))
    add("cell_count", lambda: rng.randint(1000, 9999999), "INTEGER")
    add("fax_enabled", pick("true", "false"), "BOOLEAN")
    add("call_duration", lambda: rng.randint(1, 4000), "INTEGER")
    add("barcode", lambda: digits(13))
    # like ids and numbers with check digits
    add("sku", form("@@-#####"))
    add("routing_number", trial(lambda: digits(9, "0123"), stdnum.us.rtn))
    add("imei", lambda: (lambda b: b + stdnum.luhn.calc_check_digit(b))("35" + digits(12)))
    add("transaction_id", lambda: digits(16))
    add("reference", lambda: digits(16, "4"))
    add("card_ref", lambda: digits(16, "45"))
    add("gift_card_code", form("****-****-****-****"))
    add("card_type", pick("visa", "mastercard", "amex"))
    add("card_expiry", lambda: f"{rng.randint(1, 12):02d}/{rng.randint(26, 31)}")
    add("customer_id", lambda: digits(9, "123456789"), "BIGINT")
    add("user_id", lambda: rng.randint(1, 10**6), "INTEGER")
    add("employee_number", lambda: digits(8))
    add("document_id", lambda: digits(8) + rng.choice(string.ascii_uppercase))
    add("booking_code", form("@@####@#"))
    add("policy_number", lambda: digits(11))
    add("claim_no", form("###-##-####"))
    add("member_no", lambda: "9" + digits(2) + "-" + digits(2) + "-" + digits(4))
    add("ein", lambda: digits(2, "123456789") + "-" + digits(7))
    add("vin", lambda: form("1HG@@#####A######")())
    add("license_plate", form("@@@ ####"))
    add("hash", lambda: hashlib.md5(digits(9).encode()).hexdigest())
    add("uuid", lambda: f.uuid4())
    add("session_token", lambda: form("*" * 32)())
    add("swift_code", lambda: form("@@@@DE@@")())
    add("vat_code", lambda: "DE" + digits(9))
    add("iban_country", pick("DE", "FR", "ES"))
    add("contract_no", lambda: "DE" + digits(20))
    add("gl_account", lambda: digits(6))
    add("national_code", pick("US", "GB", "DE", "FR"))
    add("tax_id_type", pick("SSN", "EIN", "ITIN"))
    add("national_parks", pick("Yosemite", "Zion", "Acadia", "Glacier"))
    add("passengers", lambda: rng.randint(1, 300), "INTEGER")
    add("luhn_ref", lambda: (lambda b: b + stdnum.luhn.calc_check_digit(b))(digits(8, "123456789")))
    add("shipment", lambda: digits(12, "123456789"))
    add("event_id", lambda: digits(18, "1"), "BIGINT")
    add("device_serial", lambda: digits(11, "123456789"))
    # like IPs
    add("version", lambda: ".".join(str(rng.randint(0, 12)) for _ in range(4)))
    add("app_version", lambda: f"{rng.randint(1, 120)}.0.{rng.randint(1000, 6999)}.{rng.randint(1, 200)}")
    add("firmware", lambda: f"{rng.randint(1, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 250)}.{rng.randint(0, 99)}")
    add("os_build", lambda: f"10.0.{rng.randint(10000, 26000)}.{rng.randint(1, 4000)}")
    add("release", lambda: f"{rng.randint(1, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}")
    add("section", lambda: f"{rng.randint(1, 12)}.{rng.randint(1, 9)}.{rng.randint(1, 9)}.{rng.randint(1, 9)}")
    add("oid", lambda: "1.3.6.1." + ".".join(str(rng.randint(1, 999)) for _ in range(3)))
    add("mac_address", f.mac_address)
    add("time_of_day", lambda: f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}")
    add("ratio", lambda: f"{rng.uniform(0, 1):.4f}", "DOUBLE")
    add("subnet_mask", pick("255.255.255.0", "255.255.0.0", "255.255.255.128"))
    add("ip_version", pick("4", "6"), "INTEGER")
    add("chapter", lambda: f"{rng.randint(1, 20)}.{rng.randint(1, 20)}.{rng.randint(1, 60)}.{rng.randint(1, 60)}")
    # like dates of birth
    add("order_date", day(2020, 2026), "DATE")
    add("created_at", lambda: str(day(2015, 2026)()) + " 12:30:00", "TIMESTAMP")
    add("hire_date", day(1990, 2025), "DATE")
    add("start_date", day(1950, 2000), "DATE")
    add("published", day(1940, 2005), "DATE")
    add("birth_weight", lambda: rng.randint(2000, 4800), "INTEGER")
    add("expiration", lambda: day(2026, 2030)().strftime("%m/%d/%Y"))
    add("released_on", lambda: day(1950, 2000)().strftime("%d.%m.%Y"))
    add("birth_country", pick("US", "MX", "CA", "DE"))
    add("born_digital", pick("true", "false"), "BOOLEAN")
    # `name` of other things
    products = ["Trek Marlin 5", "Blue Office Chair", "Espresso Machine Deluxe", "USB-C Cable 2m", "Cotton T-Shirt", "Martin D-28 Guitar", "Ford Mustang",
                "Lindt Chocolate Bar", "Oak Dining Table", "LED Desk Lamp", "Yoga Mat", "Noise Cancelling Headphones", "Wilson Tennis Racket"]
    add("product_name", pick(*products))
    add("name1", pick(*products))
    col("none", "name", pick("Main warehouse", "Returns", "Cold storage", "East dock", "Overflow", "Staging area"))
    col("none", "Name", pick(*products))
    add("company_name", f.company)
    add("customer", lambda: f.company() + rng.choice([" Inc", " LLC", " Ltd", " Group"]))
    add("supplier_name", lambda: fake("de_DE").company())
    add("client_name", lambda: rng.choice(["Acme", "Globex", "Initech", "Umbrella", "Contoso", "Hooli"]) + rng.choice([" Corp", " GmbH", " S.A.", " Inc."]))
    add("city", f.city)
    add("town", pick("Paris", "Florence", "Charlotte", "Madison", "Jackson", "Houston", "Austin", "Lincoln", "Victoria", "Sydney"))
    add("country_name", f.country)
    add("state", f.state)
    add("file_name", lambda: f.file_name())
    add("hostname", f.hostname)
    add("event_name", pick("page_view", "add_to_cart", "purchase", "sign_up"))
    add("table_name", pick("orders", "customers", "line_items", "stock"))
    add("species_name", pick("Quercus robur", "Homo sapiens", "Felis catus", "Panthera leo", "Canis lupus"))
    add("ship_name", pick("Queen Mary", "Ever Given", "Santa Maria", "Prinz Eugen", "Emma Maersk", "Victoria"))
    add("team", pick("Manchester United", "Real Madrid", "Boston Celtics", "Chicago Bulls"))
    add("film", pick("Forrest Gump", "Jerry Maguire", "Erin Brockovich", "The Matrix", "Annie Hall", "Toy Story", "Casablanca"))
    add("brand", pick("Calvin Klein", "Hugo Boss", "Nike", "Adidas", "Levi's", "Ralph Lauren", "Prada"))
    add("colour", pick("Amber", "Ruby", "Olive", "Violet", "Scarlet", "Ivory"))
    add("month", pick("April", "May", "June", "August", "January"))
    add("weekday", pick("Monday", "Tuesday", "Wednesday"))
    add("first_seen", lambda: str(day(2024, 2026)()) + " 10:00:00", "TIMESTAMP")
    add("last_updated_by_job", pick("nightly-load", "cdc-sync", "manual-fix"))
    add("job_title", f.job)
    add("department", pick("Human Resources", "Sales", "Finance", "Research and Development"))
    add("user_name_hash", lambda: hashlib.sha1(digits(9).encode()).hexdigest())
    add("given", lambda: rng.randint(0, 100), "INTEGER")
    add("school", lambda: rng.choice(["Lincoln", "Washington", "Jefferson", "Roosevelt"]) + rng.choice([" High School", " Elementary", " Academy"]))
    add("restaurant", pick("Joe's Pizza", "Mario's Trattoria", "Chez Pierre", "Wendy's", "Papa John's"))
    add("street_type", pick("Ave", "St", "Blvd", "Rd"))
    add("airport", pick("John F. Kennedy", "Charles de Gaulle", "O'Hare", "Heathrow", "Schiphol"))
    add("status", pick("open", "closed", "pending", "cancelled"))
    add("role_name", pick("admin", "reader", "writer", "owner"))
    # like salaries
    add("price", lambda: f"{rng.uniform(5, 900):.2f}", "DECIMAL(10,2)")
    add("total_amount", lambda: f"{rng.uniform(500, 90000):.2f}", "DOUBLE")
    add("payment_amount", lambda: f"{rng.uniform(20, 9000):.2f}", "DOUBLE")
    add("payment_id", lambda: rng.randint(10000, 99999), "INTEGER")
    add("salary_band", pick("B1", "B2", "C1", "C2"))
    add("pay_method", pick("card", "cash", "transfer"))
    add("revenue", lambda: rng.randint(10000, 900000), "BIGINT")
    add("income_statement_id", lambda: rng.randint(1, 9999), "INTEGER")
    add("population", lambda: rng.randint(10000, 9000000), "INTEGER")
    add("display_width", lambda: rng.randint(100, 4000), "INTEGER")
    add("compensated", pick("true", "false"), "BOOLEAN")
    # like addresses
    add("email_address_type", pick("work", "private"))
    add("memory_address", lambda: "0x" + format(rng.randint(2**31, 2**40), "x"))
    add("wallet_address", lambda: "0x" + hashlib.sha1(digits(9).encode()).hexdigest())
    add("web_address", f.url)
    add("url", lambda: f.uri())
    add("path", f.file_path)
    add("zip_code", f.postcode)
    add("region", pick("North", "South", "East", "West"))
    add("aisle_and_bin", lambda: f"{rng.randint(1, 30)} {rng.choice(['Left', 'Right'])} {rng.randint(1, 9)}")
    add("quantity_text", lambda: f"{rng.randint(1, 30)} {rng.choice(['boxes', 'pallets', 'units', 'cartons'])}")
    add("menu_item", lambda: f"{rng.randint(1, 12)} piece {rng.choice(['Chicken', 'Shrimp', 'Sushi'])} {rng.choice(['Set', 'Box', 'Platter'])}")
    add("address_type", pick("billing", "shipping"))
    add("streets_count", lambda: rng.randint(1, 90), "INTEGER")
    add("latitude", lambda: f"{rng.uniform(-90, 90):.6f}", "DOUBLE")
    # like medical codes and words
    add("shelf", lambda: rng.choice("ABCDEF") + digits(2) + "." + digits(1))
    add("bin_location", lambda: rng.choice("ABCDEFGH") + digits(2))
    add("seat", lambda: rng.choice("ABCDEF") + digits(2, "123"))
    add("part_code", lambda: rng.choice("ABCKMN") + digits(2) + digits(2))
    add("cell", lambda: rng.choice("ABCDEFGHIJ") + digits(2, "123456789"))
    add("flight", lambda: rng.choice(["LH", "UA", "BA"]) + digits(3))
    add("grade", pick("A", "A-", "B+", "B", "C"))
    add("paper_size", pick("A4", "A3", "B5", "A5"))
    add("road", lambda: rng.choice("ABMN") + digits(2, "123456789"))
    add("ingredient", pick("Sugar", "Flour", "Butter", "Salt", "Cocoa", "Vanilla", "Yeast"))
    add("drug_free_zone", pick("yes", "no"))
    add("condition_code", pick("new", "used", "refurbished"))
    add("diagnostic_level", pick("info", "warn", "error"))
    add("software_product", pick("Oracle Database", "Tomcat", "Redis", "Kafka", "Postgres", "Spark"))
    # text without personal data
    add("summary", lambda: f.sentence(12))
    add("review", lambda: f.paragraph(2))
    add("release_notes", lambda: f"Version {rng.randint(1, 9)}.{rng.randint(0, 9)}.{rng.randint(0, 9)} fixes {rng.randint(2, 90)} bugs and updates library {rng.randint(1, 9)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}")
    add("log_line", lambda: f"{day(2025, 2026)()} INFO worker-{rng.randint(1, 9)} processed {rng.randint(100000, 9999999)} rows in {rng.randint(10, 9000)} ms")
    add("error_text", lambda: f"order {digits(10, '123456789')} failed with code {rng.randint(100, 599)} at step {rng.randint(1, 9)}")
    add("sql_text", lambda: f"SELECT * FROM orders WHERE id = {digits(9, '123456789')} AND amount > {rng.randint(1, 900)}")
    add("tags", lambda: ",".join(rng.sample(["new", "sale", "hot", "eco", "kids"], 2)))
    add("title", lambda: f.sentence(4).rstrip("."))
    add("json_config", lambda: json.dumps({"retries": rng.randint(1, 9), "host": "db.internal", "port": 5432}))
    add("empty", lambda: None)
    add("email", pick("yes", "no"))
    add("email_opt_in", pick("true", "false"), "BOOLEAN")
    add("email_count", lambda: rng.randint(0, 90), "INTEGER")
    add("twitter", lambda: "@" + f.user_name())
    add("npm_package", lambda: "@" + f.user_name() + "/" + rng.choice(["core", "ui", "cli"]))
    add("at_price", lambda: f"{rng.randint(1, 90)}@{rng.randint(1, 90)}.50")
    add("docker_image", lambda: f"registry.internal/{rng.choice(['api', 'web'])}@sha256:{form('????????')()}")


for part in (emails, phones, ssns, national_ids, cards, ibans, ips, births, names, salaries, addresses, medical, texts, traps):
    part()
by_label = {}
for column in columns:
    column["key"] = hashlib.sha256((column["column"] + column["label"]).encode()).hexdigest()
    by_label.setdefault(column["label"], []).append(column)
for group in by_label.values():
    for i, column in enumerate(sorted(group, key=lambda c: c["key"])):
        column["half"] = "held_out" if i % 2 else "tune"
for column in columns:
    del column["key"]
    order = ("column", "type", "label", "half", "values")
    sys.stdout.write(json.dumps({k: column[k] for k in order}, ensure_ascii=False) + "\n")
