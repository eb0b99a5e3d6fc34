"""Where the local stack keeps things. Imported by settings, so it imports nothing of Django."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET_PATH = 90  # Linux allows 107 bytes, macOS 103; the name of the socket itself needs room


@dataclass(frozen=True)
class LocalPaths:
    """Folders of the local stack: ``data`` holds what lasts, ``run`` the sockets and locks of this run."""

    data: Path
    run: Path

    @classmethod
    def for_checkout(cls, checkout: Path) -> "LocalPaths":
        data = Path(os.environ.get("PORTAL_DATA") or checkout / ".local").resolve()
        run = data / "run"
        if len(str(run)) > LONGEST_SOCKET_PATH:
            run = Path(tempfile.gettempdir()) / ("portal-" + hashlib.sha256(str(data).encode()).hexdigest()[:12])
        return cls(data=data, run=run)

    @property
    def mail_port(self) -> int:
        """The port of the local mail catcher: written by it when it starts, 0 while there is none."""
        try:
            return int((self.run / "mail.port").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return int(os.environ.get("PORTAL_MAIL_PORT", "0"))
