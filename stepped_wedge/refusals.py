"""The two things this library says when it does not answer in silence."""

from __future__ import annotations


class CaseRefused(ValueError):
    """A design, an assumption or a method was refused.

    `path` names the part of the input that is at fault in the words of the command line
    (`correlation.alpha1`), `reason` is one sentence a busy person can act on.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def refuse_unless(accepted: object, path: str, reason: str) -> None:
    """Raise `CaseRefused` when `accepted` is false."""
    if not accepted:
        raise CaseRefused(path, reason)
