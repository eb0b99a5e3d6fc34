"""The local mail catcher speaks real SMTP and sends nothing on."""

import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "wwcsc.local.mail", tmp_path / "mail", tmp_path / "mail.port"]
    process = subprocess.Popen(command, cwd=CHECKOUT)
    until = time.monotonic() + 20
    while not (tmp_path / "mail.port").exists() and time.monotonic() < until:
        time.sleep(0.05)
    yield int((tmp_path / "mail.port").read_text())
    process.terminate()
    assert process.wait(10) == 0
    assert not (tmp_path / "mail.port").exists()


def letter(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "portal@localhost"
    message["To"] = "lead@example.org"
    message["Subject"] = subject
    message.set_content("Your offer – with a dash, and a full stop on its own line:\n.\nand the rest.")
    return message


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "mail").glob("*.eml"))


def test_a_message_is_kept_whole_with_its_envelope(port, tmp_path):
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(letter("Offer"), to_addrs=["lead@example.org", "hidden@example.org"])

    [file] = kept(tmp_path)
    message = BytesParser(policy=letter("").policy).parsebytes(file.read_bytes())
    assert message["X-Envelope-To"] == "lead@example.org, hidden@example.org"
    assert message["Subject"] == "Offer"
    assert "with a dash" in message.get_content()
    assert "\n.\nand the rest." in message.get_content().replace("\r\n", "\n")


def test_messages_are_listed_in_the_order_in_which_they_came(port, tmp_path):
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for number in range(12):
            smtp.send_message(letter(f"Number {number}"))

    subjects = [BytesParser().parsebytes(file.read_bytes())["Subject"] for file in kept(tmp_path)]
    assert subjects == [f"Number {number}" for number in range(12)]


def test_a_message_that_is_too_large_is_refused_and_not_kept(port, tmp_path):
    message = letter("Far too large")
    message.set_content("x" * 70 + "\n" + ("y" * 70 + "\n") * 400_000)

    with smtplib.SMTP("127.0.0.1", port) as smtp, pytest.raises(smtplib.SMTPResponseException):
        smtp.send_message(message)

    assert kept(tmp_path) == []
