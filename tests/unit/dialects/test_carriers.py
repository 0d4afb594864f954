"""The mappings that come with us, on what the carriers' own pages print: requests, answers, receipts.

The page of each is named in its mapping (`cites`); what stands here is what is printed there.
"""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.app.config_file import mapping_of, read_as
from bridge.dialects import notices
from bridge.dialects.answers import judge
from bridge.dialects.mapping import Action, Mapping
from bridge.dialects.template import Filled
from bridge.http_out import mappings
from bridge.http_out.request import Requests, Unsendable, missing
from bridge.http_out.settings import HttpLinkSettings
from bridge.messages.causes import Cause
from bridge.messages.message import ClaimedPart, Coding, PartState
from bridge.messages.user_data import UserData

JSON, TEXT, FORM = "application/json", "text/plain", "application/x-www-form-urlencoded"
PUBLIC = {"public_url": "https://sms.example.org", "receipt_token": "abcdefghijklmnop"}
REPORT = "https://sms.example.org/carrier/up/abcdefghijklmnop/receipt?i=0A1B2C3D-1&r=7"


def load(name: str) -> Mapping:
    return mapping_of(HttpLinkSettings(name="up", mapping=Path(name)))


def part(text: str = "This is a sample message", **facts: object) -> ClaimedPart:
    given: dict[str, object] = {
        "part_id": 7,
        "message_id": "0A1B2C3D",
        "account_id": 1,
        "part_no": 1,
        "part_total": 1,
        "concat_ref": 0x2A,
        "originator": "AcmeInc",
        "recipient": "447700900000",
        "coding": Coding.GSM7,
        "text": text,
        "attempt": 1,
        "expires_at_ms": 0,
        "is_possible_duplicate": False,
    }
    return ClaimedPart(**(given | facts))  # type: ignore[arg-type]


def asked(name: str, *parts: ClaimedPart, **settings: object) -> Filled:
    """The request for these parts by a link of that mapping."""
    link = HttpLinkSettings.model_validate({"name": "up", "mapping": name} | settings)
    return Requests(link, load(name), link.secret()).of(list(parts), now_ms=0)


