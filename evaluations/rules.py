"""Who may do what with evaluations."""

from typing import Any

import rules

from evaluations.models import Evaluation
from people.rules import is_communications_staff, is_programme_staff, is_research_staff


@rules.predicate
def is_visible(person: Any, evaluation: Evaluation | None) -> bool:
    return evaluation is not None and Evaluation.objects.visible_to(person).filter(pk=evaluation.pk).exists()


rules.add_perm("evaluations.view_evaluation", is_visible)
rules.add_perm("evaluations.add_evaluation", is_research_staff | is_programme_staff)
rules.add_perm("evaluations.change_evaluation", is_research_staff | is_programme_staff)
rules.add_perm("evaluations.move_evaluation", is_research_staff)
rules.add_perm("evaluations.approve_protocol", is_research_staff)
rules.add_perm("evaluations.publish_evaluation", is_research_staff | is_communications_staff)
