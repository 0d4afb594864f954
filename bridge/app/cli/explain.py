"""The command explain: how a message to a number would go, and why."""

import unicodedata

import click

from bridge.app.answers.routes import Explanation, PlannedLink
from bridge.app.cli import printing as out
from bridge.app.cli.base import json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.place import call


@click.command("explain")
@click.argument("number")
@click.option("--text", metavar="TEXT", default="", help="With this text; a short one in GSM 03.38 when left out.")
@click.option("--account", metavar="NAME", default="", help="As this account would send.")
@click.option("--originator", metavar="TEXT", default="", help="With this originator; else the account's.")
@json_option
def explain(number: str, text: str, account: str, originator: str, is_json: bool) -> None:
    """Explain how a message to NUMBER would go.

    How the number is read, its country and network, alphabet and parts of the text and which character forced UCS-2,
    the price, the route, and every link that is passed over and why. Nothing is sent or charged. Ends with 65 when
    the message would be refused.

    \b
    Example:
      smsbridge explain 46701740605 --text "Grüße €" --account ward7
    """
    answer: Explanation = call("explain", number=number, text=text, account=account, originator=originator)
    if is_json:
        out.as_json(answer)
    else:
        _page(answer)
    if answer["refused"]:
        fail(EX_DATA, f"a message to {number} would be refused: {answer['refused'][0]}", _cure(answer))


def _page(answer: Explanation) -> None:
    network = f"{answer['network']} ({answer['mcc_mnc']}), by prefix {answer['network_prefix']}"
    cost = ""
    if answer["price_mc"] is not None:
        cost = f"{out.credit(answer['price_mc'])} for a part, {out.credit(answer['price_mc'] * answer['parts'])} in all"
    out.facts(
        [
            ("number", answer["recipient"]),
            ("read", answer["read_as"]),
            ("kind", answer["kind"].replace("_", " ")),
            ("country", answer["country"]),
            ("network", network if answer["mcc_mnc"] else "not known" if answer["recipient"] else ""),
            ("account", answer["account"]),
            ("class", answer["account_class"]),
            ("originator", answer["originator"]),
            ("", answer["originator_note"]),
            (
                "coding",
                answer["coding"] + (f", because of {_sign(answer['forced_ucs2'])}" if answer["forced_ucs2"] else ""),
            ),
            ("message", answer["message_kind"]),
            ("parts", answer["parts"] or ""),
            ("price", cost),
            ("route", _route(answer)),
        ]
    )
    links_table(answer)


def _sign(sign: str) -> str:
    """A character, its code point and its name."""
    return f"{sign} (U+{ord(sign):04X} {unicodedata.name(sign, 'without a name')})"


def _route(answer: Explanation) -> str:
    row = answer["route"]
    if answer["is_test_number"]:
        return "none: a test number, which reaches no handset"
    if row is None:
        return "none are set: every link, in the order of the configuration" if answer["links"] else ""
    only = ", ".join(filter(None, (row["account_class"], row["originator"], row["coding"], row["kind"], row["hours"])))
    note = f": {row['note']}" if row["note"] else ""
    return f"{row['route_id']}, {row['destination'] or 'everywhere'}{f' ({only})' if only else ''}{note}"


def links_table(answer: Explanation) -> None:
    """The links of the route in the order in which they are tried."""
    if answer["links"]:
        click.echo()
    out.table(
        ("order", "link", "place", "share", "cost", ""),
        [
            (
                line["order"] or "never",
                line["link"],
                line["place"],
                line["share"],
                out.credit(line["cost_mc"]) if line["cost_mc"] is not None else "",
                _state(line),
            )
            for line in answer["links"]
        ],
        right=("order", "cost"),
    )


def _state(line: PlannedLink) -> str:
    if line["order"] == 1:
        return f"first choice, though {line['why']}" if line["why"] else "first choice"
    return f"passed over: {line['why']}" if line["why"] else ""


def _cure(answer: Explanation) -> str:
    if answer["parts"] and not any(line["order"] for line in answer["links"]):
        return "`smsbridge route add` adds a route"
    return "`smsbridge tariff set` sets a price" if answer["parts"] else "correct it and try again"
