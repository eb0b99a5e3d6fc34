"""Words as they are counted. How they are stored stands in ``lifecycle.texts``."""

from lifecycle.texts import tidy

__all__ = ("tidy", "words_in")


def words_in(text: str) -> int:
    """The one counter of words. The counter in the browser follows the same rule: split on white space."""
    return len(tidy(text).split())
