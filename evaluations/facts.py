"""The facts about evaluations: which files there are, and what their columns mean."""

from collections.abc import Iterator

from evaluations.choices import Stage
from evaluations.models import (
    Change,
    Cluster,
    Duty,
    Evaluation,
    Evaluator,
    Milestone,
    Output,
    PanelMember,
    ProtocolVersion,
)
from partners.facts_reader import Row, Table


def _evaluation_can_be(row: Row) -> Iterator[tuple[str, str]]:
    strand = row.values["strand"]
    if strand is not None and strand.values["programme"] is not row.values["programme"]:
        yield "strand", f"“{row.cells['strand']}” is not part of the programme “{row.cells['programme']}”"
    if row.values["status"] == Stage.STOPPED:
        yield "status", "a stopped evaluation needs its reason, which these files do not hold: record it in the portal"


def _milestone_says_something(row: Row) -> Iterator[tuple[str, str]]:
    if not (row.values["planned_on"] or row.values["actual_on"] or row.values["note"]):
        yield "planned_on", "a milestone needs a day planned, a day kept or a note"


TABLES = (
    Table(
        "evaluations/evaluations",
        Evaluation,
        columns=(
            "slug",
            "title",
            "summary",
            "programme",
            "strand",
            "design",
            "design_note",
            "status",
            "independence",
            "questions",
            "primary_outcome",
            "secondary_outcomes",
            "participants",
            "sample",
            "sample_unit",
            "clusters",
            "cluster_unit",
            "step_months",
            "registry",
            "registration",
            "registered_on",
            "registered_before_start",
            "headline",
            "limits",
            "public_from",
            "unverified",
            "source",
        ),
        key=("slug",),
        named="{slug}",
        then_ours=("status", "public_from"),
        check=_evaluation_can_be,
    ),
    Table(
        "evaluations/evaluators",
        Evaluator,
        columns=("evaluation", "organisation", "role", "appointed", "source"),
        key=("evaluation", "organisation", "role"),
    ),
    Table(
        "evaluations/participants",
        Evaluation.partnerships.through,
        columns=("evaluation", "partnership"),
        key=("evaluation", "partnership"),
    ),
    Table(
        "evaluations/clusters",
        Cluster,
        columns=("evaluation", "organisation", "position", "planned_on", "actual_on", "is_pilot", "source"),
        key=("evaluation", "organisation"),
        then_ours=("position", "planned_on", "actual_on"),
    ),
    Table(
        "evaluations/milestones",
        Milestone,
        columns=(
            "evaluation",
            "kind",
            "planned_on",
            "planned_precision",
            "actual_on",
            "actual_precision",
            "note",
            "source",
        ),
        key=("evaluation", "kind"),
        check=_milestone_says_something,
    ),
    Table(
        "evaluations/protocols",
        ProtocolVersion,
        columns=("evaluation", "number", "status", "issued", "published_on", "what_changed", "why", "url", "source"),
        key=("evaluation", "number"),
        then_ours=("status",),
    ),
    Table(
        "evaluations/outputs",
        Output,
        columns=("evaluation", "kind", "title", "published_on", "precision", "url", "summary", "source"),
        key=("evaluation", "kind", "title"),
        named="{evaluation}/{kind}/{title}",
    ),
    Table(
        "evaluations/duties",
        Duty,
        columns=(
            "evaluation",
            "kind",
            "due_on",
            "precision",
            "done_on",
            "done_precision",
            "output",
            "late_reason",
            "reason",
            "source",
        ),
        key=("evaluation", "kind"),
        then_ours=("done_on", "done_precision", "output", "late_reason", "reason"),
    ),
    Table(
        "evaluations/changes",
        Change,
        columns=("evaluation", "on", "precision", "what", "why", "source"),
        key=("evaluation", "what"),
    ),
    Table(
        "evaluations/panel",
        PanelMember,
        columns=("organisation", "tranche", "starts_on", "ends_on", "methods", "source"),
        key=("organisation", "tranche"),
    ),
)
