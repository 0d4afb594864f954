"""The settings as documents: docs/settings.md and config/bridge.example.yaml, from the descriptions beside them."""

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.app import settings_words as words
from bridge.app.settings import Settings

WIDTH = 100

EXAMPLES: dict[str, Any] = {
    "smtp.certificate": "/etc/smsbridge/tls/fullchain.pem",
    "smtp.private_key": "/etc/smsbridge/tls/privkey.pem",
    "http.certificate": "/etc/smsbridge/tls/fullchain.pem",
    "http.private_key": "/etc/smsbridge/tls/privkey.pem",
    "smpp.certificate": "/etc/smsbridge/tls/fullchain.pem",
    "smpp.private_key": "/etc/smsbridge/tls/privkey.pem",
    "smpp.client_ca_file": "/etc/smsbridge/tls/esmes.pem",
    "links[].name": "carrier-a",
    "links[].host": "smpp.example.net",
    "links[].ca_file": "/etc/smsbridge/tls/carrier-a.pem",
    "links[].system_id": "acme",
    "links[].password": "changeme",
    "links[].password_file": "/etc/smsbridge/carrier-a.password",
    "links[].parts_per_second": 20,
    "links[].originator_parts_per_second": 1,
    "links[].source_ton": 1,
    "links[].source_npi": 1,
    "links[].data_coding_binary": 4,
    "links[].source_rules[].strip": "46",
    "links[].source_rules[].prepend": "0",
    "links[].dest_rules[].strip": "46",
    "links[].dest_rules[].prepend": "0046",
    "links[].query_after_s": 3600,
    "links[].selftest.recipient": "46701740605",
    "selftest.recipient": "46701740605",
    "links[].mapping": "infobip",
    "links[].receipt_token": "a-long-random-word",
    "relay.ca_file": "/etc/smsbridge/tls/relay.pem",
    "relay.password": "changeme",
    "relay.password_file": "/etc/smsbridge/relay.password",
    "simulator.accounts[].system_id": "second",
    "simulator.script": "storm",
    "simulator.certificate": "/etc/smsbridge/tls/fullchain.pem",
    "simulator.private_key": "/etc/smsbridge/tls/privkey.pem",
    "mail_sink.folder": "mails",
    "backup.folder": "/var/backups/smsbridge",
}
"""What to show for a setting that has no default or whose default is nothing."""

SHOWN = ("links", "links[].name", "links[].host", "links[].system_id", "links[].password", "relay")
"""Settings that the example file sets although they have no default: what an appliance needs to send anything."""

FOLLOWING = ("smtp.domains",)
"""Settings that the example file leaves off because they follow another one until they are set."""

_HEAD = """\
Configuration of smsbridge: every setting, with its default. Copy it, keep what you need, and check
it with `smsbridge check --config FILE`. What is left out has its default; a line that begins with a #
right before the name shows a setting that is not set. Relative paths are taken from the folder of this
file. The same list as a table: docs/settings.md.
"""

_PLAIN = re.compile(r"[A-Za-z0-9/._@-]*[A-Za-z][A-Za-z0-9/._@-]*")
_WORDS = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false", "null"})


def example_file() -> str:
    """config/bridge.example.yaml."""
    lines = [*_comment(_HEAD, "")]
    for name, field in Settings.model_fields.items():
        lines += ["", *_setting(name, name, field, "", is_off=False)]
    return "\n".join(lines) + "\n"


