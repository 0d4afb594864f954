"""The numbering plan of one country, as the tables of `phonenumbers` have it: lengths, kinds, prefixes, print."""

import re
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

from bridge.messages.number_kinds import NumberKind

_PIECES = re.compile(r"\\([0-9])|([0-9]+)")
_FIRST_GROUP = re.compile(r"\\[0-9]")

_ORDER = (
    (NumberKind.PREMIUM, "premium_rate"),
    (NumberKind.TOLL_FREE, "toll_free"),
    (NumberKind.SHARED_COST, "shared_cost"),
    (NumberKind.INTERNET, "voip"),
    (NumberKind.PERSONAL, "personal_number"),
    (NumberKind.PAGER, "pager"),
    (NumberKind.COMPANY, "uan"),
    (NumberKind.VOICEMAIL, "voicemail"),
)
"""The order in which the library asks (phonenumberutil._number_type_helper); fixed and mobile come last."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Numbers of one kind."""

    pattern: re.Pattern[str]
    lengths: tuple[int, ...]
    """Empty: any."""

    def has(self, national: str) -> bool:
        return (not self.lengths or len(national) in self.lengths) and self.pattern.fullmatch(national) is not None


@dataclass(frozen=True, slots=True)
class _Format:
    """How some numbers of a country are printed."""

    leading: re.Pattern[str]
    pattern: re.Pattern[str]
    pieces: tuple[tuple[int, str], ...]
    """Its digits: the number of a group of the pattern, or 0 and what is printed instead."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbering plan of one country, or of one country code that belongs to none."""

    code: str
    general: _Range
    kinds: tuple[tuple[NumberKind, _Range], ...]
    fixed: _Range | None
    mobile: _Range | None
    is_fixed_like_mobile: bool
    leading: re.Pattern[str] | None
    """Where countries share a code: what this one's numbers begin with, if that tells."""
    prefix_abroad: re.Pattern[str] | None
    """What is dialled before a country code."""
    trunk: str
    """What is usually dialled before a national number; "" for nothing."""
    trunk_pattern: re.Pattern[str] | None
    transform: str
    """How the match of `trunk_pattern` is rewritten, in a few countries; else it is left out."""
    formats: tuple[_Format, ...]

    def kind_of(self, national: str) -> NumberKind:
        """The kind of a national number; UNKNOWN also for one of an impossible length."""
        if not self.general.has(national):
            return NumberKind.UNKNOWN
        for kind, numbers in self.kinds:
            if numbers.has(national):
                return kind
        if self.fixed is not None and self.fixed.has(national):
            if self.is_fixed_like_mobile or (self.mobile is not None and self.mobile.has(national)):
                return NumberKind.FIXED_OR_MOBILE
            return NumberKind.FIXED
        if self.mobile is not None and not self.is_fixed_like_mobile and self.mobile.has(national):
            return NumberKind.MOBILE
        return NumberKind.UNKNOWN

    def without_trunk(self, dialled: str) -> str:
        """The national number of what is dialled within the country; as it is where nothing is to be left out."""
        match = self.trunk_pattern.match(dialled) if self.trunk_pattern is not None else None
        if match is None or not match.end():
            return dialled
        if self.transform and match.lastindex == match.re.groups:
            national = dialled[: match.start()] + match.expand(self.transform) + dialled[match.end() :]
        else:
            national = dialled[match.end() :]
        pattern = self.general.pattern
        if pattern.fullmatch(dialled) and not pattern.fullmatch(national):
            return dialled
        # It is left out only where a number is left, if perhaps too long a one.
        lengths = self.general.lengths
        return national if len(national) in lengths or len(national) > lengths[-1] else dialled

    def printed(self, national: str) -> str:
        """The digits that the country prints for a national number."""
        for one in self.formats:
            if one.leading.match(national) and (match := one.pattern.fullmatch(national)):
                return "".join([match[group] if group else digits for group, digits in one.pieces])
        return national

    def is_texted_length(self, national: str) -> bool:
        """Whether a landline or a mobile number may be so long."""
        return any(
            len(national) in (numbers.lengths or self.general.lengths)
            for numbers in (self.fixed, self.mobile)
            if numbers is not None
        )


@lru_cache(maxsize=400)
def plan_of(region: str, code: str = "") -> Plan:
    """The plan of a supported country; of a region "001", which is no country, with its code."""
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(int(code))
        if region.isdigit()
        else PhoneMetadata.metadata_for_region(region)
    )
    assert metadata is not None, region
    general = _range(metadata.general_desc)
    assert general is not None, region
    abroad, trunk = metadata.international_prefix, metadata.national_prefix_for_parsing
    return Plan(
        code=str(metadata.country_code),
        general=general,
        kinds=tuple((kind, known) for kind, name in _ORDER if (known := _range(getattr(metadata, name))) is not None),
        fixed=_range(metadata.fixed_line),
        mobile=_range(metadata.mobile),
        is_fixed_like_mobile=bool(metadata.same_mobile_and_fixed_line_pattern),
        leading=re.compile(metadata.leading_digits) if metadata.leading_digits else None,
        prefix_abroad=re.compile(abroad) if abroad else None,
        trunk=metadata.national_prefix or "",
        trunk_pattern=re.compile(trunk) if trunk else None,
        transform=metadata.national_prefix_transform_rule or "",
        formats=_formats(metadata),
    )


def _range(desc: PhoneNumberDesc | None) -> _Range | None:
    if desc is None or not desc.national_number_pattern or desc.national_number_pattern == "NA":
        return None
    return _Range(re.compile(desc.national_number_pattern), tuple(sorted(desc.possible_length or ())))


def _main(metadata: PhoneMetadata) -> PhoneMetadata:
    """The tables of the main country that has the same code."""
    regions = COUNTRY_CODE_TO_REGION_CODE[metadata.country_code or 0]
    return PhoneMetadata.metadata_for_region(regions[0]) or metadata


def _formats(metadata: PhoneMetadata) -> tuple[_Format, ...]:
    """How a country prints its numbers: as the main country of its code does."""
    found = []
    for one in _main(metadata).number_format or ():
        template, pattern = one.format or "", one.pattern or ""
        first = _FIRST_GROUP.search(template)
        if one.national_prefix_formatting_rule and first is not None:
            rule = one.national_prefix_formatting_rule.replace("\\1", first.group())
            template = template[: first.start()] + rule + template[first.end() :]
        leading = one.leading_digits_pattern[-1] if one.leading_digits_pattern else ""
        pieces = [(int(group or 0), digits) for group, digits in _PIECES.findall(template)]
        found.append(_Format(re.compile(leading), re.compile(pattern), tuple(pieces)))
    return tuple(found)
