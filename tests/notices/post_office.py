"""A real SMTP server for tests. It keeps what it took, and misbehaves when asked to."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

Mishap = Callable[[int, str], str | None]


class PostOffice:
    """``mishap(number, address)`` says what happens to the n-th message: None to take it, an answer such as "451 later",
    or "drop after" to take it and then close the connection without saying so."""

    def __init__(self, mishap: Mishap | None = None) -> None:
        self.mishap = mishap or (lambda number, address: None)
        self.taken: list[EmailMessage] = []
        self.connections = 0
        self.thinks_for = 0.0  # seconds between taking a message and saying so
        self.counter = itertools.count(1)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        self.server = asyncio.run_coroutine_threadsafe(self.listen(), self.loop).result(timeout=10)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def listen(self) -> asyncio.Server:
        return await self.loop.create_server(lambda: SMTP(self, hostname="localhost"), "127.0.0.1", 0)

    def __exit__(self, *problem: object) -> None:
        asyncio.run_coroutine_threadsafe(self.shut(), self.loop).result(timeout=10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)
        self.loop.close()

    async def shut(self) -> None:
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def mailers(self) -> dict:
        # Nothing here is slow on purpose; on a machine with much else to do, patience is what keeps the answers true.
        options = {"host": "127.0.0.1", "port": self.port, "timeout": 120}
        return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list
    ) -> list:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list) -> str:
        self.answer = self.mishap(next(self.counter), address)
        if self.answer and self.answer.startswith("rcpt "):
            return self.answer.removeprefix("rcpt ")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answer
        if answer == "drop before":
            server.transport.close()
            return "250 never heard"
        if answer and answer != "drop after":
            return answer
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        if answer == "drop after":
            server.transport.close()
        await asyncio.sleep(self.thinks_for)
        return "250 OK"

    @property
    def message_ids(self) -> Counter:
        return Counter(message["Message-ID"] for message in self.taken)
