"""Forms of the staff area for evaluations."""

from hashlib import sha256
from typing import Any

from django import forms
from django.db.models import Model

from evaluations.choices import Stage
from evaluations.models import Change, Cluster, Duty, Evaluation, Evaluator, Milestone, Output, ProtocolVersion
from lifecycle.actions import moves_of
from partners.choices import OrganisationKind
from partners.models import Organisation
from people.models import Person
from programmes.forms import SensibleMomentField
from programmes.models import Partnership

EVALUATOR_KINDS = (
    OrganisationKind.UNIVERSITY,
    OrganisationKind.RESEARCH,
    OrganisationKind.CENTRE,
    OrganisationKind.CHARITY,
    OrganisationKind.OTHER,
)
FEW_ROWS = forms.Textarea(attrs={"rows": 3})
SOME_ROWS = forms.Textarea(attrs={"rows": 5})


def _value(record: Model, name: str) -> Any:
    """What a field holds in the database: the number of a related record, not the record."""
    return getattr(record, record._meta.get_field(name).attname)  # type: ignore[union-attr]


class EvaluationForm(forms.ModelForm):
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Evaluation
        fields = (
            "title",
            "summary",
            "programme",
            "strand",
            "partnerships",
            "design",
            "design_note",
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
            "lessons",
        )
        labels = {
            "design": "Design",
            "design_note": "More about the design",
            "sample": "How many take part",
            "sample_unit": "What that number counts",
            "clusters": "How many clusters",
            "cluster_unit": "What a cluster is",
            "step_months": "Months between steps (stepped wedge)",
            "registry": "Where it is registered",
            "registration": "Number in the registry",
            "registered_before_start": "Registered before the first participant",
        }
        help_texts = {
            "summary": "In plain English: what is tried, with whom, and what we want to know.",
            "independence": "Independent means of the centre, of the funder, and of whoever developed the practice.",
            "sample_unit": "Families, schools, social workers…",
            "headline": "Shown once the result is published. A result that shows no difference is a result.",
            "limits": "What the result cannot tell us. Stands beside the headline.",
            "partnerships": "Only those that have been announced appear in public.",
        }
        widgets = {
            "summary": SOME_ROWS,
            "design_note": FEW_ROWS,
            "questions": SOME_ROWS,
            "primary_outcome": FEW_ROWS,
            "secondary_outcomes": FEW_ROWS,
            "participants": FEW_ROWS,
            "headline": SOME_ROWS,
            "limits": FEW_ROWS,
            "lessons": SOME_ROWS,
        }

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["partnerships"].queryset = (  # type: ignore[attr-defined]
            Partnership.objects.visible_to(person)
            .select_related("organisation", "programme")
            .order_by("programme__name", "organisation__name")
        )
        self.fields["strand"].queryset = self.fields["strand"].queryset.select_related("programme")  # type: ignore[attr-defined]
        self.seen = {name: _value(self.instance, name) for name in self.Meta.fields if name != "partnerships"}
        self.fields["version"].initial = self.mark

    @property
    def mark(self) -> str:
        """Stands for the content that the page was drawn from, so that a stale page is noticed."""
        return sha256(repr(sorted(self.seen.items())).encode()).hexdigest()[:20]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        programme, strand = cleaned.get("programme"), cleaned.get("strand")
        if self.instance.pk and self.is_bound and cleaned.get("version") not in ("", self.mark):
            # The page that comes back is a fresh one: saving it again is a decision.
            sent: Any = self.data.copy()  # type: ignore[attr-defined]
            sent[self.add_prefix("version")] = self.mark
            self.data = sent
            raise forms.ValidationError(
                "Somebody else changed this evaluation after you opened the page. What you wrote is still below: "
                "open the evaluation in a second tab, compare, and save again."
            )
        if strand and strand.programme_id != getattr(programme, "pk", None):
            self.add_error("strand", "This strand belongs to another programme.")
        if cleaned.get("sample") and not cleaned.get("sample_unit"):
            self.add_error("sample_unit", "Say what the number counts.")
        if cleaned.get("clusters") and not cleaned.get("cluster_unit"):
            self.add_error("cluster_unit", "Say what a cluster is.")
        return cleaned


