from datetime import timedelta

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from programmes.choices import ObligationKind, ObligationStatus, PartnershipStatus
from programmes.models import Obligation, Partnership, Programme
from programmes.querysets import ObligationQuerySet

LATE, DUE = "late", "due"


class PartnershipFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Partner or practice", method="containing", max_length=100)
    programme = django_filters.ModelChoiceFilter(
        queryset=Programme.objects.order_by("name"), empty_label="Every programme"
    )
    status = django_filters.ChoiceFilter(choices=PartnershipStatus.choices, empty_label="Every stage")
    announced = django_filters.ChoiceFilter(
        label="Announced",
        choices=(("yes", "Public"), ("later", "Public later"), ("no", "No moment set")),
        empty_label="Announced or not",
        method="by_announcement",
    )

    class Meta:
        model = Partnership
        fields = ("q", "programme", "status", "announced")

    def containing(self, rows: QuerySet, name: str, words: str) -> QuerySet:
        return rows.filter(Q(organisation__name__icontains=words) | Q(practice_name__icontains=words))

    def by_announcement(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        now = timezone.now()
        chosen = {"yes": Q(public_from__lte=now), "later": Q(public_from__gt=now), "no": Q(public_from__isnull=True)}
        return rows.filter(chosen[value])


class ObligationFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        label="Partner", field_name="partnership__organisation__name", lookup_expr="icontains", max_length=100
    )
    when = django_filters.ChoiceFilter(
        label="When",
        choices=((LATE, "Late"), (DUE, "Due in 14 days")),
        method="by_moment",
        widget=forms.Select,
        empty_label="At any time",
    )
    status = django_filters.ChoiceFilter(choices=ObligationStatus.choices, empty_label="Every state")
    kind = django_filters.ChoiceFilter(choices=ObligationKind.choices, empty_label="Everything owed")
    programme = django_filters.ModelChoiceFilter(
        field_name="partnership__programme", queryset=Programme.objects.order_by("name"), empty_label="Every programme"
    )

    class Meta:
        model = Obligation
        fields = ("q", "when", "status", "kind", "programme")

    def by_moment(self, rows: ObligationQuerySet, name: str, value: str) -> QuerySet:
        now = timezone.now()
        if value == LATE:
            return rows.late(now)
        return rows.outstanding().filter(due_at__range=(now, now + timedelta(days=14)))
