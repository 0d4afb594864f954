"""The address cut out of MAIL FROM and RCPT TO."""

import pytest

from bridge.smtp_in import paths


@pytest.mark.parametrize(
    ("argument", "address", "options"),
    [
        ("<a@b.c>", "a@b.c", ""),
        (" <a@b.c> SIZE=100", "a@b.c", "SIZE=100"),
        ("a@b.c", "a@b.c", ""),
        (" a@b.c SIZE=100 BODY=8BITMIME", "a@b.c", "SIZE=100 BODY=8BITMIME"),
        ("<>", "<>", ""),
        ("< >", "<>", ""),
        ("<> BODY=7BIT", "<>", "BODY=7BIT"),
        ("<+46 70 174 06 05@sms.example>", "+46 70 174 06 05@sms.example", ""),
        ('<"a> b"@c> X', '"a> b"@c', "X"),
        ('"a b"@c X', '"a b"@c', "X"),
        ('<"a\\"> b"@c>', '"a\\"> b"@c', ""),
        ("<@relay,@other:a@b>", "@relay,@other:a@b", ""),
        ("<a@b> SIZE=5 AUTH=<> BODY=7BIT", "a@b", "SIZE=5 BODY=7BIT"),
        ("<a@b> auth=x+40y", "a@b", ""),
        ("<a@b> X-AUTH=1", "a@b", "X-AUTH=1"),
        ("<jörg@b>", "jörg@b", ""),
        ("(" * 500 + "a@b", "(" * 500 + "a@b", ""),
        ("", "", ""),
        ("   ", "", ""),
    ],
)
def test_the_address_and_what_stands_behind_it(argument: str, address: str, options: str) -> None:
    assert paths.split(argument) == (address, options)


@pytest.mark.parametrize("argument", ["<a@b", "<a<b>@c>", '<"a@b>', "<<a@b>>", 'a"b@c', ">a@b"])
def test_what_is_no_address(argument: str) -> None:
    assert paths.split(argument) == (None, None)
