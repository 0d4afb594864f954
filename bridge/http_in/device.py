"""The simple interface: GET or POST /send with account, PIN, recipients and text, for devices and scripts.

Each recipient is a submission of its own, so that one that is refused does not lose the others. Nothing is said to be
accepted before its commit. HEAD is answered and does nothing: link checkers and `wget --spider` must not send.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from bridge import failpoints
from bridge.http_in.replies import Refused, Result, reply_to
from bridge.http_in.request import Fields, basic_credentials, is_json, read_fields, split_recipients
from bridge.intake.authenticate import CredentialKind, Identity, is_inside
from bridge.intake.when import Said
from bridge.messages.address import shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Lane, RetryKey, Submission
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper, Peer
from bridge.runtime.loop import now_ms, spawn
from bridge.runtime.web_site import WebRequest, answer

RECIPIENTS_MAX = 100
"""Recipients of one request, as in one mail; more is a second request."""
RECIPIENT_LENGTH_MAX = 42
"""Characters of one number as written, with its separator."""
KEY_HEADER = "Idempotency-Key"
KEY_MAX = 64
"""Characters of the client's own name for a request."""
KINDS = (CredentialKind.PIN, CredentialKind.API_KEY, CredentialKind.DEVICE_TOKEN)

log = logs.get("http_in")


class SendResource(Resource):
    """/send"""

    isLeaf = True

    def __init__(
        self, door: Door, gatekeeper: Gatekeeper, plain_auth_networks: Sequence[IPv4Network | IPv6Network]
    ) -> None:
        super().__init__()
        self._door = door
        self._gatekeeper = gatekeeper
        self._plain_auth_networks = plain_auth_networks

    def render_HEAD(self, request: WebRequest) -> int:
        answer(request, 200, "")
        return NOT_DONE_YET

    def render_GET(self, request: WebRequest) -> int:
        if any(request.postpath or ()):
            answer(request, 404, "Nothing here; use /send\n")
        else:
            serving = spawn(self._serve(request), "http send")
            request.notifyFinish().addErrback(lambda gone: serving.cancel())
        return NOT_DONE_YET

    render_POST = render_GET

    async def _serve(self, request: WebRequest) -> None:
        """The outermost hook of this door: whatever happens, the client is answered."""
        asked = _Asked(request)
        try:
            results = await self._send(asked)
        except Fault as fault:
            results = [Refused("", fault)]
            asked.log_refusal(fault)
        except Exception:
            log.exception("failed", peer=asked.peer.ip, account=asked.account)
            results = [Refused("", Fault(FaultCode.TRY_LATER))]
        reply = reply_to(results, as_json=asked.wants_json)
        answer(request, reply.status, reply.body, content_type=reply.content_type, headers=reply.headers)
        failpoints.reach("http.answered")

    async def _send(self, asked: "_Asked") -> list[Result]:
        fields = asked.read()
        identity = await self._identify(asked, fields)
        lane = _lane(fields.one("lane"))
        originator, reference, text = fields.one("from"), fields.one("ref"), fields.one("text")
        recipients = _recipients(fields)
        if not text.strip():
            raise Fault(FaultCode.EMPTY_TEXT, "give text=")
        said = _said(fields)
        retry = asked.retry_key(reference, [*recipients, originator, fields.one("lane"), text, *said.words])
        timed = said.on(Submission("http", "", text, originator, lane, reference), identity.times.time_zone, now_ms())
        results: list[Result | Submission] = []
        seen: set[str] = set()
        for raw in recipients:
            try:
                recipient = self._door.check_recipient(identity, raw)
            except Fault as fault:
                asked.log_refusal(fault, raw)
                results.append(Refused(raw, fault))
                continue
            if recipient not in seen:
                seen.add(recipient)
                # As it was written: read once more for somebody's home, the digits could be another number.
                results.append(replace(timed, recipient=raw, retry=retry))
        return await asyncio.gather(*(self._submit(identity, result) for result in results))

    async def _submit(self, identity: Identity, submission: Submission | Result) -> Result:
        """What became of one recipient. The door itself logs what it refuses."""
        if not isinstance(submission, Submission):
            return submission
        try:
            accepted: list[Accepted] = await self._door.submit(identity, [submission])
        except Fault as fault:
            return Refused(submission.recipient, fault)
        except Exception:
            log.exception("failed", account=identity.account_name, to=shorten(submission.recipient))
            return Refused(submission.recipient, Fault(FaultCode.TRY_LATER))
        return accepted[0]

    async def _identify(self, asked: "_Asked", fields: Fields) -> Identity:
        account, secret = asked.credentials(fields)
        if not account or not secret:
            raise Fault(FaultCode.BAD_CREDENTIALS, "give account= and pin=, or HTTP Basic credentials")
        if not asked.peer.is_encrypted and not is_inside(asked.peer.ip, self._plain_auth_networks):
            raise Fault(
                FaultCode.NOT_ALLOWED_HERE,
                "use https, or have your network added to plain_auth_networks",
                private="plain HTTP",
            )
        try:
            return await self._gatekeeper.by_secret(account, secret, kinds=KINDS, scope="send", peer=asked.peer)
        except Fault as fault:
            asked.is_refusal_logged = fault.code is FaultCode.BAD_CREDENTIALS and not fault.private
            raise