class MoveForm(forms.Form):
    stage = forms.ChoiceField(label="New stage", widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Why",
        required=False,
        widget=FEW_ROWS,
        help_text="Needed to pause or stop. Readers see it.",
        max_length=5000,
    )
    lessons = forms.CharField(
        label="What was learned",
        required=False,
        widget=SOME_ROWS,
        help_text="For work that stops: it has a page of its own with what it taught.",
        max_length=20000,
    )

    def __init__(self, *args: Any, evaluation: Evaluation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        following = moves_of(Evaluation).get(evaluation.status, set())
        self.fields["stage"].choices = [(value, label) for value, label in Stage.choices if value in following]  # type: ignore[attr-defined]


class PublishForm(forms.Form):
    at = SensibleMomentField(
        label="Public from",
        required=False,
        help_text="UK time. Leave it empty to publish now. Until then it appears nowhere, not even in counts.",
        widget=forms.DateTimeInput,
    )


class ProtocolForm(forms.ModelForm):
    class Meta:
        model = ProtocolVersion
        fields = ("issued", "what_changed", "why", "body", "url")
        labels = {"issued": "Date on the document", "body": "The protocol", "url": "Address at which it can be read"}
        help_texts = {"body": "Markdown. Leave it empty where the protocol is a document elsewhere."}
        widgets = {"what_changed": FEW_ROWS, "why": FEW_ROWS, "body": forms.Textarea(attrs={"rows": 14})}


class MilestoneForm(forms.ModelForm):
    class Meta:
        model = Milestone
        fields = ("kind", "planned_on", "planned_precision", "actual_on", "actual_precision", "note")
        labels = {
            "kind": "Milestone",
            "planned_on": "Planned for",
            "planned_precision": "Planned as exactly as",
            "actual_on": "Came about on",
            "actual_precision": "Known as exactly as",
            "note": "Why it moved",
        }


class OutputForm(forms.ModelForm):
    class Meta:
        model = Output
        fields = ("kind", "title", "published_on", "precision", "url", "summary")
        labels = {"published_on": "Published on", "precision": "Known as exactly as", "url": "Address"}
        help_texts = {"published_on": "A day in the future keeps it out of sight until then."}
        widgets = {"summary": SOME_ROWS}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Documents of the past may have no known day; one that is added now has, and an empty field would show it at once.
        self.fields["published_on"].required = self.instance.pk is None or self.instance.published_on is not None


class DutyForm(forms.ModelForm):
    class Meta:
        model = Duty
        fields = ("kind", "due_on", "precision", "done_on", "done_precision", "late_reason", "reason")
        labels = {
            "kind": "What we promise to publish",
            "due_on": "By when",
            "precision": "Promised as exactly as",
            "done_on": "Published on",
            "done_precision": "Known as exactly as",
            "late_reason": "Kind of reason, if late",
            "reason": "The reason in words",
        }
        widgets = {"reason": FEW_ROWS}


class ChangeForm(forms.ModelForm):
    class Meta:
        model = Change
        fields = ("on", "precision", "what", "why")
        labels = {"on": "When", "precision": "Known as exactly as", "what": "What changed", "why": "Why"}
        widgets = {"what": FEW_ROWS, "why": FEW_ROWS}


class EvaluatorForm(forms.ModelForm):
    class Meta:
        model = Evaluator
        fields = ("organisation", "role", "appointed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = Organisation.objects.filter(kind__in=EVALUATOR_KINDS)  # type: ignore[attr-defined]


class ClusterForm(forms.ModelForm):
    """Positions are drawn, never typed: the form has no field for them."""

    class Meta:
        model = Cluster
        fields = ("organisation", "is_pilot", "actual_on")


PARTS: dict[str, tuple[str, type[forms.ModelForm]]] = {
    "milestone": ("milestone", MilestoneForm),
    "output": ("output", OutputForm),
    "promise": ("promise to publish", DutyForm),
    "change": ("change", ChangeForm),
    "evaluator": ("evaluator", EvaluatorForm),
    "cluster": ("cluster", ClusterForm),
}
