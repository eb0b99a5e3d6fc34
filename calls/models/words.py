"""Words as they are stored and counted."""

import re
import unicodedata

# Control characters that word processors leave behind; line ends and tabs stay.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")


def tidy(text: str) -> str:
    """Text as it is stored: line ends alike, nothing that cannot be printed or kept, no blanks around it. Words stay as typed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return unicodedata.normalize("NFC", UNPRINTABLE.sub("", text)).strip()


def words_in(text: str) -> int:
    """The one counter of words. The counter in the browser follows the same rule: split on white space."""
    return len(tidy(text).split())
