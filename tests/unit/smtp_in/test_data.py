"""The mail between 354 and the final dot."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.smtp_in import data, replies

LINE_MAX = 100


def read(stream: bytes, size_max: int = 1000, chop: int | None = None) -> tuple[bytes | str, bytes]:
    """What is read of a stream fed in chops, and what is left for the next command."""

    async def run() -> tuple[bytes | str, bytes]:
        reader = asyncio.StreamReader(limit=LINE_MAX)
        task = asyncio.ensure_future(data.read_mail(reader, size_max))
        for start in range(0, len(stream), chop or len(stream)):
            reader.feed_data(stream[start : start + (chop or len(stream))])
            await asyncio.sleep(0)
        reader.feed_eof()
        content = await task
        return content, await reader.read()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("stream", "content"),
    [
        (b"a\r\nb\r\n.\r\n", b"a\r\nb\r\n"),
        (b".\r\n", b""),
        (b"..\r\n.a\r\n...\r\n.\r\n", b".\r\na\r\n..\r\n"),
        (b"a\nb\n.\nc\r\n.\r\n", b"a\nb\n.\nc\r\n"),
        (b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n"),
        (b"a\n.\r\n.\r\n", b"a\n.\r\n"),
        (b"a\r\n.\n\r\n.\r\n", b"a\r\n\n\r\n"),
        (b"a\r\n\0.\r\n.\r\n", b"a\r\n\0.\r\n"),
        (b"a" * (LINE_MAX - 2) + b"\r\n.\r\n", b"a" * (LINE_MAX - 2) + b"\r\n"),
    ],
)
@pytest.mark.parametrize("chop", [None, 1, 3])
def test_only_a_dot_between_crlfs_ends_it(stream: bytes, content: bytes, chop: int | None) -> None:
    assert read(stream + b"QUIT\r\n", chop=chop) == (content, b"QUIT\r\n")


@pytest.mark.parametrize(("size", "is_taken"), [(99, True), (100, True), (101, False)])
def test_the_size_is_bounded_and_the_mail_is_read_to_its_end(size: int, is_taken: bool) -> None:
    body = (b"x" * 48 + b"\r\n") + b"x" * (size - 52) + b"\r\n"
    expected = body if is_taken else replies.TOO_LARGE
    assert read(body + b".\r\nNOOP\r\n", size_max=100) == (expected, b"NOOP\r\n")


@pytest.mark.parametrize("chop", [None, 1, 7, 64])
def test_a_line_too_long_refuses_the_mail_and_nothing_in_it_ends_it(chop: int | None) -> None:
    stream = b"a" * 500 + b".\r\nb\r\n" + b"." * 300 + b"\r\n.\r\nNOOP\r\n"
    assert read(stream, chop=chop) == (replies.LINE_TOO_LONG, b"NOOP\r\n")


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n"]), max_size=30).map(b"".join), st.integers(1, 9))
def test_any_chopping_gives_the_same_mail(body: bytes, chop: int) -> None:
    stream = body + b"\r\n.\r\n"
    whole = read(stream)
    assert read(stream, chop=chop) == whole
    end = b"\r\n" + stream
    assert isinstance(whole[0], bytes)
    assert whole[1] == end[end.index(b"\r\n.\r\n") + 5 :]
