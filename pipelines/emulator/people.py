"""Who shops: names, addresses and e-mails, the same ones each time a person comes back."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipelines.emulator.ids import PAIRS, Codes

_MASK64 = (1 << 64) - 1
_SPREAD = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: neighbours end up far apart
_SESSIONS_EACH = 4

_FIRST = (  # noqa: SIM905 - a word list reads better as words
    "Ada Grace Emma Noah Liam Olivia Mia Lukas Hanna Jonas Sofia Mateo Léa Hugo Chloé Jürgen "
    "Søren Åsa Zoë Renée José Inés João Niamh Siân Björk Elif Ömer Fatima Omar Priya Arjun "
    "Grzegorz Zofia Anneke Bram Giulia Marco Yusuf Amina Kwame Thandi Ana Luis Eva Max Ruth Ben"
).split()
_LAST = (  # noqa: SIM905 - as above
    "Lovelace Hopper Müller Schmidt García Fernández O'Brien D'Angelo Núñez Dubois Lefèvre Smith "
    "Jones Brown Wilson Taylor Rossi Bianchi Novák Kowalski Jensen Hansen Nilsson Virtanen Silva "
    "Santos Kaya Yıldız Khan Patel Nkosi Okafor Cohen Haddad Al-Sabah van_der_Berg St._John Ng"  # noqa: RUF001 - the Turkish letter is meant
).split()
_RARE_NAMES = (
    "山田 太郎",
    "김민준",
    "Олена Шевченко",
    "أحمد الصباح",
    "नेहा शर्मा",
    'Robert "Bobby" Tables',
    "Line\nBreak",
    "Tab\tbed",
    "Back\\slash",
    "👩‍🚀 Astro Naut",
    "Zalgo t̵e̵x̵t̵",
    "O'); DROP TABLE customers;--",
    "<b>Bold</b> & Söhne",
    " leading and trailing ",
    "Null",
    "İrem Iğdır",  # noqa: RUF001 - as above
)
_PLACES: Mapping[str, list[tuple[str | None, ...]]] = {
    "usd": [
        ("San Francisco", "US", "354 Oyster Point Blvd", None, "94080", "CA"),
        ("New York", "US", '1 "Main" Street', "Apt #5\nBuzzer 12", "10001", "NY"),
        ("Austin", "US", "2200 S Lamar", None, "78704", "TX"),
    ],
    "eur": [
        ("Köln", "DE", "Schildergasse 12", None, "50667", None),
        ("Paris", "FR", "5 rue de l'Église", "Bât. C", "75011", None),
        ("Dublin", "IE", "1 Grand Canal Street", None, "D02 H210", "Dublin"),
        ("A Coruña", "ES", "Calle Real 3, 2º", None, "15003", None),
    ],
    "gbp": [
        ("London", "GB", "221B Baker Street", None, "NW1 6XE", None),
        ("Llanfairpwll", "GB", "Ffordd Caergybi", None, "LL61 5UJ", None),
    ],
    "jpy": [("渋谷区", "JP", "道玄坂２丁目", "ビル5階", "1500043", "東京都")],
    "cad": [("Montréal", "CA", "1000 rue Saint-Denis", None, "H2X 3J6", "QC")],
    "chf": [("Zürich", "CH", "Bahnhofstrasse 1", None, "8001", None)],
    "kwd": [("Kuwait City", "KW", "Fahad Al-Salem St", None, None, None)],
    "krw": [("서울", "KR", "강남대로 396", None, "06232", None)],
}
_TAX_IDS = {
    "eur": ("eu_vat", "DE{:09d}"),
    "gbp": ("gb_vat", "GB{:09d}"),
    "jpy": ("jp_trn", "T{:013d}"),
    "cad": ("ca_bn", "{:09d}"),
    "chf": ("ch_vat", "CHE-{:09d} MWST"),
}
_DOMAINS = ("example.com", "example.org", "mail.example.net", "kunde.example")
_EMAIL_NUMBER = re.compile(r"(\d+)@")


def text(value: str) -> str:
    """A string as JSON, without its quotes; about half of the rare characters escaped."""
    return json.dumps(value, ensure_ascii=len(value) % 2 == 0)[1:-1]


def _slug(name: str) -> str:
    plain = name.encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]", "", plain) or "x"


def _address(place: Sequence[str | None]) -> str:
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    fields = dict(zip(names, place, strict=True))
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


_FIRST_TEXTS = [(text(name), _slug(name)) for name in _FIRST]
_LAST_TEXTS = [(text(name.replace("_", " ")), _slug(name)) for name in _LAST]
_RARE_TEXTS = [(text(name), _slug(name)) for name in _RARE_NAMES]
_ADDRESSES = {
    currency: [_address(place) for place in places] for currency, places in _PLACES.items()
}


class Person(NamedTuple):
    """A person, every field as JSON text without quotes; `bits` decide what else is theirs."""

    number: int
    name: str
    email: str
    bits: int


class People:
    """The people of one shop, each with up to four of its sessions.

    Args:
        codes: where customer ids come from.
        count: how many sessions the shop has.
    """

    def __init__(self, codes: Codes, count: int) -> None:
        self._codes = codes
        self._count = max(count, 1)
        self._step = _coprime(self._count)
        self._back = pow(self._step, -1, self._count) if self._count > 1 else 0

    def of_session(self, index: int) -> Person:
        """The person behind a session."""
        return self.person(index * self._step % self._count // _SESSIONS_EACH)

    def person(self, number: int) -> Person:
        """The person of this number."""
        bits = ((number + 1) * _SPREAD) & _MASK64
        bits ^= bits >> 29
        last, last_slug = _LAST_TEXTS[(bits >> 8) % len(_LAST_TEXTS)]
        if bits & 31:
            first, first_slug = _FIRST_TEXTS[(bits >> 16) % len(_FIRST_TEXTS)]
            name = f"{first} {last}"
        else:
            name, first_slug = _RARE_TEXTS[(bits >> 16) % len(_RARE_TEXTS)]
        domain = _DOMAINS[bits >> 5 & 3]
        return Person(number, name, f"{first_slug}.{last_slug}{number}@{domain}", bits)

    def sessions(self, number: int) -> list[int]:
        """The sessions of a person, sorted."""
        places = range(number * _SESSIONS_EACH, min((number + 1) * _SESSIONS_EACH, self._count))
        return sorted(place * self._back % self._count for place in places)

    def customer(self, person: Person) -> str:
        """The person's customer id."""
        bits = person.bits
        check = PAIRS[bits % 3844] + PAIRS[(bits >> 20) % 3844] + PAIRS[(bits >> 40) % 3844]
        return f"cus_{self._codes.code(person.number)}{check}"

    def customer_account(self, person: Person) -> str:
        """The id of the person's account."""
        return f"acct_1{self._codes.code(person.number)}{person.bits % 10**7:07d}"

    def named(self, code: str) -> list[int]:
        """The sessions of the person whose id holds these eight characters."""
        return self._sessions_if_any(self._codes.number(code))

    def mailed(self, email: str) -> list[int]:
        """The sessions of the person with this e-mail address."""
        found = _EMAIL_NUMBER.search(email)
        return self._sessions_if_any(int(found[1]) if found else None)

    def _sessions_if_any(self, number: int | None) -> list[int]:
        people = -(-self._count // _SESSIONS_EACH)
        return [] if number is None or number >= people else self.sessions(number)


def address(person: Person, currency: str) -> str:
    """The person's address in a country of the currency, as JSON."""
    places = _ADDRESSES[currency]
    return places[(person.bits >> 32) % len(places)]


def tax_ids(person: Person, currency: str) -> str:
    """The person's tax ids, as JSON; a few people have one."""
    if person.bits >> 56 > 18 or currency not in _TAX_IDS:  # noqa: PLR2004 - 7 % of 256
        return "[]"
    kind, form = _TAX_IDS[currency]
    return f'[{{"type":"{kind}","value":"{form.format(person.bits % 10**9)}"}}]'


def phone(person: Person) -> str:
    """The person's phone number."""
    return f"+1{(person.bits >> 12) % 10**10:010d}"


def _coprime(count: int) -> int:
    """A step that reaches every number below `count` before it comes back."""
    step = max(1, int(count * 0.6180339887))
    while _gcd(step, count) != 1:
        step += 1
    return step


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
