"""Our own children: started in a session of their own, gone when we are gone, stopped for certain."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wwcsc.local.folders import nobody

PR_SET_PDEATHSIG = 1


def dying_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program so that the kernel stops it when we are gone (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()
    number = int(death_signal)

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it went away between fork and here
            os._exit(1)

    return ask_the_kernel


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    env: dict[str, str] | None = None,
    as_nobody: bool = False,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen:
    """Start a child in a session of its own (Ctrl-C reaches us alone, so that we stop things in order)."""
    account: dict[str, Any] = nobody() if as_nobody else {}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dying_with_parent(death_signal),  # noqa: PLW1509  spawned from the main thread only
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            **account,
        )


def stop(process: subprocess.Popen | None, *, with_signal: signal.Signals, patience: float) -> bool:
    """Ask a child to stop and wait; then make sure that nothing of its session is left. True if it went by itself."""
    if process is None:
        return True
    went = True
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            went = False
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody of that session is left, as it should be
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return went


def last_lines(log: Path, count: int = 12) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines[-count:])


def command_line(pid: int) -> str:
    """What process ``pid`` was started with, or nothing when it is gone."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return proc.read_bytes().decode(errors="replace")
        except OSError:
            return ""
    said = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return said.stdout
