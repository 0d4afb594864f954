"""HTML to text."""

import pytest

from bridge.mail import html_text


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("<p>Pump 3</p><p>stopped</p>", "Pump 3\nstopped"),
        ("<div>a<div>b</div></div>c", "a\nb\nc"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"),
        ("a<br><br><br><br><br>b", "a\n\nb"),
        ("  a \r\n   b\t<b> c</b> ", "a b c"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        (
            "<table><tr><td>Tank</td><td>12&nbsp;%</td></tr><tr><td>Pump</td><td>off</td></tr></table>",
            "Tank 12\xa0%\nPump off",
        ),
        ("<pre>a\n  b\n</pre>c", "a\nb\nc"),
        ("&lt;b&gt; &amp; &eacute; &#8364; &#x20ac; &#0; &bogus;", "<b> & é € € \N{REPLACEMENT CHARACTER} &bogus;"),
        ("<head><title>T</title><style>p{}</style></head><body>a<script>alert('<p>x')</script>b</body>", "ab"),
        ("<html><head><title>never closed<body>a", "a"),
        ("<!-- c --><![if !mso]>a<![endif]><?xml x?>b<!DOCTYPE html>", "ab"),
        ("<svg><text>no</text></svg>a<img src=http://t.example/p.gif>", "a"),
        ("a<unknown foo='<'>b</unknown>", "ab"),
        ("no markup at all", "no markup at all"),
        ("", ""),
    ],
)
def test_what_a_person_would_read(document: str, text: str) -> None:
    assert html_text.to_text(document) == text


def test_a_hundred_thousand_nested_tags_are_nothing_special() -> None:
    assert html_text.to_text("<div><b>" * 50_000 + "deep" + "</b></div>" * 50_000) == "deep"


def test_the_text_is_bounded() -> None:
    assert len(html_text.to_text("word " * 100_000)) <= html_text.TEXT_SIZE_MAX
