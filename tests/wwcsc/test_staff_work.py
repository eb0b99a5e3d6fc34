import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate

from calls.choices import CallStatus
from evaluations.choices import DutyKind
from people.choices import StaffRole
from programmes.choices import Precision
from tests.factories import ApplicationFactory, CallFactory, DutyFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", [StaffRole.PROGRAMMES, StaffRole.COMMUNICATIONS, StaffRole.RESEARCH])
def test_everything_that_waits_leads_to_a_page_on_which_it_is_done(client, role):
    CallFactory(title="A draft call", status=CallStatus.DRAFT, public_from=None)
    closed = CallFactory(closes_at=timezone.now() - timedelta(hours=1), opens_at=timezone.now() - timedelta(days=20))
    ApplicationFactory(call=closed, sent=True)
    DutyFactory(kind=DutyKind.FINAL, due_on=localdate() - timedelta(days=400))
    client.force_login(StaffFactory(post=role))
    page = client.get(reverse("staff_work")).content.decode()
    main = page[page.index("<main") : page.index("</main")]
    assert "A draft call" in main
    assert "Check who may apply" in main
    links = set(re.findall(r'href="(/[^"#]*)"', main))
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_a_promise_for_a_month_is_late_when_the_month_is_over(client):
    today = localdate()
    DutyFactory(evaluation__title="Late study", due_on=today.replace(year=today.year - 1), precision=Precision.MONTH)
    DutyFactory(evaluation__title="Study of this year", due_on=today.replace(month=1, day=1), precision=Precision.YEAR)
    client.force_login(StaffFactory())
    page = client.get(reverse("staff_work")).content.decode()
    assert "Late study" in page
    assert "Study of this year" not in page


@pytest.mark.parametrize(("opened", "seen"), [(False, False), (True, True)])
def test_the_back_room_is_named_to_those_whom_it_lets_in(client, opened, seen):
    person = StaffFactory()
    person.is_staff = opened
    person.save()
    client.force_login(person)
    assert ("Back room" in client.get(reverse("staff_work")).content.decode()) is seen


def test_the_back_room_has_no_page_that_tells_every_change_to_every_record(admin_client):
    pages = re.findall(r'href="(/admin/[^"]+)"', admin_client.get("/admin/").content.decode())
    assert pages
    assert not [page for page in pages if "pghistory" in page]
