from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.timezone import localdate

from evaluations.choices import OVER, ProtocolStatus, Stage
from programmes.querysets import PublicFromQuerySet, hidden_from


class EvaluationQuerySet(PublicFromQuerySet):
    def visible_to(self, person: Any) -> Self:
        """The register is public from its moment; partners in a study, its evaluators and staff see it before.

        Who may not know of a partnership yet does not learn of it from its evaluation.
        """
        public = Q(public_from__lte=timezone.now())
        if getattr(person, "is_centre_staff", False):
            kept = self.model._default_manager.exclude(public).filter(hidden_from(person, "partnerships__"))
            return self.exclude(pk__in=kept.values("pk"))
        if not getattr(person, "is_authenticated", False):
            return self.filter(public)
        mine = list(person.memberships.current().values_list("organisation", flat=True))
        if not mine:
            return self.filter(public)
        everything = self.model._default_manager
        partner = everything.filter(partnerships__organisation__in=mine).values("pk")
        evaluator = everything.filter(evaluators__organisation__in=mine).values("pk")
        return self.filter(public | Q(pk__in=partner) | Q(pk__in=evaluator))

    def running(self) -> Self:
        return self.exclude(status__in=OVER)

    def published(self) -> Self:
        return self.filter(status=Stage.PUBLISHED)

    def stopped(self) -> Self:
        return self.filter(status=Stage.STOPPED)

    def for_list(self) -> Self:
        return (
            self.select_related("programme", "strand")
            .prefetch_related("evaluators__organisation")
            .order_by("title", "pk")
        )


class PartQuerySet(models.QuerySet):
    """Rows that belong to an evaluation and are as visible as it is."""

    def _evaluation(self) -> Any:
        return self.model._meta.get_field("evaluation").related_model

    def visible_to(self, person: Any) -> Self:
        evaluations = self._evaluation().objects.visible_to(person)
        return self.filter(evaluation__in=evaluations.values("pk"))


class ProtocolQuerySet(PartQuerySet):
    def visible_to(self, person: Any) -> Self:
        """A draft is the centre's business; what was published stays readable for good."""
        seen = super().visible_to(person)
        if getattr(person, "is_centre_staff", False):
            return seen
        return seen.filter(status__in=(ProtocolStatus.PUBLISHED, ProtocolStatus.SUPERSEDED))


class OutputQuerySet(PartQuerySet):
    def visible_to(self, person: Any) -> Self:
        seen = super().visible_to(person)
        return seen if getattr(person, "is_centre_staff", False) else seen.out()

    def out(self) -> Self:
        """Published by today. One whose day was not recorded is out: it would not be listed otherwise."""
        return self.filter(Q(published_on__isnull=True) | Q(published_on__lte=localdate()))


class ClusterQuerySet(PartQuerySet):
    def visible_to(self, person: Any) -> Self:
        """A cluster whose partnership has not been announced stays out of sight, as the partnership does."""
        seen = super().visible_to(person)
        if getattr(person, "is_centre_staff", False):
            return seen
        partnerships = self._evaluation().partnerships.rel.model.objects
        theirs = partnerships.filter(
            Q(evaluations=OuterRef("evaluation")) | Q(programme=OuterRef("evaluation__programme")),
            organisation=OuterRef("organisation"),
        )
        return seen.filter(~Exists(theirs) | Exists(theirs.filter(pk__in=partnerships.visible_to(person).values("pk"))))


class DutyQuerySet(PartQuerySet):
    def for_list(self) -> Self:
        return self.select_related("evaluation__programme", "output").order_by("due_on", "pk")