class _Asked:
    """What is known of the client and its request while it is being read."""

    def __init__(self, request: WebRequest) -> None:
        self._request = request
        self.peer = Peer(request.peer_ip, request.isSecure())
        self.account = ""
        self.wants_json = "application/json" in self._header("accept").lower() or is_json(self._header("content-type"))
        self.is_refusal_logged = False
        """The gatekeeper explains a wrong secret in a line of its own."""

    def _header(self, name: str) -> str:
        return ", ".join(
            value.decode("latin-1") for value in self._request.requestHeaders.getRawHeaders(name.encode(), [])
        )

    def read(self) -> Fields:
        if self._header("sec-fetch-site").strip().lower() == "cross-site":
            raise Fault(FaultCode.NOT_ALLOWED_HERE, "a web page of another site may not send")
        fields = read_fields(
            self._request.query,
            self._header("content-type"),
            self._header("content-encoding"),
            self._request.body,
        )
        self.wants_json = self._format(fields.one("format"))
        return fields

    def _format(self, name: str) -> bool:
        if name.lower() not in ("", "json", "text"):
            raise Fault(FaultCode.BAD_REQUEST, "format is json or text")
        return name.lower() == "json" if name else self.wants_json

    def retry_key(self, reference: str, content: list[str]) -> RetryKey | None:
        """The client's name for this request: the Idempotency-Key header, else ref=; None without either."""
        key = self._header(KEY_HEADER).strip() or reference
        if not key:
            return None
        if len(key) > KEY_MAX or not key.isprintable():
            raise Fault(FaultCode.BAD_REQUEST, f"{KEY_HEADER} and ref= have at most {KEY_MAX} printable characters")
        return RetryKey(f"http:{key}", "\n".join(content), is_strict=True)

    def credentials(self, fields: Fields) -> tuple[str, str]:
        account, secret = fields.one("account"), fields.one("pin")
        basic = basic_credentials(self._header("authorization"))
        if basic is not None and (account or secret):
            raise Fault(FaultCode.BAD_REQUEST, "credentials are given twice")
        account, secret = basic or (account, secret)
        self.account = account
        return account, secret

    def log_refusal(self, fault: Fault, raw_recipient: str = "") -> None:
        if self.is_refusal_logged:
            return
        log.warning(
            "refused",
            fault=fault.code.value,
            why=fault.detail,
            private=fault.private,
            to=shorten(raw_recipient) if raw_recipient else "",
            peer=self.peer.ip,
            account=self.account[:64],
        )


def _said(fields: Fields) -> Said:
    """What the request says of its times."""
    return Said(
        at=fields.one("at"),
        after=fields.one("in"),
        worthless_after=fields.one("worthless_after"),
        validity=fields.one("validity"),
        queue_age=fields.one("queue_age"),
    )


def _lane(name: str) -> Lane | None:
    if not name:
        return None
    try:
        return Lane[name.strip().upper()]
    except KeyError:
        raise Fault(FaultCode.BAD_REQUEST, "lane is alarm, normal or bulk") from None


def _recipients(fields: Fields) -> list[str]:
    if sum(map(len, fields.all("to"))) > RECIPIENTS_MAX * RECIPIENT_LENGTH_MAX:
        raise Fault(FaultCode.TOO_MANY_RECIPIENTS, f"at most {RECIPIENTS_MAX} are allowed")
    recipients = split_recipients(fields.all("to"))
    if not recipients:
        raise Fault(FaultCode.NO_RECIPIENT, "give to=")
    if len(recipients) > RECIPIENTS_MAX:
        raise Fault(FaultCode.TOO_MANY_RECIPIENTS, f"{len(recipients)}, at most {RECIPIENTS_MAX} are allowed")
    return recipients
