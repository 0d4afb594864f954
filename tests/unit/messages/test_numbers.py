"""How the numbers of many countries are read, what they are, and what is told of the reading."""

import phonenumbers
import pytest

from bridge.messages import number_plans
from bridge.messages.country_plan import plan_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.number_kinds import WORDS, NumberKind
from bridge.messages.numbers import digits_of, normalise, range_of

SE, GB, US = "46701740605", "447700900123", "12025550123"

READ = [
    # As written, the home country, the digits, and what was changed.
    ("+46 70-174 06 05", "", SE, ""),
    ("46701740605", "SE", SE, ""),
    ("0046701740605", "", SE, ""),
    ("0046 (0)70 174 06 05", "SE", SE, "(0) left out"),
    ("+46(0)701740605", "", SE, "(0) left out"),
    ("070-174 06 05", "SE", SE, "national number of SE: 0 left out, 46 put in front"),
    ("(070) 174 06 05", "SE", SE, "national number of SE: 0 left out, 46 put in front"),
    ("070/1740605", "SE", SE, "national number of SE: 0 left out, 46 put in front"),
    ("070 / 174 06 05", "SE", SE, "national number of SE: 0 left out, 46 put in front"),
    ("\uff0b46\u300070\u20121740605", "", SE, ""),
    ("+46\u00ad70\u200b174\u22120605", "", SE, ""),
    ("+46·70·174·06·05", "", SE, ""),
    ("07700 900123", "GB", GB, "national number of GB: 0 left out, 44 put in front"),
    ("+44 (0) 7700 900123", "US", GB, "(0) left out"),
    ("00447700900123", "GB", GB, ""),
    ("0044 7700 900123", "US", GB, ""),
    ("0044 7700 900123", "JP", GB, ""),
    ("202-555-0123", "US", US, "national number of US: 1 put in front"),
    ("1 (202) 555-0123", "US", US, ""),
    ("011 46 70 174 06 05", "US", SE, "international prefix 011 of US left out"),
    ("011 44 (0)7700 900123", "US", GB, "(0) left out"),
    ("011 1 202 555 0123", "CA", US, "international prefix 011 of CA left out"),
    ("001 202 555 0123", "GB", US, ""),
    ("009 46 70 174 06 05", "NG", SE, "international prefix 009 of NG left out"),
    ("0803 123 4567", "NG", "2348031234567", "national number of NG: 0 left out, 234 put in front"),
    ("0011 46 70 174 06 05", "AU", SE, "international prefix 0011 of AU left out"),
    ("0412 345 678", "AU", "61412345678", "national number of AU: 0 left out, 61 put in front"),
    ("(03) 9345 1868", "AU", "61393451868", "national number of AU: 0 left out, 61 put in front"),
    ("010 46 70 174 06 05", "JP", SE, "international prefix 010 of JP left out"),
    ("090-1234-5678", "JP", "819012345678", "national number of JP: 0 left out, 81 put in front"),
    ("+81 (0)90-1234-5678", "", "819012345678", "(0) left out"),
    ("001 46 70 174 06 05", "TH", SE, "international prefix 001 of TH left out"),
    ("081 234 5678", "TH", "66812345678", "national number of TH: 0 left out, 66 put in front"),
    ("810 46 70 174 06 05", "RU", SE, "international prefix 810 of RU left out"),
    ("8 912 345 67 89", "RU", "79123456789", "national number of RU: 8 left out, 7 put in front"),
    ("+7 912 345-67-89", "", "79123456789", ""),
    ("06 12 34 56 78", "FR", "33612345678", "national number of FR: 0 left out, 33 put in front"),
    ("+33 (0)6.12.34.56.78", "", "33612345678", "(0) left out"),
    ("030/123456", "DE", "4930123456", "national number of DE: 0 left out, 49 put in front"),
    ("0151 23456789", "DE", "4915123456789", "national number of DE: 0 left out, 49 put in front"),
    ("4915123456789", "DE", "4915123456789", ""),
    ("0664/1234567", "AT", "436641234567", "national number of AT: 0 left out, 43 put in front"),
    ("079 123 45 67", "CH", "41791234567", "national number of CH: 0 left out, 41 put in front"),
    ("06 1234 5678", "IT", "390612345678", "national number of IT: 39 put in front"),
    ("347 123 4567", "IT", "393471234567", "national number of IT: 39 put in front"),
    ("612 34 56 78", "ES", "34612345678", "national number of ES: 34 put in front"),
    ("06 20 123 4567", "HU", "36201234567", "national number of HU: 06 left out, 36 put in front"),
    ("(11) 96123-4567", "BR", "5511961234567", "national number of BR: 55 put in front"),
    ("0 15 11 96123-4567", "BR", "5511961234567", "national number of BR: 015 left out, 55 put in front"),
    ("00 21 46 70 174 06 05", "BR", SE, "international prefix 0021 of BR left out"),
    ("011 15-2345-6789", "AR", "5491123456789", "national number of AR: rewritten as its plan says, 54 put in front"),
    ("081234 56789", "IN", "918123456789", "national number of IN: 0 left out, 91 put in front"),
    ("012-345 6789", "MY", "60123456789", "national number of MY: 0 left out, 60 put in front"),
    ("8123 4567", "SG", "6581234567", "national number of SG: 65 put in front"),
    ("406 12 345", "NO", "4740612345", "national number of NO: 47 put in front"),
    ("041 2345678", "FI", "358412345678", "national number of FI: 0 left out, 358 put in front"),
    ("0712 123456", "KE", "254712123456", "national number of KE: 0 left out, 254 put in front"),
    ("071 123 4567", "ZA", "27711234567", "national number of ZA: 0 left out, 27 put in front"),
    ("050 123 4567", "AE", "971501234567", "national number of AE: 0 left out, 971 put in front"),
    ("139 1234 5678", "CN", "8613912345678", "national number of CN: 86 put in front"),
    ("72404", "SE", "72404", "read as a short code of SE"),
    ("24680", "US", "24680", "read as a short code of US"),
    ("+881 612 345 678", "", "881612345678", ""),
    ("+870 773 111 632", "", "870773111632", ""),
]


