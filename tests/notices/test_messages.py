"""The quick way to a message, held against Django's own: whatever a reader's program makes of one, it makes of the other."""

from email import message_from_bytes, policy
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notices.choices import NoticeKind
from notices.delivery.messages import bytes_of, message_of, skeleton_of, unsubscribe_path
from notices.letters import Letter

HEADERS = (
    "Subject",
    "From",
    "To",
    "Reply-To",
    "Message-ID",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)
ENVELOPE = {"kind": NoticeKind.BULK, "to": "ann.o-neill+x@demo.example", "message_id": "<17.1@localhost>"}

words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=120)
bodies = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=600)


def read(content):
    return message_from_bytes(content, policy=policy.default)


def lines(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


def both(letter, **changes):
    envelope = ENVELOPE | changes
    quick = bytes_of(letter, skeleton_of(letter), **envelope)
    return quick, read(quick), read(message_of(letter, **envelope).message(policy=SMTP).as_bytes())


def assert_same(quick, slow):
    for name in HEADERS:
        assert str(quick[name]) == str(slow[name])
    assert abs(quick["Date"].datetime - slow["Date"].datetime).total_seconds() < 60
    assert [part.get_content_type() for part in quick.walk()] == [part.get_content_type() for part in slow.walk()]
    for one, other in zip(quick.walk(), slow.walk(), strict=True):
        if not one.is_multipart():
            assert lines(one.get_content()) == lines(other.get_content())
    assert [part.defects for part in quick.walk()] == [[] for _ in quick.walk()]


@pytest.mark.parametrize(
    "letter",
    [
        Letter("There is more time", "Dear colleague\n\nAll is well.\n", "<p>Dear colleague</p>\n"),
        Letter(
            "Mehr Zeit für “Übergänge”: " + "sehr " * 20,
            "Zeilen: äöü €\n.\n..\nFrom here\n",
            "<p>ß &amp; =3D =_x</p>\n",
        ),
        Letter("Long lines", "a" * 3000 + "\n", "<p>" + "b " * 2000 + "</p>\n"),
        Letter("Only text", "No other part\n", ""),
        Letter("Trailing blanks  kept  inside", "one \ntwo\t\nthree =\n", "<p>tab\there</p>\n"),
    ],
    ids=lambda letter: letter.subject[:20],
)
def test_the_quick_way_and_djangos_read_the_same(letter):
    content, quick, slow = both(letter)

    assert_same(quick, slow)
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


@given(subject=words.filter(lambda text: text == " ".join(text.split())), text=bodies, html=bodies)
@settings(max_examples=150, deadline=None)
def test_whatever_it_says_it_reads_the_same(subject, text, html):
    content, quick, slow = both(Letter(subject, text, html))

    assert str(quick["Subject"]) == subject
    assert "=?" in subject or str(slow["Subject"]) == subject
    parts = [part.get_content() for part in quick.iter_parts()]
    assert [lines(part) for part in parts] == [lines(text), lines(html)]
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize("to", ['"odd name"@demo.example', "ann@bücher.example", "o'neill@demo.example"])
def test_an_address_out_of_the_ordinary_goes_djangos_way(to):
    _, quick, slow = both(Letter("Hello", "Text\n", "<p>Text</p>\n"), to=to)

    assert_same(quick, slow)


@pytest.mark.parametrize("subject", ["two\nlines", "two\rlines", "a\x00b", "line\u2028separator"])
def test_a_subject_never_breaks_into_two_headers(subject):
    with pytest.raises(ValueError, match="one line"):
        skeleton_of(Letter(subject, "Text\n", ""))


def test_an_address_never_becomes_a_second_header():
    letter = Letter("Hello", "Text\n", "")
    with pytest.raises(ValueError, match=r"(?i)linefeed|newline|CR"):
        bytes_of(letter, skeleton_of(letter), **ENVELOPE | {"to": "ann@demo.example\r\nBcc: bo@demo.example"})


def test_the_way_out_is_signed_for_one_address_however_it_is_written():
    assert unsubscribe_path("Ann@demo.example") == unsubscribe_path("ann@demo.example")
    assert unsubscribe_path("ann@demo.example") != unsubscribe_path("bo@demo.example")
