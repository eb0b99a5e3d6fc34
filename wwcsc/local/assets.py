"""Builds static/built/ from npm packages, when something of it changed. Run as ``python -m wwcsc.local.assets``.

The npm packages are pinned with hashes in package-lock.json. Where this machine has no node of version 20 or later,
node comes from the Python package index into a folder of tools.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
TOOLS = CHECKOUT / ".local" / "tools" / "node"
LOCK = CHECKOUT / ".local" / "tools" / "making-assets"
NODE_LOCK = CHECKOUT / "requirements-node.lock"
OLDEST_NODE = 20
PACKAGES = CHECKOUT / "node_modules" / ".installed"
BUILT = CHECKOUT / "static" / "built" / ".built-from"


def digest(files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        whole.update(str(file.relative_to(CHECKOUT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="ascii") == wanted


def folder_of_node() -> str:
    """Where ``node`` and ``npm`` are; installs them beside the data when the machine has none that is new enough."""
    program = shutil.which("node")
    if program and shutil.which("npm") and node_version(program) >= OLDEST_NODE:
        return str(Path(program).parent)
    if not (TOOLS / "bin" / "npm").exists() or node_version(str(TOOLS / "bin" / "node")) < OLDEST_NODE:
        print(f"This machine has no node {OLDEST_NODE} or newer: taking it from the Python package index.", flush=True)
        venv.create(TOOLS, with_pip=True, clear=True)
        pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--only-binary", ":all:", "--require-hashes", "--requirement", str(NODE_LOCK)], check=True
        )
    return str(TOOLS / "bin")


def node_version(program: str) -> int:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    number = said.strip().removeprefix("v").split(".")[0]
    return int(number) if number.isdigit() else 0


def npm(*arguments: str) -> None:
    path = os.pathsep.join([folder_of_node(), os.environ.get("PATH", os.defpath)])
    program = shutil.which("npm", path=path)
    told = os.environ | {"PATH": path} | cache_for_npm(Path(os.environ.get("HOME") or "/"))
    subprocess.run([str(program), *arguments], cwd=CHECKOUT, check=True, env=told)


def cache_for_npm(home: Path) -> dict[str, str]:
    """npm gives up where it cannot write to the home folder, as for service accounts and in many containers."""
    return {} if os.access(home, os.W_OK) else {"npm_config_cache": str(TOOLS.with_name("npm-cache"))}


def build() -> None:
    manifests = [CHECKOUT / "package.json", CHECKOUT / "package-lock.json"]
    packages = digest(manifests)
    if not is_current(PACKAGES, packages):
        # scripts of packages are not ours to run; nothing here needs one
        npm("ci", "--ignore-scripts", "--loglevel=error")
        PACKAGES.write_text(packages, encoding="ascii")
    sources = digest([*manifests, *sorted((CHECKOUT / "static" / "css").rglob("*.scss"))])
    if not is_current(BUILT, sources) or not BUILT.with_name("theme.css").is_file():
        npm("run", "--silent", "build")
        BUILT.write_text(sources, encoding="ascii")


def main() -> int:
    try:
        LOCK.parent.mkdir(parents=True, exist_ok=True)
        with LOCK.open("w") as one_at_a_time:  # "make demo" in one window and "make test" in another
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            build()
    except KeyboardInterrupt:
        return 130  # what a shell says of a command that Ctrl-C ended
    except (subprocess.CalledProcessError, OSError) as problem:
        print(
            f"The assets could not be built: {problem}. Pages would have no style, so this stops here.", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