def test_the_table_below_is_wide() -> None:
    assert len(READ) >= 60
    assert len({home for _, home, _, _ in READ}) > 20


@pytest.mark.parametrize(("raw", "home", "digits", "rule"), READ)
def test_read(raw: str, home: str, digits: str, rule: str) -> None:
    number = normalise(raw, home)
    assert (number.digits, number.rule) == (digits, rule)


@pytest.mark.parametrize(
    ("raw", "home"),
    [
        ("0014155550123", ""),
        ("001 46 70 174 06 05", ""),
        ("0014155550123", "US"),
        ("0014155550123", "JP"),
        ("001 46 70 174 06 05", "SE"),
        ("0094771234567", ""),
        ("01146701740605", ""),
        ("01146701740605", "GB"),
        ("01046701740605", ""),
        ("00946701740605", ""),
        ("009 46 70 174 06 05", "GB"),
        ("0701740605", ""),
        ("0701740605/06", "SE"),
        ("070/174/0605", "SE"),
        ("0430372", ""),
        ("0112388001924", "CV"),
        ("21234953", "BR"),
        ("715 1113", "AL"),
        ("3123091", "AE"),
        ("112", "SE"),
        ("911", "US"),
        ("72404", ""),
        ("+72404", "SE"),
        ("1740605", "SE"),
        ("012", "SE"),
    ],
)
def test_never_guessed(raw: str, home: str) -> None:
    with pytest.raises(Fault) as caught:
        normalise(raw, home)
    assert caught.value.code is FaultCode.BAD_RECIPIENT
    assert caught.value.detail