def form(filled: Filled) -> dict[str, str]:
    pairs = parse_qsl(filled.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def told(name: str, body: str, content_type: str = JSON, status: int = 200) -> tuple[Action | None, list[str], str]:
    verdict = judge(load(name), status, content_type, body.encode())
    return verdict.action, verdict.ids, verdict.reason


def reported(name: str, body: str = "", content_type: str = JSON, query: str = "") -> list[tuple[object, ...]]:
    mapping = load(name).receipt
    assert mapping is not None
    found = notices.receipts(mapping, query.encode(), content_type, body.encode(), {})
    return [(one.smsc_id, one.state, one.error, one.originator, one.is_trying) for one in found]


# --- all of them ---


@pytest.mark.parametrize("name", mappings.names())
def test_a_mapping_says_whose_it_is_and_from_which_pages(name: str) -> None:
    mapping = load(name)
    assert mapping.about
    assert mapping.cites
    assert all(page.startswith("https://") for page in mapping.cites)
    assert mapping.receipt is not None
    assert mapping.inbound is not None


@pytest.mark.parametrize("name", mappings.names())
def test_a_mapping_is_documented(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs/http-carriers.md").read_text("utf-8")
    assert f"`{name}`" in page
    assert all(cited in page for cited in load(name).cites)


@pytest.mark.parametrize("name", mappings.names())
@pytest.mark.parametrize(
    ("status", "action"),
    [(401, Action.LOGIN), (429, Action.SLOW), (500, Action.DOUBT), (502, Action.DOUBT), (504, Action.DOUBT)],
)
def test_what_every_server_may_answer_is_understood_everywhere(name: str, status: int, action: Action) -> None:
    assert told(name, "<html>", "text/html", status)[0] is action


@pytest.mark.parametrize("name", mappings.names())
def test_an_answer_that_nobody_knows_is_never_a_yes(name: str) -> None:
    for body in ("", "{}", "[]", "null", '{"messages": []}', "OK", "Success", '{"id": null, "sid": null}'):
        assert told(name, body)[0] is Action.DOUBT, body
        assert told(name, body, TEXT)[0] is Action.DOUBT, body


# --- Twilio ---

TWILIO_CREATED = """{
  "account_sid": "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "api_version": "2010-04-01", "body": "Hi there",
  "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": null,
  "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
  "direction": "outbound-api", "error_code": null, "error_message": null, "from": "+15557122661", "num_media": "0",
  "num_segments": "1", "price": null, "price_unit": null, "messaging_service_sid": null,
  "sid": "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "status": "queued", "to": "+15558675310"
}"""


def test_twilio_is_asked_as_its_page_asks() -> None:
    account = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    one = part("Hi there", originator="15557122661", recipient="15558675310")
    filled = asked("twilio", one, account=account, password="token", **PUBLIC)
    assert filled.method == "POST"
    assert filled.url == f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages.json"
    assert dict(filled.fields)["Authorization"].startswith("Basic QUNhYWFh")
    assert form(filled) == {
        "Body": "Hi there",
        "From": "+15557122661",
        "To": "+15558675310",
        "StatusCallback": REPORT,
    }
    named = asked("twilio", part(originator="AcmeInc", network_until_ms=90_000), account=account, password="token")
    assert form(named)["From"] == "AcmeInc"
    assert form(named)["ValidityPeriod"] == "90"
    assert "StatusCallback" not in form(named)


def test_twilios_answers() -> None:
    created = (Action.SUBMITTED, ["SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], "")
    assert told("twilio", TWILIO_CREATED, status=201) == created
    wrong = {"code": 21211, "message": "The 'To' number +1555 is not a valid phone number.", "status": 400}
    wrong["more_info"] = "https://www.twilio.com/docs/errors/21211"
    reason = "The 'To' number +1555 is not a valid phone number. (HTTP 400)"
    assert told("twilio", json.dumps(wrong), status=400) == (Action.FAIL, [], reason)
    stranger = {"code": 20003, "message": "Authenticate", "more_info": "https://www.twilio.com/docs/errors/20003"}
    assert told("twilio", json.dumps(stranger | {"status": 401}), status=401)[0] is Action.LOGIN
    assert told("twilio", json.dumps({"code": 20429, "message": "Too Many Requests"}), status=429)[0] is Action.SLOW


def test_twilios_receipts() -> None:
    sid = "SM1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a"
    body = f"SmsSid={sid}&SmsStatus=delivered&MessageStatus=delivered&To=%2B15558675310&MessageSid={sid}"
    body += "&AccountSid=ACaaa&From=%2B15557122661&ApiVersion=2010-04-01"
    assert reported("twilio", body, FORM, "i=0A1B2C3D-1&r=7") == [(sid, PartState.DELIVERED, "", "15558675310", False)]
    failed = body.replace("delivered", "undelivered") + "&ErrorCode=30003"
    assert reported("twilio", failed, FORM) == [(sid, PartState.UNDELIVERABLE, "30003", "15558675310", False)]
    assert reported("twilio", body.replace("delivered", "sent"), FORM) == [(sid, None, "", "15558675310", True)]
    assert reported("twilio", body.replace("delivered", "queued"), FORM) == []


# --- Vonage ---

VONAGE_TAKEN = """{
  "message-count": "1",
  "messages": [
    {
      "to": "447700900000",
      "message-id": "0C000000217B7F02",
      "status": "0",
      "remaining-balance": "15.53590000",
      "message-price": "0.03330000",
      "network": "23410"
    }
  ]
}"""
VONAGE_RECEIPT = """{
  "err-code": "0",
  "message-timestamp": "2018-10-25 12:10:29",
  "messageId": "0B00000127FDBC63",
  "msisdn": "447547232824",
  "network-code": "23410",
  "price": "0.03330000",
  "scts": "1810251310",
  "status": "delivered",
  "to": "Nexmo CLI"
}"""


def test_vonage_is_asked_as_its_page_asks() -> None:
    text = "A text message sent using the Vonage SMS API"
    filled = asked("vonage", part(text), account="abcd1234", password="abcdef0123456789")
    assert (filled.method, filled.url) == ("POST", "https://rest.nexmo.com/sms/json")
    assert form(filled) == {
        "from": "AcmeInc",
        "text": text,
        "to": "447700900000",
        "api_key": "abcd1234",
        "api_secret": "abcdef0123456789",
        "type": "text",
        "client-ref": "0A1B2C3D-1",
    }
    cyrillic = asked("vonage", part("Тревога", coding=Coding.UCS2), account="a", password="b", **PUBLIC)
    assert (form(cyrillic)["type"], form(cyrillic)["text"]) == ("unicode", "Тревога")
    assert form(cyrillic)["callback"] == REPORT


def test_vonages_answers() -> None:
    assert told("vonage", VONAGE_TAKEN) == (Action.SUBMITTED, ["0C000000217B7F02"], "")
    two = json.loads(VONAGE_TAKEN)["messages"] * 2
    two[1] = two[1] | {"message-id": "0C000000217B7F03"}
    both = json.dumps({"message-count": "2", "messages": two})
    assert told("vonage", both)[1] == ["0C000000217B7F02", "0C000000217B7F03"]
    torn = json.dumps({"message-count": "2", "messages": [two[0], {"status": "1", "error-text": "Throttled"}]})
    assert told("vonage", torn)[0] is Action.DOUBT

    def refused(status: str) -> Action | None:
        said = {"message-count": "1", "messages": [{"status": status, "error-text": "Missing to param"}]}
        assert told("vonage", json.dumps(said))[2] == "Missing to param (HTTP 200)"
        return told("vonage", json.dumps(said))[0]

    wanted = {
        "1": Action.SLOW,
        "2": Action.FAIL,
        "4": Action.LOGIN,
        "5": Action.RETRY,
        "6": Action.FAIL,
        "9": Action.LOGIN,
    }
    assert {status: refused(status) for status in wanted} == wanted


def test_vonages_receipts() -> None:
    (receipt,) = reported("vonage", VONAGE_RECEIPT)
    assert receipt == ("0B00000127FDBC63", PartState.DELIVERED, "0", "447547232824", False)
    mapping = load("vonage").receipt
    assert mapping is not None
    (one,) = notices.receipts(mapping, b"", JSON, VONAGE_RECEIPT.encode(), {})
    assert one.network_at_ms == 1540473000000, "2018-10-25 13:10"
    failed = json.dumps(json.loads(VONAGE_RECEIPT) | {"status": "failed", "err-code": "3"})
    (one,) = notices.receipts(mapping, b"", JSON, failed.encode(), {})
    assert (one.state, one.cause) == (PartState.UNDELIVERABLE, Cause.NO_SUCH_NUMBER)
    (one,) = notices.receipts(mapping, b"", JSON, failed.encode(), {"3": Cause.MEMORY_FULL})
    assert one.cause is Cause.MEMORY_FULL, "the link's own table goes first"


# --- Infobip ---

INFOBIP_ASKED = """{
  "messages": [
    {
      "sender": "InfoSMS",
      "destinations": [ { "to": "{your-phone-number}" } ],
      "content": { "text": "This is a sample message" }
    }
  ]
}"""
INFOBIP_TAKEN = """{"bulkId": "1478260834465349756", "messages": [{"messageId": "MESSAGE-ID-123-xyz", "status":
 {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED",
  "description": "Message sent to next instance"}, "destination": "41793026727"}]}"""
INFOBIP_REPORT = """{"results": [
 {"bulkId": "BULK-ID-123-xyz", "messageId": "MESSAGE-ID-123-xyz", "to": "41793026727",
  "sentAt": "2019-11-09T16:00:00.000+0000", "doneAt": "2019-11-09T16:00:00.000+0000", "smsCount": 1,
  "callbackData": "callbackData", "price": {"pricePerMessage": 0.01, "currency": "EUR"},
  "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET",
             "description": "Message delivered to handset"},
  "error": {"groupId": 0, "groupName": "Ok", "id": 0, "name": "NO_ERROR", "description": "No Error",
            "permanent": false}},
 {"bulkId": "BULK-ID-123-xyz", "messageId": "12db39c3-7822-4e72-a3ec-c87442c0ffc5", "to": "41793026834",
  "sentAt": "2019-11-09T17:00:00.000+0000", "doneAt": "2019-11-09T17:00:00.000+0000", "smsCount": 1,
  "price": {"pricePerMessage": 0.01, "currency": "EUR"},
  "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
  "error": {"groupId": 0, "groupName": "Ok", "id": 0, "name": "NO_ERROR"}}]}"""


def test_infobip_is_asked_as_its_page_asks() -> None:
    settings = {"url": "https://xyz.api.infobip.com", "password": "my-key"}
    filled = asked("infobip", part(originator="InfoSMS"), **settings)
    assert (filled.method, filled.url) == ("POST", "https://xyz.api.infobip.com/sms/3/messages")
    assert dict(filled.fields) == {
        "Authorization": "App my-key",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    wanted = json.loads(INFOBIP_ASKED.replace("{your-phone-number}", "447700900000"))
    assert json.loads(filled.body) == wanted
    with_receipt = json.loads(asked("infobip", part(originator="InfoSMS"), **settings, **PUBLIC).body)
    wanted["messages"][0]["webhooks"] = {"delivery": {"url": REPORT}}
    assert with_receipt == wanted


def test_infobips_answers() -> None:
    assert told("infobip", INFOBIP_TAKEN) == (Action.SUBMITTED, ["MESSAGE-ID-123-xyz"], "")
    rejected = INFOBIP_TAKEN.replace('"groupId": 1', '"groupId": 5').replace(
        "Message sent to next instance", "Destination is not registered"
    )
    assert told("infobip", rejected) == (Action.FAIL, [], "Destination is not registered (HTTP 200)")
    wrong = '{"requestError": {"serviceException": {"messageId": "BAD_REQUEST", "text": "Bad request"}}}'
    assert told("infobip", wrong, status=400) == (Action.FAIL, [], "Bad request (HTTP 400)")


def test_infobips_receipts() -> None:
    assert reported("infobip", INFOBIP_REPORT, "application/json; charset=UTF-8") == [
        ("MESSAGE-ID-123-xyz", PartState.DELIVERED, "0", "41793026727", False),
        ("12db39c3-7822-4e72-a3ec-c87442c0ffc5", PartState.DELIVERED, "0", "41793026834", False),
    ]
    on_its_way = INFOBIP_REPORT.replace("DELIVERED_TO_HANDSET", "DELIVERED_TO_OPERATOR")
    assert [one[1::3] for one in reported("infobip", on_its_way)] == [(None, True)] * 2
    gone = INFOBIP_REPORT.replace("DELIVERED_TO_HANDSET", "UNDELIVERABLE_NOT_DELIVERED").replace('"id": 0', '"id": 27')
    mapping = load("infobip").receipt
    assert mapping is not None
    one, _ = notices.receipts(mapping, b"", JSON, gone.encode(), {})
    assert (one.state, one.cause, one.network_at_ms) == (PartState.UNDELIVERABLE, Cause.SWITCHED_OFF, 1573315200000)


# --- MessageBird ---

MESSAGEBIRD_TAKEN = """{
  "id": "e8077d803532c0b5937c639b60216938",
  "href": "https://rest.messagebird.com/messages/e8077d803532c0b5937c639b60216938",
  "direction": "mt", "type": "sms", "originator": "YourName", "body": "Thisisatestmessage", "reference": null,
  "validity": null, "gateway": null, "typeDetails": {}, "datacoding": "plain", "mclass": 1, "scheduledDatetime": null,
  "createdDatetime": "2016-05-03T14:26:57+00:00",
  "recipients": {"totalCount": 1, "totalSentCount": 1, "totalDeliveredCount": 0, "totalDeliveryFailedCount": 0,
    "items": [{"recipient": 31612345678, "status": "sent", "statusDatetime": "2016-05-03T14:26:57+00:00"}]}
}"""
MESSAGEBIRD_REPORT = (
    "id=e8077d803532c0b5937c639b60216938&reference=YouReference123&recipient=31612345678"
    "&status=delivered&statusDatetime=2016-05-03T08%3A58%3A10%2B00%3A00"
)


def test_messagebird_is_asked_as_its_page_asks() -> None:
    one = part("This is a test message", recipient="31612345678", originator="YourName")
    filled = asked("messagebird", one, password="test_gshuPaZoeEG6ovbc8M79w0QyM", **PUBLIC)
    assert (filled.method, filled.url) == ("POST", "https://rest.messagebird.com/messages")
    assert dict(filled.fields)["Authorization"] == "AccessKey test_gshuPaZoeEG6ovbc8M79w0QyM"
    assert form(filled) == {
        "recipients": "31612345678",
        "originator": "YourName",
        "body": "This is a test message",
        "datacoding": "plain",
        "reference": "0A1B2C3D-1",
        "reportUrl": REPORT,
    }


def test_messagebirds_answers() -> None:
    taken = (Action.SUBMITTED, ["e8077d803532c0b5937c639b60216938"], "")
    assert told("messagebird", MESSAGEBIRD_TAKEN, status=201) == taken
    stranger = {"errors": [{"code": 2, "description": "Request not allowed (incorrect access_key)", "parameter": None}]}
    assert told("messagebird", json.dumps(stranger), status=401)[0] is Action.LOGIN
    wrong = {"errors": [{"code": 9, "description": "no (correct) recipients found", "parameter": "recipients"}]}
    reason = "no (correct) recipients found (HTTP 422)"
    assert told("messagebird", json.dumps(wrong), status=422) == (Action.FAIL, [], reason)
    poor = {"errors": [{"code": 25, "description": "Not enough balance", "parameter": None}]}
    assert told("messagebird", json.dumps(poor), status=422)[0] is Action.LOGIN


def test_messagebirds_receipts() -> None:
    smsc_id = "e8077d803532c0b5937c639b60216938"
    (receipt,) = reported("messagebird", query=MESSAGEBIRD_REPORT)
    assert receipt == (smsc_id, PartState.DELIVERED, "", "31612345678", False)
    failed = MESSAGEBIRD_REPORT.replace("delivered", "delivery_failed") + "&statusErrorCode=1"
    (receipt,) = reported("messagebird", query=failed)
    assert receipt == (smsc_id, PartState.UNDELIVERABLE, "1", "31612345678", False)


# --- Jasmin ---


def test_jasmin_is_asked_as_its_page_asks() -> None:
    one = part("Hello world !", recipient="20203050", originator="Jasmin")
    settings = {"url": "http://127.0.0.1:1401", "account": "jasmin_user", "password": "jasmin_pass"}
    filled = asked("jasmin", one, **settings, **PUBLIC)
    assert (filled.method, filled.url) == ("POST", "http://127.0.0.1:1401/send")
    assert form(filled) == {
        "username": "jasmin_user",
        "password": "jasmin_pass",
        "to": "20203050",
        "from": "Jasmin",
        "coding": "0",
        "hex-content": b"Hello world !".hex().upper(),
        "dlr": "yes",
        "dlr-level": "2",
        "dlr-method": "POST",
        "dlr-url": REPORT,
    }
    arabic = form(asked("jasmin", part("مرحبا", coding=Coding.UCS2), **settings))
    assert (arabic["coding"], arabic["hex-content"]) == ("8", "06450631062D06280627")
    binary = form(asked("jasmin", part("DEADBEEF", coding=Coding.BINARY), **settings))
    assert (binary["coding"], binary["hex-content"]) == ("4", "DEADBEEF")


@pytest.mark.parametrize(
    ("status", "body", "action", "reason"),
    [
        (400, 'Error "Argument _ is unknown."', Action.FAIL, "Argument _ is unknown. (HTTP 400)"),
        (403, 'Error "Authentication failure for username:_"', Action.LOGIN, "Authentication failure for username:_"),
        (403, 'Error "Authorization failed for username:_"', Action.LOGIN, "Authorization failed for username:_"),
        (403, 'Error "Cannot charge submit_sm, check RouterPB log file for details"', Action.LOGIN, "Cannot charge"),
        (412, 'Error "No route found"', Action.NEXT_LINK, "No route found (HTTP 412)"),
        (500, 'Error "Cannot send submit_sm, check SMPPClientManagerPB log file for details"', Action.RETRY, "Cannot"),
    ],
)
def test_jasmins_refusals(status: int, body: str, action: Action, reason: str) -> None:
    said = told("jasmin", body, "text/html; charset=utf-8", status)
    assert said[0] is action
    assert said[2].startswith(reason)


def test_jasmins_yes() -> None:
    said = told("jasmin", 'Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"', "text/html")
    assert said == (Action.SUBMITTED, ["07033084-5cfd-4812-90a4-e4d24ffb6e3d"], "")


def test_jasmins_receipts() -> None:
    smsc_id = "16fd2706-8baf-433b-82eb-8c7fada847da"
    body = f"id={smsc_id}&id_smsc=2567&message_status=DELIVRD&level=2&subdate=1311022338&donedate=1311022338"
    body += "&sub=001&dlvrd=001&err=000&text=Hello+foo+bar"
    assert reported("jasmin", body, FORM) == [(smsc_id, PartState.DELIVERED, "000", "", False)]
    assert reported("jasmin", body.replace("DELIVRD", "ESME_ROK"), FORM) == [(smsc_id, None, "000", "", True)]
    reply = load("jasmin").receipt
    assert reply is not None
    assert (reply.reply.status, reply.reply.body) == (200, "ACK/Jasmin"), "exactly that"


# --- Kannel ---


def kannel_query(filled: Filled) -> dict[str, bytes]:
    pairs = parse_qsl(urlsplit(filled.url).query, keep_blank_values=True, encoding="latin-1", strict_parsing=True)
    return {name: value.encode("latin-1") for name, value in pairs}


def test_kannel_is_asked_as_its_guide_asks() -> None:
    settings = {"url": "http://127.0.0.1:13013", "account": "tester", "password": "foobar"}
    one = part("Über 5 €", recipient="0123456", originator="Pumps", network_until_ms=3_600_000)
    filled = asked("kannel", one, **settings, **PUBLIC)
    assert filled.method == "GET"
    assert filled.url.startswith("http://127.0.0.1:13013/cgi-bin/sendsms?username=tester&password=foobar&")
    assert kannel_query(filled) == {
        "username": b"tester",
        "password": b"foobar",
        "from": b"Pumps",
        "to": b"0123456",
        "text": "Über 5 €".encode(),
        "charset": b"UTF-8",
        "coding": b"0",
        "validity": b"60",
        "dlr-mask": b"31",
        "dlr-url": f"{REPORT}&type=%d&said=%A&at=%T&from=%p&to=%P".encode(),
    }
    second = part("rest", part_no=2, part_total=3)
    assert kannel_query(asked("kannel", second, **settings))["udh"] == bytes.fromhex("0500032A0302")


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (202, "0: Accepted for delivery", Action.SUBMITTED),
        (202, "3: Queued for later delivery", Action.SUBMITTED),
        (403, "Authorization failed for sendsms", Action.LOGIN),
        (503, "Temporal failure, try again later.", Action.RETRY),
        (400, "Empty text not allowed, rejected", Action.FAIL),
    ],
)
def test_kannels_answers(status: int, body: str, action: Action) -> None:
    assert told("kannel", body, "text/html", status)[0] is action


def test_kannels_receipts() -> None:
    own = "i=0A1B2C3D-1&r=7&type={}&said=id%3A1+stat%3AUNDELIV+err%3A032+Text%3A&at=1540473000&from=46701&to=Pumps"
    (receipt,) = reported("kannel", query=own.format("2"))
    assert receipt[:3] == ("0A1B2C3D-1", PartState.UNDELIVERABLE, "032")
    ends = {code: reported("kannel", query=own.format(code))[0][1::3] for code in ("1", "4", "8", "16", "34")}
    assert ends == {
        "1": (PartState.DELIVERED, False),
        "4": (None, True),
        "8": (None, True),
        "16": (PartState.REJECTED, False),
        "34": (PartState.EXPIRED, False),
    }


# --- what they cannot ---


@pytest.mark.parametrize("name", sorted(set(mappings.names()) - {"kannel"}))
def test_a_header_of_the_senders_own_goes_to_no_carrier_that_has_no_place_for_it(name: str) -> None:
    pushed = part(user_data=UserData(header=bytes.fromhex("0605040B8423F0")))
    with pytest.raises(Unsendable, match="user data header"):
        asked(name, pushed, url="https://a.example")


@pytest.mark.parametrize("name", sorted(set(mappings.names()) - {"jasmin"}))
def test_octets_go_to_no_carrier_that_takes_only_text(name: str) -> None:
    with pytest.raises(Unsendable, match="not text"):
        asked(name, part("00FF", coding=Coding.BINARY), url="https://a.example")


@pytest.mark.parametrize("name", mappings.names())
def test_a_text_cannot_break_out_of_its_place(name: str) -> None:
    text = '"}],&to=1\r\nX: y {password} %d\x00\\'
    filled = asked(name, part(text), url="https://a.example", account="a", password="SECRET")
    assert "\r" not in filled.url
    assert all("\r" not in value for _, value in filled.fields)
    if filled.body.startswith(b"{"):
        assert json.loads(filled.body)["messages"][0]["content"]["text"] == text
    else:
        pairs = parse_qsl(filled.body.decode() or urlsplit(filled.url).query, keep_blank_values=True)
        names = [known for known, _ in pairs]
        assert len(names) == len(set(names))
        (content,) = [value for known, value in pairs if known in ("Body", "body", "text", "hex-content")]
        assert content == text or re.fullmatch("[0-9A-F]+", content)


def test_what_a_link_lacks_is_said() -> None:
    bare = HttpLinkSettings(name="up", mapping=Path("infobip"))
    assert [(name, wrong) for name, wrong, _ in missing(bare, load("infobip"))] == [
        ("url", "is missing"),
        ("password", "is missing"),
    ]
    plain = HttpLinkSettings(name="up", mapping=Path("kannel"), url="http://10.1.1.1:13013", account="a", password="b")
    assert [name for name, *_ in missing(plain, load("kannel"))] == ["url"]


def test_a_mapping_with_mistakes_is_refused_with_their_lines(tmp_path: Path) -> None:
    from bridge.app.config_errors import ConfigErrors

    file = tmp_path / "mine.yaml"
    file.write_text("request:\n  url: x\n  mehtod: GET\nanswers:\n  - {then: maybe}\nid: {matches: '('}\n")
    with pytest.raises(ConfigErrors) as wrong:
        read_as(Mapping, file, "")
    told_lines = [(error.line, error.key) for error in wrong.value.errors]
    assert told_lines == [(3, "request.mehtod"), (5, "answers[0].then"), (6, "id.matches")]
