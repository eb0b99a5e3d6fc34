from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from programmes.querysets import PublicFromQuerySet


class EvaluationQuerySet(PublicFromQuerySet):
    def visible_to(self, person: Any) -> Self:
        """The register is public from its moment; partners in a study and its evaluators see it before."""
        if getattr(person, "is_centre_staff", False):
            return self
        public = Q(public_from__lte=timezone.now())
        if not getattr(person, "is_authenticated", False):
            return self.filter(public)
        mine = list(person.memberships.current().values_list("organisation", flat=True))
        if not mine:
            return self.filter(public)
        partner = self.model.objects.filter(partnerships__organisation__in=mine).values("pk")
        evaluator = self.model.objects.filter(evaluators__organisation__in=mine).values("pk")
        return self.filter(public | Q(pk__in=partner) | Q(pk__in=evaluator))

    def for_list(self) -> Self:
        return self.select_related("programme", "strand").prefetch_related("evaluators__organisation").order_by("title", "pk")
