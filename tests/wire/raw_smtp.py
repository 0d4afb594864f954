"""A bare SMTP client for tests: it sends exactly what it is told, in the pieces it is told."""

import asyncio
import base64
import contextlib
import ssl


class Talk:
    """One connection. `said` is the greeting, then every reply, as lines without CRLF."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.said: list[list[str]] = []

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext | None = None) -> "Talk":
        """Connect and read the greeting."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        talk = cls(reader, writer)
        await talk.reply()
        return talk

    async def reply(self) -> str:
        """The last line of the next reply; "" when the server has closed."""
        lines: list[str] = []
        while True:
            try:
                line = await asyncio.wait_for(self.reader.readline(), 20)
            except ConnectionError:
                line = b""
            if not line:
                break
            lines.append(line.decode("ascii").rstrip("\r\n"))
            if lines[-1][3:4] != "-":
                break
        self.said.append(lines)
        return lines[-1] if lines else ""

    async def send(self, octets: bytes) -> None:
        """Send octets as they are; a connection that is gone is no error."""
        try:
            self.writer.write(octets)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def do(self, *commands: str | bytes) -> str:
        """Send commands one after another, each after the reply to the last; the last reply."""
        said = ""
        for command in commands:
            await self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
            said = await self.reply()
        return said

    async def log_in(self, account: str = "demo", pin: str = "SECRETPIN23") -> str:
        plain = base64.b64encode(f"\0{account}\0{pin}".encode()).decode()
        return await self.do("EHLO client.example", f"AUTH PLAIN {plain}")

    async def mail(
        self, text: str | bytes = "Pump 3 stopped", *to: str, sender: str = "ops@example.com", head: str = "Subject: x"
    ) -> str:
        """A whole mail transaction; the reply to the final dot, or the first refusal."""
        for command in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in to), "DATA"):
            said = await self.do(command)
            if said[:1] not in "23":
                return said
        body = text.encode() if isinstance(text, str) else text
        return await self.do(head.encode() + b"\r\n\r\n" + body + b"\r\n.")

    async def start_tls(self, context: ssl.SSLContext) -> None:
        assert (await self.do("EHLO client.example", "STARTTLS")).startswith("220")
        await self.writer.start_tls(context, server_hostname="sms.localhost")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()
