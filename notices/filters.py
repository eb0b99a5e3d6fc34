import django_filters
from django import forms
from django.db.models import Q, QuerySet

from notices.choices import NoticeKind, NoticeStatus
from notices.models import Notice
from people.models import Person


class NoticeFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="To, name or subject", method="with_words")
    status = django_filters.MultipleChoiceFilter(
        label="State", choices=NoticeStatus.choices, widget=forms.CheckboxSelectMultiple
    )
    kind = django_filters.MultipleChoiceFilter(
        label="Kind", choices=NoticeKind.choices, widget=forms.CheckboxSelectMultiple
    )
    template = django_filters.CharFilter(label="Template", lookup_expr="icontains")
    needs_person = django_filters.BooleanFilter(
        label="Only what needs a person", method="needing_a_person", widget=forms.CheckboxInput
    )

    class Meta:
        model = Notice
        fields = ("q", "status", "kind", "template", "needs_person")

    def with_words(self, notices: QuerySet[Notice], name: str, words: str) -> QuerySet[Notice]:
        people = Person.objects.filter(name__icontains=words).values("pk")
        return notices.filter(Q(to__icontains=words) | Q(subject__icontains=words) | Q(person_id__in=people))

    def needing_a_person(self, notices: QuerySet[Notice], name: str, value: bool | None) -> QuerySet[Notice]:
        return notices.needing_a_person() if value else notices  # type: ignore[attr-defined]
