"""The facts about evaluations as they lie in the database."""

from datetime import date

from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import TestCase

from evaluations.choices import Design, Independence
from evaluations.models import Cluster, Duty, Evaluation, Milestone, ProtocolVersion


class EvaluationFacts(TestCase):
    """Loaded once for all of them: it takes a second or two."""

    @classmethod
    def setUpTestData(cls) -> None:
        call_command("load_facts", verbosity=0)

    def test_the_register_starts_with_seventeen_evaluations(self):
        assert Evaluation.objects.visible_to(AnonymousUser()).count() == Evaluation.objects.count() == 17
        assert not Evaluation.objects.filter(evaluators=None).exists()
        assert not Evaluation.objects.filter(source="").exists()

    def test_three_stepped_wedges_have_five_authorities_each_and_one_that_went_first(self):
        for trial in Evaluation.objects.filter(design=Design.STEPPED_WEDGE):
            assert trial.cluster_rows.filter(is_pilot=False).count() == trial.clusters == 5
            assert trial.cluster_rows.filter(is_pilot=True).count() == 1
            assert trial.independence == Independence.IN_HOUSE
            assert trial.partnerships.count() == 5

    def test_the_order_that_was_not_found_stays_empty(self):
        assert not Cluster.objects.exclude(position=None).exists()
        assert not Cluster.objects.exclude(planned_on=None).exists()

    def test_a_trial_registered_late_says_so(self):
        trial = Evaluation.objects.get(registration="ISRCTN90922032")

        assert trial.registered_before_start is False
        assert trial.registered_on == date(2020, 11, 13)
        assert trial.headline == "No evidence of benefit on the primary outcome."
        assert trial.duties.get(kind="registration").reason

    def test_caveats_stand_beside_the_headline(self):
        courts = Evaluation.objects.get(slug="family-drug-and-alcohol-courts-evaluation")

        assert courts.headline
        assert courts.limits

    def test_a_changed_protocol_has_both_versions(self):
        pilots = ProtocolVersion.objects.filter(evaluation__slug="social-workers-in-schools-pilots").order_by("number")

        assert [(version.number, version.status) for version in pilots] == [(1, "superseded"), (2, "published")]
        assert pilots[1].what_changed

    def test_planned_and_actual_dates_are_two_facts(self):
        report = Milestone.objects.get(evaluation__slug="no-wrong-door-trial", kind="report")

        assert (report.planned_on, report.planned_precision, report.actual_on) == (date(2024, 4, 1), "month", None)
        assert Duty.objects.get(evaluation__slug="no-wrong-door-trial", kind="final").done_on is None

    def test_partners_that_left_are_not_in_the_trial(self):
        trial = Evaluation.objects.get(slug="family-group-conferences-trial")

        assert trial.partnerships.count() == 21
        assert not trial.partnerships.filter(organisation__slug="merton").exists()
