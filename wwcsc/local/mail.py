"""The local mail catcher: a real SMTP server that keeps every message in a file and sends none on.

Run as ``python -m wwcsc.local.mail FOLDER PORT_FILE``. It listens on this machine only, on a port that is free, and
writes the number of that port where the settings look for it (``LOCAL.mail_port``).
"""

import argparse
import asyncio
import itertools
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST_MESSAGE = 25 * 1024 * 1024
counter = itertools.count(1)


class KeepInFolder:
    """Writes each message as it came, under two lines that say who was named in the envelope."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return keep(
            self.folder, sender=envelope.mail_from or "", to=envelope.rcpt_tos, message=envelope.original_content
        )


def keep(folder: Path, *, sender: str, to: list[str], message: bytes | str | None) -> str:
    content = message.encode() if isinstance(message, str) else message or b""
    head = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(to)}\r\n".encode("utf-8", "replace")
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{next(counter)}.eml"
    unfinished = folder / f".{name}"
    unfinished.write_bytes(head + content)
    unfinished.rename(folder / name)  # whoever lists the folder sees whole messages only
    return "250 Kept on this machine"


def write_port(file: Path, port: int) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.write_text(str(port), encoding="ascii")
    unfinished.rename(file)


async def catch(folder: Path, port_file: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    def answer() -> SMTP:
        return SMTP(KeepInFolder(folder), enable_SMTPUTF8=True, data_size_limit=LARGEST_MESSAGE, ident="WWCSC portal")

    server = await loop.create_server(answer, "127.0.0.1", 0)
    write_port(port_file, server.sockets[0].getsockname()[1])
    try:
        await stopped.wait()
    finally:
        port_file.unlink(missing_ok=True)
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port_file", type=Path)
    chosen = parser.parse_args()
    asyncio.run(catch(chosen.folder, chosen.port_file))


if __name__ == "__main__":
    main()
