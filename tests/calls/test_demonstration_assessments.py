"""The demonstration shows every stage of assessment, is marked as such, and loads once however often it is asked."""

import pytest
from django.core.management import call_command

from calls.choices import AssessmentStatus, CallStatus
from calls.models import Application, Assessment, Call
from notices.models import Notice
from programmes.models import Partnership

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_the_demonstration_has_every_stage_of_assessment():
    call_command("load_facts", verbosity=0)
    for _ in range(2):
        call_command("load_demonstration", verbosity=0)
    under_way, held, told = (
        Call.objects.get(slug=f"pine-demonstration-{name}") for name in ("kinship", "families", "first-year")
    )
    assert [one.status for one in (under_way, held, told)] == [
        CallStatus.ASSESSING,
        CallStatus.DECIDED,
        CallStatus.ANNOUNCED,
    ]
    assert set(Assessment.objects.filter(application__call=under_way).values_list("status", flat=True)) >= {
        AssessmentStatus.SUBMITTED,
        AssessmentStatus.ASSIGNED,
        AssessmentStatus.CONFLICTED,
    }
    assert Notice.objects.held().filter(template__contains="decision_").count() >= 3
    accepted = Application.objects.get(call=told, status="accepted")
    assert accepted.partnership == Partnership.objects.get(application__call=told)
    assert not Assessment.objects.filter(is_demonstration=False).exists()
    assert not Notice.objects.filter(is_demonstration=False).exists()
