"""Pages of the partners: what the public finds, what stays hidden until it is announced, and what the pages cost."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from partners.choices import CodeScheme, Grade, NameKind, OrganisationKind, Region
from partners.models import (
    AuthorityYear,
    Inspection,
    Neighbour,
    OrganisationCode,
    OrganisationName,
    Service,
    Succession,
)
from programmes.choices import PartnershipStatus
from programmes.figures import of_partners
from tests.factories import (
    EvaluationFactory,
    MembershipFactory,
    OrganisationFactory,
    PartnershipFactory,
    ProgrammeFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db

CANARY = "Quillfeather"


def words_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def mapped(**facts):
    return OrganisationFactory(latitude="53.5", longitude="-1.5", **facts)


def rows(response) -> list[str]:
    return re.findall(r'<th role="rowheader"[^>]*><a href="[^"]+">([^<]+)</a>', response.content.decode())


# --- the list and the map -------------------------------------------------------------------------------------------------


def test_the_map_is_coloured_by_what_was_announced(client):
    now, before, never = (
        mapped(name=name, tile_column=place, tile_row=0) for place, name in enumerate(("Now", "Past", "Never"))
    )
    PartnershipFactory(organisation=now)
    PartnershipFactory(organisation=before, status=PartnershipStatus.COMPLETED)

    page = client.get(reverse("partners")).content.decode()

    assert f"{now.name}, working with us now" in page
    assert f"{before.name}, worked with us before" in page
    assert f"{never.name}, not yet" in page


def test_an_authority_works_with_us_through_a_partner_that_serves_its_area(client):
    area = mapped(name="Served")
    trust = OrganisationFactory(kind=OrganisationKind.CHILDRENS_TRUST, authority_type="", name="The trust")
    PartnershipFactory(organisation=trust).areas.add(area)

    assert "Served, working with us now" in client.get(reverse("partners")).content.decode()
    assert of_partners().authorities_with_us == 1


def test_an_embargoed_partnership_is_nowhere(client):
    authority = mapped(name="Quiet council")
    later = timezone.now() + timedelta(days=3)
    programme = ProgrammeFactory(name="Public programme", slug="public-programme")
    PartnershipFactory(organisation=authority, programme=programme, practice_name=CANARY, public_from=later)
    never = PartnershipFactory(practice_name=CANARY, public_from=None)

    figures = of_partners()
    pages = [
        client.get(reverse("partners")),
        client.get(reverse("partners"), {"with_us": "now"}),
        client.get(reverse("partners"), {"programme": "public-programme"}),
        client.get(authority.get_absolute_url()),
        client.get(never.organisation.get_absolute_url()),
        client.get(programme.get_absolute_url()),
        client.get(reverse("programmes")),
        client.get(reverse("about_data")),
    ]

    assert (figures.partnerships, figures.partner_organisations, figures.authorities_with_us) == (0, 0, 0)
    assert not [page for page in pages if CANARY in page.content.decode()]
    assert "Quiet council, not yet" in pages[0].content.decode()
    assert rows(pages[1]) == rows(pages[2]) == []
    assert "No partnership yet" in pages[3].content.decode()


def test_a_partnership_in_a_programme_that_is_not_public_is_nowhere(client):
    programme = ProgrammeFactory(name=CANARY, public_from=None)
    partnership = PartnershipFactory(programme=programme)

    assert CANARY not in client.get(partnership.organisation.get_absolute_url()).content.decode()
    assert CANARY not in client.get(reverse("partners")).content.decode()
    assert of_partners().partnerships == 0


def test_numbers_and_map_are_the_same_for_staff_as_for_the_public(client):
    authority = mapped(name="Quiet council")
    PartnershipFactory(organisation=authority, public_from=None)
    client.force_login(StaffFactory())

    assert "Quiet council, not yet" in client.get(reverse("partners")).content.decode()
    page = client.get(authority.get_absolute_url()).content.decode()
    assert "Not announced yet" in page


def test_a_partner_sees_its_own_unannounced_partnership_marked(client):
    partnership = PartnershipFactory(public_from=None, practice_name=CANARY)
    client.force_login(MembershipFactory(organisation=partnership.organisation).person)

    page = client.get(partnership.organisation.get_absolute_url()).content.decode()

    assert CANARY in page
    assert "Not announced yet" in page


def test_an_organisation_is_found_by_a_name_it_no_longer_has(client):
    gone = OrganisationFactory(name="Old county", exists_until=date(2021, 4, 1))
    OrganisationName.objects.create(organisation=gone, kind=NameKind.ALIAS, name="Northants")
    OrganisationCode.objects.create(
        organisation=gone, scheme=CodeScheme.ONS, code="E10000021", valid_until=date(2021, 4, 1)
    )
    OrganisationFactory(name="Elsewhere")

    assert rows(client.get(reverse("partners"))) == ["Elsewhere"]
    assert rows(client.get(reverse("partners"), {"q": " northants "})) == ["Old county"]
    assert rows(client.get(reverse("partners"), {"q": "e10000021"})) == ["Old county"]
    assert rows(client.get(reverse("partners"), {"former": "on"})) == ["Elsewhere", "Old county"]


def test_filters_go_together(client):
    found = OrganisationFactory(name="Found", region=Region.LONDON)
    OrganisationFactory(name="Other region")
    PartnershipFactory(organisation=found, programme=ProgrammeFactory(slug="pine"))
    charity = OrganisationFactory(name="Charity", kind=OrganisationKind.CHARITY, authority_type="", region="")

    def asked(**query):
        return rows(client.get(reverse("partners"), query))

    assert asked(region=Region.LONDON, programme="pine", with_us="now", kind="local_authority") == ["Found"]
    assert asked(kind="other") == [charity.name]
    assert asked(kind=["other", "local_authority"], with_us="not_yet") == ["Charity", "Other region"]
    assert asked(with_us="before") == []
    assert asked(with_us=["now", "before"]) == ["Found"]


@pytest.mark.parametrize(
    "query",
    [
        {"q": "x" * 5000},
        {"q": "%_\\'\""},
        {"region": "nowhere"},
        {"programme": "no-such-programme"},
        {"with_us": ["now", "sometimes"]},
        {"page": "-1"},
        {"page": "many"},
        {"former": "perhaps"},
        {"kind": ["other", "king"]},
    ],
)
def test_a_query_that_makes_no_sense_still_gets_a_page(client, query):
    OrganisationFactory()

    assert client.get(reverse("partners"), query).status_code == 200


def test_hidden_organisations_are_not_found(client):
    hidden = OrganisationFactory(name=CANARY, is_public=False, latitude="53.5", longitude="-1.5")

    assert client.get(hidden.get_absolute_url()).status_code == 404
    assert CANARY not in client.get(reverse("partners"), {"q": CANARY[:6]}).content.decode()
    client.force_login(StaffFactory())
    assert client.get(hidden.get_absolute_url()).status_code == 200


def test_demonstration_partnerships_are_counted_and_said_to_be_what_they_are(client):
    PartnershipFactory(is_demonstration=True)

    assert "1 partnership of those counted and coloured here is a demonstration record" in words_of(
        client.get(reverse("partners"))
    )


def queries_of(client, address: str) -> int:
    client.get(address)  # anything that is looked up once a process is looked up now
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_list_costs_the_same_at_1_and_25_rows(client):
    PartnershipFactory(organisation=mapped())
    one = queries_of(client, reverse("partners"))
    for _ in range(24):
        PartnershipFactory(organisation=mapped()).areas.add(mapped())

    assert queries_of(client, reverse("partners")) == one


# --- one organisation -------------------------------------------------------------------------------------------------------


def furnish(organisation, number: int):
    """A row of everything that the page of an organisation lists."""
    partnership = PartnershipFactory(organisation=organisation, source=f"Source {number}")
    EvaluationFactory().partnerships.add(partnership)
    served = PartnershipFactory()
    served.areas.add(organisation)
    OrganisationName.objects.create(organisation=organisation, kind=NameKind.ALIAS, name=f"Alias {number}")
    Succession.objects.create(predecessor=OrganisationFactory(), successor=organisation, on=date(2020, 4, 1))
    Service.objects.create(provider=OrganisationFactory(), authority=organisation, starts_on=date(2019, 4, 1))
    Inspection.objects.create(
        authority=organisation, published_on=date(2019, 1, 1) + timedelta(days=number), overall=Grade.GOOD
    )
    AuthorityYear.objects.create(authority=organisation, year=2001 + number, children_in_care_rate=60 + number)
    Neighbour.objects.create(authority=organisation, neighbour=OrganisationFactory(), rank=number + 1)


def test_the_page_costs_the_same_at_1_and_25_rows(client):
    organisation = OrganisationFactory()
    furnish(organisation, 0)
    one = queries_of(client, organisation.get_absolute_url())
    for number in range(1, 25):
        furnish(organisation, number)

    assert queries_of(client, organisation.get_absolute_url()) == one


def test_an_organisation_that_is_gone_says_what_followed(client):
    gone = OrganisationFactory(name="Old county", exists_until=date(2021, 4, 1))
    Succession.objects.create(predecessor=gone, successor=OrganisationFactory(name="New council"), on=date(2021, 4, 1))

    page = words_of(client.get(gone.get_absolute_url()))

    assert "This organisation exists no more" in page
    assert "It ended on 1 April 2021. Its work went to New council ." in page


def test_what_is_not_known_is_said_and_not_shown_as_zero(client):
    organisation = OrganisationFactory()
    AuthorityYear.objects.create(authority=organisation, year=2018, turnover_percent="17.6")
    AuthorityYear.objects.create(authority=organisation, year=2019, turnover_percent="14.7", children_in_care=285)

    page = words_of(client.get(organisation.get_absolute_url()))

    assert "Social workers who left in the year, % of social workers" in page
    assert "Children in care on 31 March, for every 10,000 children" not in page
    assert "not known" in page


def test_an_embargoed_evaluation_is_not_on_the_page_of_a_partner(client):
    partnership = PartnershipFactory()
    EvaluationFactory(title=CANARY, embargoed=True).partnerships.add(partnership)

    assert CANARY not in client.get(partnership.organisation.get_absolute_url()).content.decode()
    client.force_login(StaffFactory())
    assert CANARY in client.get(partnership.organisation.get_absolute_url()).content.decode()


def test_a_page_that_does_not_exist_is_not_found(client):
    assert client.get(reverse("partner", args=["atlantis"])).status_code == 404
