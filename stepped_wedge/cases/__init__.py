"""Cases of the `power` command: JSON in, a plan, JSON out. Unknown keys and nonsense are refused with their path."""

from stepped_wedge.cases.answers import answer_case
from stepped_wedge.cases.reading import REQUESTS, Case, read_case, read_design

__all__ = ["REQUESTS", "Case", "answer_case", "read_case", "read_design"]
