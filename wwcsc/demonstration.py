"""Records and sign-ins of the demonstration. Every one of them is marked as such in the database."""

from partners.demonstration import SIGN_INS


def sign_ins() -> list[tuple[str, str, str, str]]:
    """Role, e-mail address, password, what to try: printed by the demo command and shown on its sign-in page."""
    return [(row["role"], row["email"], row["password"], row["try"]) for row in SIGN_INS]
