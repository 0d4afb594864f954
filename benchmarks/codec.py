"""Our SMPP codec against smpplib's, in one run: microseconds to write and to read the PDUs of a message's life.

    python -m benchmarks.codec [--rounds N]

"encode" is from plain values to octets (the PDU object is made each time, as in the appliance), "decode" from octets
to a PDU object. The two codecs take turns in each round, so that a noisy machine disturbs both; the best round counts.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smpplib import smpp as smpplib_smpp

from benchmarks import common
from bridge.smpp import codec
from bridge.smpp.pdus import DeliverSm, EnquireLink, SubmitSm, SubmitSmResp

OURS_COUNT = 4_000
THEIRS_COUNT = 400
ROUNDS = 15

TEXT = b"Pump 3 in station Nord: level above 92 %, please acknowledge. Sent by the building control at 05:38."
RECEIPT = (
    b"id:6FD54FA2 sub:001 dlvrd:001 submit date:2611240538 done date:2611240539 stat:DELIVRD err:000 text:Pump 3 in st"
)
SUBMIT: dict[str, Any] = {
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "Pumps",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "46701740605",
    "validity_period": "261125053800000+",
    "registered_delivery": 1,
    "short_message": TEXT,
}
DELIVER: dict[str, Any] = {
    "source_addr_ton": 1,
    "source_addr_npi": 1,
    "source_addr": "46701740605",
    "dest_addr_ton": 5,
    "dest_addr_npi": 0,
    "destination_addr": "Pumps",
    "esm_class": 4,
    "short_message": RECEIPT,
}


class _Numbers:
    """smpplib asks a client for each sequence_number."""

    def next_sequence(self) -> int:
        return 7


_CLIENT = _Numbers()


def _theirs(name: str, **values: Any) -> bytes:
    pdu = smpplib_smpp.make_pdu(name, client=_CLIENT, **values)
    pdu.sequence = 7
    return pdu.generate()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Case:
    """One PDU, written by each codec; both must mean the same."""

    name: str
    ours: Callable[[], bytes]
    theirs: Callable[[], bytes]


CASES = (
    Case("submit_sm", lambda: codec.encode(SubmitSm(**SUBMIT), 7), lambda: _theirs("submit_sm", **SUBMIT)),
    Case(
        "submit_sm_resp",
        lambda: codec.encode(SubmitSmResp(message_id="6FD54FA2"), 7),
        lambda: _theirs("submit_sm_resp", message_id="6FD54FA2"),
    ),
    Case(
        "deliver_sm (receipt)",
        lambda: codec.encode(DeliverSm(**DELIVER, tlvs={0x001E: b"6FD54FA2\0", 0x0427: b"\x02"}), 7),
        lambda: _theirs("deliver_sm", **DELIVER, receipted_message_id="6FD54FA2", message_state=2),
    ),
    Case("enquire_link", lambda: codec.encode(EnquireLink(), 7), lambda: _theirs("enquire_link")),
)


def _us_per_call(function: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        function()
    return (time.perf_counter() - started) / count * 1e6


def _compare(name: str, step: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> list[Any]:
    pairs = [(_us_per_call(ours, OURS_COUNT), _us_per_call(theirs, THEIRS_COUNT)) for _ in range(rounds)]
    our_us, their_us = (round(min(side), 3) for side in zip(*pairs, strict=True))
    return [name, step, our_us, their_us, round(their_us / our_us, 1)]


def measure(rounds: int) -> list[list[Any]]:
    """Rows of PDU, step, our microseconds, smpplib's, and the ratio."""
    rows = []
    for case in CASES:
        frame = case.ours()
        assert codec.decode(frame) == codec.decode(case.theirs()), f"the codecs disagree about {case.name}"
        rows.append(_compare(case.name, "encode", case.ours, case.theirs, rounds))
        rows.append(
            _compare(
                case.name,
                "decode",
                lambda frame=frame: codec.decode(frame),
                lambda frame=frame: smpplib_smpp.parse_pdu(frame, client=_CLIENT, allow_unknown_opt_params=True),
                rounds,
            )
        )
    ours, theirs = (round(sum(row[column] for row in rows), 3) for column in (2, 3))
    rows.append(["all of them", "both", ours, theirs, round(theirs / ours, 1)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    rows = measure(rounds)
    headers = ["PDU", "step", "ours us", "smpplib us", "times as fast"]
    common.print_table("SMPP codec: microseconds per PDU", headers, rows)
    keys = ("pdu", "step", "ours_us", "smpplib_us", "ratio")
    result = [dict(zip(keys, row, strict=True)) for row in rows]
    common.save("codec", {"what": "best of interleaved rounds", "rounds": rounds, "rows": result})


if __name__ == "__main__":
    main()