def _setting(name: str, path: str, field: FieldInfo, indent: str, *, is_off: bool) -> Iterator[str]:
    """The lines of one setting and all in it. `is_off`: they are inside a group that is commented out."""
    yield from _comment(field.description or "", indent)
    inner = words.without_none(field.annotation)
    item = words.item_of(inner)
    groups = words.members_of(item)
    is_group = bool(groups)
    has_none = field.is_required() or words.default_of(field) is None or (is_group and words.default_of(field) == [])
    is_off = is_off or (has_none and path not in SHOWN) or path in FOLLOWING
    mark = "#" if is_off else ""
    if is_group:
        yield f"{indent}{mark}{name}:"
        if item is inner:
            yield from _group(groups[0], path, indent, is_off)
        for number, group in enumerate(groups if item is not inner else ()):
            yield from _list_item(group, path, indent, is_off or number > 0)
        return
    value = words.default_of(field) if path not in EXAMPLES else EXAMPLES[path]
    if isinstance(value, dict) and value:
        yield f"{indent}{mark}{name}:"
        yield from (f"{indent}  {mark}{scalar(key)}: {scalar(one)}" for key, one in value.items())
    elif isinstance(value, list | tuple) and value:
        yield f"{indent}{mark}{name}:"
        yield from (f"{indent}  {mark}- {scalar(one)}" for one in value)
    else:
        yield f"{indent}{mark}{name}: {scalar(value)}"


def _group(model: type[BaseModel], path: str, indent: str, is_off: bool) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _setting(name, f"{path}.{name}", field, indent + "  ", is_off=is_off)


def _list_item(model: type[BaseModel], path: str, indent: str, is_off: bool) -> Iterator[str]:
    """One item of a list of groups. A comment may stand between its dash and its first setting."""
    yield f"{indent}  {'#' if is_off else ''}-"
    for name, field in model.model_fields.items():
        yield from _setting(name, f"{path}[].{name}", field, indent + "    ", is_off=is_off)


def scalar(value: Any) -> str:
    """A value as YAML that our own reader takes for the same value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(one)}" for key, one in value.items()) + "}"
    text = words.value_words(value) if not isinstance(value, str) else value
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text[0] not in "@-"
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: str) -> list[str]:
    width = WIDTH - len(indent) - 2
    return [f"{indent}# {line}" for paragraph in text.split("\n\n") for line in textwrap.wrap(paragraph, width)]


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "One YAML file, named with `--config FILE` or in the variable `SMSBRIDGE_CONFIG`. `smsbridge check` tells",
        "everything that is wrong with it at once, as `file:line: key: what is wrong; what would be right`, and starts",
        "nothing. Relative paths are taken from the folder of the file. `config/bridge.example.yaml` is the same list",
        "as a file to copy. Passwords may be given in a file of their own (`password_file`), which must not be",
        "readable by every user.",
        "",
        "The file is read strictly: keys may not repeat, text that looks like a number needs quotes, and `yes`, `no`,",
        "`on`, `off`, `0123`, `0x1F`, `1:30` are refused because YAML readers differ about them.",
        "",
        "<!-- Written by `python -m bridge.app.write_docs` from the descriptions beside the settings. -->",
    ]
    lines += ["", "## General", "", *_table("", Settings)]
    for setting in words.every_setting(Settings):
        if setting.model is not None:
            path = setting.path + ("[]" if setting.is_list else "")
            about = inspect.getdoc(setting.model) if setting.kind else setting.field.description
            heading = f"{path} of kind {setting.kind}" if setting.kind else path
            lines += ["", f"## {heading}", "", about or "", "", *_table(path, setting.model)]
    return "\n".join(lines) + "\n"


def _table(path: str, model: type[BaseModel]) -> list[str]:
    rows = ["| setting | takes | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        full = f"{path}.{name}" if path else name
        inner = words.without_none(field.annotation)
        item = words.item_of(inner)
        is_group = bool(words.members_of(item))
        takes = f"a group, see [below](#{_anchor(full, inner)})" if is_group else words.type_words(inner, field)
        takes = takes.replace("a group", "a list of groups", 1) if is_group and item is not inner else takes
        default = "" if is_group and not field.is_required() else f"`{words.default_words(field)}`"
        if field.is_required() or words.default_words(field) == words.NOTHING:
            default = default.strip("`")
        cells = (f"`{full}`", takes, default, field.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def _anchor(path: str, inner: Any) -> str:
    """GitHub's name of the heading: letters, digits, - and _ only."""
    return re.sub(r"[^a-z0-9_-]", "", path.lower())
