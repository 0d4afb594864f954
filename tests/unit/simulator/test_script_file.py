"""Scripts as files: what each key becomes, and what is said of a wrong one."""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from bridge.app import settings_words
from bridge.app.config_errors import ConfigErrors
from bridge.app.config_file import read_as
from bridge.simulator import ready
from bridge.simulator.behaviour import DELIVERED, TABLE, Behaviour, ReceiptDates, ReceiptText
from bridge.simulator.inbound import LongForm, Order
from bridge.simulator.script import Rule, When
from bridge.simulator.script_file import ScriptFile, script
from bridge.simulator.sessions import CALM, Ending, Hangs, Noise, Sessions, Speaks
from bridge.simulator.spelling import IdForm, IdSpelling
from bridge.smpp.constants import MessageState, Status

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"

EVERYTHING = """
about: everything at once
seed: 7
last_digits: false
rules:
  - about: all keys
    when: {recipient: "44*", originator: A*, text: "*x*", part: 2, nth: [1, 2], every: 3, tries: 4, share_percent: 5,
           after_s: 6, until_s: 7.5, repeat_s: 8}
    answer: {status: ESME_RTHROTTLED, delay_ms: 9, delay_max_ms: 10, silent: true, copies: 2, nack: true, body: false,
             stray: true, id: uuid}
    receipt: {states: [enroute, delivered, Enroute], error: "027", delay_ms: 11, gap_ms: 12, copies: 13,
              before_answer: true, id: undashed, text: garbage, tlvs: false, esm_class: 8, dates: epoch}
    disconnect: {at_octet: 14, by: close}
  - answer: {status: 1025}
    receipt: {states: []}
sessions: {speaks: ssh, bind: {status: RBINDFAIL, refused: 3, silent: true}, hangs: probes, hangs_after: 1,
           stalls_after: 2, stalls_s: 3, lasts_s: 4, ends_by: unbind, write_octets: 5, noise: [outbind],
           noise_every: 6}
inbound:
  - {originator: "46701740605", recipient: "46701740699", text: "{n}", count: 2, after_s: 3, every_s: 4, form: sar,
     order: shuffled, account: second}
"""


def written(folder: Path, text: str) -> ScriptFile:
    file = folder / "script.yaml"
    file.write_text(text)
    return read_as(ScriptFile, file, "begin with another")


def test_every_key_becomes_what_it_says(tmp_path: Path) -> None:
    made = written(tmp_path, EVERYTHING).value()
    when = When("44*", "A*", "*x*", 2, (1, 2), 3, 4, 5.0, 6.0, 7.5, 8.0)
    enroute, delivered = MessageState.ENROUTE, MessageState.DELIVERED
    does = Behaviour(
        "all keys", 0, Status.RTHROTTLED, True, True, 9, 10, 2, None, IdForm.UUID, True, True, enroute,
        (delivered, enroute), 12, 11, "027", IdSpelling.UNDASHED, True, 13, ReceiptText.GARBAGE, False, 8,
        ReceiptDates.EPOCH, True, 14, False,
    )  # fmt: skip
    assert list(made.rules) == [Rule(when, does), Rule(When(), Behaviour("", status=0x401, state=None))]
    assert made.sessions == Sessions(
        Speaks.SSH, Status.RBINDFAIL, 3, True, Hangs.PROBES, 1, 2, 3.0, 4.0, Ending.UNBIND, 5, (Noise.OUTBIND,), 6
    )
    (burst,) = made.inbound
    assert (burst.count, burst.after_s, burst.every_s, burst.account) == (2, 3.0, 4.0, "second")
    assert (burst.form, burst.order) == (LongForm.SAR, Order.SHUFFLED)
    assert (burst.originator_of(1), burst.text_of(1)) == ("46701740606", "1")
    assert (made.seed, made.table, made.about) == (7, {}, "everything at once")


def test_a_rule_that_says_nothing_delivers_everything_as_usual() -> None:
    made = script({"rules": [{}]})
    assert made.rules[0].when == When()
    assert made.rules[0].does == Behaviour("")
    assert Behaviour(DELIVERED.about) == DELIVERED
    assert made.sessions is CALM
    assert made.table == TABLE


@pytest.mark.parametrize("name", ready.names())
def test_the_ready_scripts_can_be_played_and_say_what_they_play(name: str, tmp_path: Path) -> None:
    path = ready.path_of(name)
    assert path is not None
    made = read_as(ScriptFile, path, "").value()
    assert made.about == ready.about(name) != ""
    assert made.rules or made.inbound or made.sessions is not CALM
    assert f"| `{name}` | {made.about} |" in DOCS.read_text()


