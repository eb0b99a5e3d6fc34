"""Where the local stack keeps things. Imported by settings, so it imports nothing of Django."""

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET_PATH = 90  # Linux allows 107 bytes, macOS 103; the name of the socket itself needs room
# The path becomes a part of addresses, where a space, "#", "%" or a comma would mean something else.
PLAIN = re.compile(r"[A-Za-z0-9_./@+=-]+")
# Not the folder that TMPDIR names: it may be long as well, and another shell on the same checkout may have another.
SHORT = Path("/tmp")


def others_can_reach(path: Path) -> bool:
    """Whether an account without rights may walk down to ``path`` (the last parts need not exist yet)."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents] if folder.exists())


@dataclass(frozen=True)
class LocalPaths:
    """Folders of the local stack: ``data`` holds what lasts, ``run`` the sockets and locks of this run."""

    data: Path
    run: Path

    @classmethod
    def for_checkout(cls, checkout: Path) -> "LocalPaths":
        data = Path(os.environ.get("PORTAL_DATA") or cls.beside(checkout)).resolve()
        run = data / "run"
        if len(str(run)) > LONGEST_SOCKET_PATH or not PLAIN.fullmatch(str(run)):
            run = SHORT / ("portal-" + hashlib.sha256(str(data).encode()).hexdigest()[:12])
        return cls(data=data, run=run)

    @staticmethod
    def beside(checkout: Path) -> Path:
        """``.local`` of the checkout; elsewhere when root keeps the checkout to itself.

        Root may not run PostgreSQL, so the account "nobody" does, and it must be able to walk to its data.
        """
        if os.geteuid() != 0 or others_can_reach(checkout):
            return checkout / ".local"
        return Path("/var/tmp") / ("portal-" + hashlib.sha256(str(checkout).encode()).hexdigest()[:12])

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def mail(self) -> Path:
        """Where the local mail catcher keeps what it was sent, one ``.eml`` file a message."""
        return self.data / "mail"

    @property
    def mail_port(self) -> int:
        """The port of the local mail catcher: written by it when it starts, 0 while there is none."""
        try:
            return int((self.run / "mail.port").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return int(os.environ.get("PORTAL_MAIL_PORT", "0"))
