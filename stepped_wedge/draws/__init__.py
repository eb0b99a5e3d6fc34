"""Commit, draw, reveal, verify: an allocation that nobody can steer and anybody can recompute.

Before the draw the SHA-256 of the canonical JSON of the whole specification and a secret is published; after it,
the secret. Random numbers come from HMAC-SHA256 in counter mode with rejection sampling, so they are the same on
every machine. Optionally a public random value, named in the specification before it is known, is mixed in: then not
even the keeper of the secret can try several.
"""

from stepped_wedge.draws.drafts import Draft, draft
from stepped_wedge.draws.records import (
    ALGORITHM,
    VERSION,
    Verification,
    code_digest,
    commit,
    commitment,
    draw,
    reveal,
    verify,
)
from stepped_wedge.draws.streams import Stream, canonical, combine_secrets, sha256

__all__ = [
    "ALGORITHM",
    "VERSION",
    "Draft",
    "Stream",
    "Verification",
    "canonical",
    "code_digest",
    "combine_secrets",
    "commit",
    "commitment",
    "draft",
    "draw",
    "reveal",
    "sha256",
    "verify",
]