def test_a_name_that_is_no_ready_script() -> None:
    assert ready.path_of("../settings") is None
    assert {"calm", "throttling", "storm", "spellings", "flapping"} <= set(ready.names())


def test_all_that_is_wrong_is_said_at_once_with_line_and_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        written(
            tmp_path,
            "colour: green\n"
            "rules:\n"
            '  - when: {share_percent: 120, recipent: "*1"}\n'
            "    answer: {status: RTHROTLED}\n"
            "  - receipt:\n"
            "      states: [arrived]\n"
            "      error: 1\n"
            "sessions: {hangs: often}\n",
        )
    assert str(wrong.value).replace(str(tmp_path), "") == (
        "/script.yaml:1: colour: is no setting; the settings here are about, seed, last_digits, rules, sessions,"
        " inbound\n"
        '/script.yaml:3: rules[0].when.recipent: is no setting; did you mean "recipient"?\n'
        "/script.yaml:3: rules[0].when.share_percent: 120 is not allowed; write a number from 0 to 100.0\n"
        "/script.yaml:4: rules[0].answer.status: 'RTHROTLED' is the name of no command_status;"
        " did you mean RTHROTTLED?\n"
        "/script.yaml:6: rules[1].receipt.states[0]: not a message state; write one of scheduled, enroute, delivered,"
        " expired, deleted, undeliverable, accepted, unknown, rejected, skipped\n"
        "/script.yaml:7: rules[1].receipt.error: 1 is not text; write it in quotes\n"
        '/script.yaml:8: sessions.hangs: "often" is not known here; write one of never, all, submits, probes'
        " (the default is never)"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file: is empty; begin with another"),
        ("- a\n", "the file: is not a list of `key: value` lines; begin with another"),
        ("seed: [1\n", "a [ is opened here and never closed"),
        (
            "rules: [{when: {share_percent: 60}}, {when: {share_percent: 50}}]\n",
            "the file: the shares of its rules add up to 110 percent; at most 100 can be shared",
        ),
        ("rules: [{answer: {status: true}}]\n", "rules[0].answer.status: not a command_status; write a name such as"),
        ("inbound: [{text: Hi}]\n", "inbound[0].originator: is missing"),
        (
            "inbound: [{text: Hi, originator: Łódź, recipient: '1'}]\n",
            "inbound[0].originator: not an address; write digits",
        ),
        ("rules: [{when: {nth: [0, 2]}}]\n", "rules[0].when.nth: counts from 1; [1, 3] is the first and the third"),
        ("rules: [{when: {after_s: 5, until_s: 5}}]\n", "rules[0].when: no part is ever meant: until_s and repeat_s"),
        (
            "rules: [{when: {after_s: 40, repeat_s: 30}}]\n",
            "rules[0].when: no part is ever meant: until_s and repeat_s",
        ),
        ("sessions: {bind: {refused: 3}}\n", "sessions.bind: says how many binds are refused and not with what"),
    ],
)
def test_wrong_files(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        written(tmp_path, text)
    assert words in str(wrong.value)


def groups(model: type[BaseModel]) -> Iterator[settings_words.Setting]:
    return settings_words.every_setting(model)


def test_every_key_is_documented_with_its_default() -> None:
    text = DOCS.read_text()
    for setting in groups(ScriptFile):
        name = setting.path.rpartition(".")[2]
        assert setting.field.description, f"{setting.path} has no description"
        assert f"`{name}`" in text, f"{setting.path} is missing in docs/simulator.md"


@pytest.mark.parametrize(
    "words", [IdForm, IdSpelling, ReceiptText, ReceiptDates, Speaks, Hangs, Ending, Noise, Order, LongForm]
)
def test_every_word_that_may_be_written_is_documented(words: type[StrEnum]) -> None:
    text = DOCS.read_text()
    assert [word.value for word in words if not re.search(rf"[`\[]{word.value}[`\]]|\| {word.value} \|", text)] == []


def test_the_example_of_the_page_can_be_played() -> None:
    example = DOCS.read_text().split("```yaml\n")[1].split("```")[0]
    made = ScriptFile.model_validate(yaml.safe_load(example)).value()
    assert len(made.rules) > 2
    assert made.inbound
