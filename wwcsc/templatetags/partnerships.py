"""What the page of a partnership shows of apps above its own."""

from django import template
from django.db.models import QuerySet
from django.template import Context

from evaluations.models import Evaluation
from programmes.models import Partnership

register = template.Library()


@register.simple_tag(takes_context=True)
def evaluations_of(context: Context, partnership: Partnership) -> QuerySet[Evaluation]:
    """The evaluations of a partnership that the reader of the page may see."""
    return Evaluation.objects.visible_to(context["request"].user).filter(partnerships=partnership)
