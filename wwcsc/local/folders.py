"""Who owns the folders of the local servers, and who can reach them.

Root may not run PostgreSQL, so the account "nobody" does; it must reach its programs and its data, and nothing else is
opened for it.
"""

import os
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wwcsc.local.paths import others_can_reach

try:
    import pwd
except ImportError as missing:
    raise SystemExit(
        "The portal's local servers need Linux or macOS. On Windows, run the same command in WSL."
    ) from missing


class ServerDidNotStart(Exception):
    """A server stopped, or did not answer, while it was being started. The message is for the person at the keyboard."""


def running_as_root() -> bool:
    return os.geteuid() == 0


def nobody() -> dict[str, Any]:
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give_to_nobody(folder: Path) -> None:
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)


def own_folder(folder: Path, mode: int, *, for_postgres: bool = False) -> Path:
    """A folder that is ours with exactly these permissions; refuses one that somebody else put there."""
    folder.mkdir(parents=True, exist_ok=True)
    seen = folder.lstat()
    owners = {os.geteuid()}
    if running_as_root():
        owners.add(pwd.getpwnam("nobody").pw_uid)
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid not in owners:
        raise ServerDidNotStart(f"The folder {folder} belongs to someone else. Set PORTAL_DATA to another folder.")
    if for_postgres and running_as_root():
        if not others_can_reach(folder.parent):
            raise ServerDidNotStart(
                f"PostgreSQL does not run as root, and the account that runs it cannot reach {folder}. "
                "Set PORTAL_DATA to a folder that other accounts may walk to, for example /var/tmp/portal."
            )
        give_to_nobody(folder)
    folder.chmod(mode)
    return folder


def package_folder(name: str) -> Path:
    spec = find_spec(name)  # finds it without importing it
    if spec is None or spec.origin is None:
        raise ServerDidNotStart(
            f"The package {name} is not installed. Run “make demo” or “make test”, which install it, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.origin).parent


def roomy_temporary_folder() -> Path | None:
    """Memory, where there is enough of it: a test run writes a lot that nobody will read."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK | os.X_OK):
        return None
    return memory if shutil.disk_usage(memory).free > 2 * 1024**3 else None