def test_nigerias_own_prefix_comes_before_the_usual_one() -> None:
    """009 and a Norwegian number, or 00 and a number of Sri Lanka: both are assigned."""
    assert normalise("0094771234567", "NG").digits == "4771234567"
    assert normalise("0094771234567", "GB").digits == "94771234567"


K = NumberKind


@pytest.mark.parametrize(
    ("digits", "kind", "country"),
    [
        (SE, K.MOBILE, "SE"),
        ("46812345678", K.FIXED, "SE"),
        ("468123456", K.FIXED, "SE"),
        ("46900123456", K.PREMIUM, "SE"),
        ("4620123456", K.TOLL_FREE, "SE"),
        ("46771234567", K.SHARED_COST, "SE"),
        ("46740123456", K.PAGER, "SE"),
        ("447400123456", K.MOBILE, "GB"),
        ("442079460123", K.FIXED, "GB"),
        ("449012345678", K.PREMIUM, "GB"),
        ("448001234567", K.TOLL_FREE, "GB"),
        ("447640123456", K.PAGER, "GB"),
        ("447012345678", K.PERSONAL, "GB"),
        ("445512345678", K.COMPANY, "GB"),
        ("447797123456", K.MOBILE, "JE"),
        ("447781123456", K.MOBILE, "GG"),
        (GB, K.UNKNOWN, "GB"),
        (US, K.FIXED_OR_MOBILE, "US"),
        ("12042345678", K.FIXED_OR_MOBILE, "CA"),
        ("18762345678", K.MOBILE, "JM"),
        ("19002345678", K.PREMIUM, "US"),
        ("13292345678", K.FIXED_OR_MOBILE, "US"),
        ("10002345678", K.UNKNOWN, ""),
        ("4930123456", K.FIXED, "DE"),
        ("4915123456789", K.MOBILE, "DE"),
        ("4917712345678", K.MOBILE, "DE"),
        ("881612345678", K.SATELLITE, ""),
        ("870773111632", K.SATELLITE, ""),
        ("88213123456", K.SATELLITE, ""),
        ("883130123456", K.SATELLITE, ""),
        ("80012345678", K.TOLL_FREE, ""),
        ("979123456789", K.PREMIUM, ""),
    ],
)
def test_kinds(digits: str, kind: NumberKind, country: str) -> None:
    number = normalise("+" + digits)
    assert (number.kind, number.country) == (kind, country)


def test_a_short_code_goes_by_the_routes_of_its_country() -> None:
    number = normalise("72404", "SE")
    assert (number.kind, number.country, number.routed) == (NumberKind.SHORT_CODE, "SE", "4672404")
    assert normalise(SE).routed == SE


def test_every_kind_has_words() -> None:
    assert set(WORDS) == set(NumberKind)
    assert all(words and words == words.strip() for words in WORDS.values())


def test_the_longer_prefixes_are_those_of_the_tables() -> None:
    """A country whose prefix for abroad begins with 00 and may be longer."""
    found = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        abroad = plan_of(region).prefix_abroad
        if abroad is None or abroad.pattern == "00":
            continue
        ends = {match.end() for tail in range(10_000) if (match := abroad.match(f"00{tail:04}"))}
        if ends - {1, 2}:
            found.add(abroad.pattern)
    assert {prefix.pattern for prefix in number_plans.PREFIXES_FROM_00} == found


@pytest.mark.parametrize(
    ("digits", "shown"),
    [(SE, "467017"), (GB, "447700"), (US, "12025"), ("4671234", "467"), ("352123456", "35212"), ("999000042", "9990")],
)
def test_a_range_is_shown_by_its_leading_digits(digits: str, shown: str) -> None:
    assert range_of(digits) == shown
    assert digits.startswith(shown)


def test_digits_of_judges_nothing() -> None:
    assert digits_of(" +999 000-042 ") == "999000042"
    assert digits_of("0701740605") == "0701740605"
    assert digits_of("x") is None
