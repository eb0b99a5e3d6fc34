"""Who does the work: one process, or several that each take parts of it, with word of how far they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from stepped_wedge.refusals import refuse_unless

type Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Crew:
    """jobs: processes. told: called with what is done, how many parts are and how many there are.

    Parts are the same whatever the number of processes, and results come in their order: so are the answers.
    """

    jobs: int = 1
    told: Told | None = None

    def __post_init__(self) -> None:
        refuse_unless(self.jobs >= 1, "--jobs", "must be at least 1")

    def each(self, what: str, work: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        """work(part) for every part; with more than one process both must be picklable."""
        if self.jobs == 1 or len(parts) < 2:
            return [self._tell(what, k, len(parts), work(part)) for k, part in enumerate(parts, start=1)]
        with ProcessPoolExecutor(max_workers=min(self.jobs, len(parts))) as pool:
            found = pool.map(work, parts, chunksize=max(1, len(parts) // (8 * self.jobs)))
            return [self._tell(what, k, len(parts), result) for k, result in enumerate(found, start=1)]

    def _tell(self, what: str, done: int, total: int, result: Any) -> Any:
        if self.told is not None:
            self.told(what, done, total)
        return result


ALONE = Crew()


def slices(count: int, chunk: int) -> list[slice]:
    """Parts of at most `chunk` out of `count`."""
    return [slice(start, min(start + chunk, count)) for start in range(0, count, chunk)]
