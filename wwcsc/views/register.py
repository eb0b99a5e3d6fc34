"""The public register of evaluations. It shows ratings beside studies, so it sits on top of both apps."""

from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from audit.exports import as_csv
from evaluations import figures
from evaluations.choices import Design, Independence, Stage
from evaluations.models import Change, Cluster, Duty, Evaluation, Milestone, Output, ProtocolVersion
from evidence_store.lineage import Walk, seen_evaluations
from evidence_store.models import Rating
from partners.models import Organisation
from programmes.models import Programme

PER_PAGE = 25
BOXES = forms.CheckboxSelectMultiple
REPORTS = ("interim", "final", "summary")


class RegisterFilter(django_filters.FilterSet):
    """Choices and words come only from what the reader may see, so that a filter never tells of an embargo."""

    q = django_filters.CharFilter(label="Words", method="with_words", max_length=100)
    stage = django_filters.MultipleChoiceFilter(label="Stage", field_name="status", choices=Stage.choices, widget=BOXES)
    design = django_filters.MultipleChoiceFilter(label="Design", choices=Design.choices, widget=BOXES)
    independence = django_filters.MultipleChoiceFilter(
        label="Who evaluates", choices=Independence.choices, widget=BOXES
    )
    programme = django_filters.ModelChoiceFilter(
        label="Programme", queryset=lambda request: programmes_for(request.user), empty_label="Every programme"
    )
    evaluator = django_filters.ModelChoiceFilter(
        label="Evaluator",
        field_name="evaluators__organisation",
        queryset=lambda request: evaluators_for(request.user),
        empty_label="Every evaluator",
        distinct=True,
    )

    class Meta:
        model = Evaluation
        fields: tuple[str, ...] = ()

    def with_words(self, found: QuerySet, name: str, words: str) -> QuerySet:
        for word in words.split()[:12]:
            organisations = Organisation.objects.visible_to(self.request.user).filter(name__icontains=word)
            programmes = programmes_for(self.request.user).filter(
                Q(name__icontains=word) | Q(short_name__icontains=word)
            )
            found = found.filter(
                Q(title__icontains=word)
                | Q(summary__icontains=word)
                | Q(questions__icontains=word)
                | Q(primary_outcome__icontains=word)
                | Q(registration__icontains=word)
                | Q(programme__in=programmes.values("pk"))
                | Q(
                    pk__in=Evaluation.objects.filter(evaluators__organisation__in=organisations.values("pk")).values(
                        "pk"
                    )
                )
            )
        return found


def programmes_for(person: Any) -> QuerySet:
    seen = Evaluation.objects.visible_to(person).order_by().values("programme")
    return Programme.objects.visible_to(person).filter(pk__in=seen)


def evaluators_for(person: Any) -> QuerySet:
    seen = Evaluation.objects.visible_to(person).values("pk")
    return Organisation.objects.visible_to(person).filter(evaluates__evaluation__in=seen).distinct()


def _found(request: HttpRequest) -> tuple[RegisterFilter, QuerySet]:
    chosen = RegisterFilter(request.GET, Evaluation.objects.visible_to(request.user).for_list(), request=request)
    return chosen, chosen.qs.order_by("title", "pk")


@login_not_required
@require_safe
def register(request: HttpRequest) -> HttpResponse:
    chosen, found = _found(request)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "filter": chosen,
        "page": page,
        "figures": figures.of_the_register(request.user),
        "seen_programmes": set(programmes_for(request.user).values_list("pk", flat=True)),
    }
    return render(request, "wwcsc/evaluations.html", context)


@login_not_required
@require_safe
def register_csv(request: HttpRequest) -> HttpResponse:
    """The register as the public sees it, with the filters of the page applied."""
    request.user = AnonymousUser()
    _, found = _found(request)
    programmes = set(programmes_for(request.user).values_list("pk", flat=True))
    rows = (_as_a_row(evaluation, programmes) for evaluation in found)
    return as_csv("wwcsc-evaluations", COLUMNS, rows, for_people=False)


COLUMNS = (
    "title",
    "address",
    "design",
    "stage",
    "independence",
    "programme",
    "evaluators",
    "sample",
    "sample_unit",
    "clusters",
    "cluster_unit",
    "registry",
    "registration",
    "demonstration",
)


def _as_a_row(evaluation: Evaluation, programmes: set[int]) -> tuple[object, ...]:
    names = sorted(one.organisation.name for one in evaluation.evaluators.all() if one.organisation.is_public)
    return (
        evaluation.title,
        settings.PORTAL_ADDRESS + evaluation.get_absolute_url(),
        evaluation.get_design_display(),
        evaluation.get_status_display(),
        evaluation.get_independence_display(),
        evaluation.programme.name if evaluation.programme and evaluation.programme_id in programmes else "",
        "; ".join(names),
        evaluation.sample,
        evaluation.sample_unit,
        evaluation.clusters,
        evaluation.cluster_unit,
        evaluation.registry,
        evaluation.registration,
        evaluation.is_demonstration,
    )


@login_not_required
@require_safe
def evaluation(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(seen_evaluations(request.user), slug=slug)
    person = request.user
    ratings = list(
        Rating.objects.shown_to(person).filter(evaluation=found).for_list().order_by("finding__outcome__name")
    )
    outputs = list(Output.objects.visible_to(person).filter(evaluation=found))
    organisations = Organisation.objects.visible_to(person)
    clusters = list(
        Cluster.objects.visible_to(person)
        .filter(evaluation=found, organisation__in=organisations)
        .select_related("organisation")
    )
    walk = Walk(person, [found])
    context = {
        "evaluation": found,
        "programme": found.programme if found.programme_id in walk.programmes else None,
        "walk": walk.to(found, ratings),
        "evaluators": found.evaluators.filter(organisation__in=organisations).select_related("organisation"),
        "protocols": ProtocolVersion.objects.visible_to(person).filter(evaluation=found).order_by("-number"),
        "milestones": Milestone.objects.visible_to(person).filter(evaluation=found),
        "duties": Duty.objects.visible_to(person).filter(evaluation=found).select_related("output"),
        "changes": Change.objects.visible_to(person).filter(evaluation=found),
        "outputs": outputs,
        "partnerships": found.seen_partnerships,
        "ratings": ratings,
        "shows_result": shows_result(found, outputs),
        **_clusters(clusters),
    }
    return render(request, "wwcsc/evaluation.html", context)


def shows_result(found: Evaluation, outputs: list[Output]) -> bool:
    """What was found is read once a report is out, or the work is over; not while it is being written."""
    return found.status in {Stage.PUBLISHED, Stage.STOPPED} or any(output.kind in REPORTS for output in outputs)


def _clusters(clusters: list[Cluster]) -> dict[str, Any]:
    """Before the draw, names in the order of the alphabet and no dates: either would tell the order."""
    in_the_draw = [cluster for cluster in clusters if not cluster.is_pilot]
    is_drawn = bool(in_the_draw) and all(cluster.position is not None for cluster in in_the_draw)
    by_name = sorted(clusters, key=lambda cluster: cluster.organisation.name)
    if is_drawn:
        by_name.sort(key=lambda cluster: (not cluster.is_pilot, cluster.position or 0))
    return {"clusters": by_name, "order_is_drawn": is_drawn}
