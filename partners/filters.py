"""Looking for organisations: by any name or code, present or past, and by what they are."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.timezone import localdate

from partners.choices import AuthorityType, OrganisationKind, Region
from partners.models import Organisation

BOXES = forms.CheckboxSelectMultiple
KINDS = (
    (OrganisationKind.LOCAL_AUTHORITY.value, "Local authorities"),
    (OrganisationKind.CHILDRENS_TRUST.value, "Children’s trusts"),
    ("other", "Charities and others"),
)


class OrganisationFilter(django_filters.FilterSet):
    """Words look in the past too: who asks for a name or code that is gone should find what became of it."""

    q = django_filters.CharFilter(label="Name or code", method="with_words", max_length=100)
    kind = django_filters.MultipleChoiceFilter(label="Kind", choices=KINDS, method="of_kinds", widget=BOXES)
    region = django_filters.MultipleChoiceFilter(label="Region", choices=Region.choices, widget=BOXES)
    type = django_filters.MultipleChoiceFilter(
        label="Type of authority", field_name="authority_type", choices=AuthorityType.choices, widget=BOXES
    )
    former = django_filters.BooleanFilter(
        label="Also those that exist no more", method="with_former", widget=forms.CheckboxInput
    )

    class Meta:
        model = Organisation
        fields: tuple[str, ...] = ()

    def with_words(self, found: QuerySet, name: str, words: str) -> QuerySet:
        return found.filter(pk__in=Organisation.objects.known_as(words.strip()).values("pk"))

    def of_kinds(self, found: QuerySet, name: str, kinds: list[str]) -> QuerySet:
        if not kinds:
            return found
        named = [kind for kind in kinds if kind != "other"]
        if "other" not in kinds:
            return found.filter(kind__in=named)
        return found.exclude(kind__in=[kind for kind, _ in KINDS if kind not in kinds])

    def with_former(self, found: QuerySet, name: str, value: bool) -> QuerySet:
        return found

    def filter_queryset(self, queryset: QuerySet) -> Any:
        found = super().filter_queryset(queryset)
        told = self.form.cleaned_data
        return found if told.get("former") or told.get("q") else found.existing_on(localdate())
