"""Evaluations on the public register: what is studied, how, by whom, with which dates promised and kept."""

from evaluations.models.evaluations import Cluster, Evaluation, Evaluator, PanelMember
from evaluations.models.plans import Change, Milestone, ProtocolVersion
from evaluations.models.publications import Duty, Output

__all__ = (
    "Change",
    "Cluster",
    "Duty",
    "Evaluation",
    "Evaluator",
    "Milestone",
    "Output",
    "PanelMember",
    "ProtocolVersion",
)
