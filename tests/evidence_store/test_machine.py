"""What programs read: CSV, JSON, references and the feed."""

import csv
import json
import re
from datetime import date, timedelta
from io import StringIO
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from evidence_store import citations
from people.choices import StaffRole
from tests.evidence_store.test_entry_pages import held_rating
from tests.factories import (
    EntryFactory,
    EvaluationFactory,
    FindingFactory,
    RatingFactory,
    ReviewFactory,
    StaffFactory,
    effect,
)

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


def rows(client):
    return list(csv.DictReader(StringIO(client.get("/evidence/data.csv").content.decode())))


def test_all_public_ratings_can_be_taken_away(client):
    before = RatingFactory(is_current=False, reason="First.")
    RatingFactory(finding=before.finding, effect=effect("mixed", None, 5), reason="Second.", recorded_at=timezone.now())
    told = rows(client)
    assert [(row["reason"], row["stands_today"], row["effect_number"]) for row in told] == [
        ("First.", "False", "1"),
        ("Second.", "True", ""),
    ]
    assert [row["reason"] for row in json.loads(client.get("/evidence/data.json").content)["ratings"]] == [
        "First.",
        "Second.",
    ]


def test_what_is_held_back_is_in_no_file_feed_or_reference_not_even_for_staff(client):
    before, _ = held_rating()
    RatingFactory(finding__entry=EntryFactory(title="Canary entry", embargoed=True))
    RatingFactory(finding__entry=EntryFactory(title="Canary draft", draft=True))
    RatingFactory(
        finding__entry=EntryFactory(title="Canary gone", status="withdrawn", status_reason="x"), reason="Canary"
    )
    RatingFactory(finding=FindingFactory(), evaluation=EvaluationFactory(slug="canary-trial", embargoed=True))
    client.force_login(StaffFactory(post=StaffRole.RESEARCH))
    for address in ("data.csv", "feed/", f"{before.finding.entry.slug}/citation.ris"):
        assert "anary" not in client.get(f"/evidence/{address}").content.decode(), address
    assert "anary" not in json.dumps(json.loads(client.get("/evidence/data.json").content)["ratings"])
    assert [row["stands_today"] for row in rows(client)] == ["True", "True"]


def test_text_that_a_spreadsheet_would_run_is_made_harmless(client):
    RatingFactory(reason="=HYPERLINK(1)")
    assert rows(client)[0]["reason"] == "'=HYPERLINK(1)"


def test_the_feed_tells_each_change_with_its_reason_newest_first(client):
    before = RatingFactory(is_current=False, effect=effect("no_effect", 0, 0), reason="First reason.")
    RatingFactory(
        finding=before.finding,
        reason="Second reason.",
        recorded_at=timezone.now() - timedelta(hours=1),
        public_from=timezone.now(),
    )
    response = client.get("/evidence/feed/")
    assert response["Content-Type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(response.content)
    summaries = [entry.findtext(f"{ATOM}summary") for entry in feed.findall(f"{ATOM}entry")]
    assert len(summaries) == 2
    assert "from “No effect” to “Tends to positive”" in summaries[0]
    assert "Second reason." in summaries[0]
    assert "First reason." in summaries[1]
    again = client.get("/evidence/feed/", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


def test_an_empty_store_has_an_empty_feed(client):
    assert client.get("/evidence/feed/").status_code == 200
    assert rows(client) == []


NAMES = [
    "O'Donnell C",
    "El-Banna A",
    "van der Laan M",
    "Melendez-Torres GJ",
    "The Children's Society",
    "Strömbäck Ö",
    "(et al.)",
]


def test_authors_keep_their_names_whatever_these_are_made_of():
    named = [citations.author_named(name) for name in NAMES[:5]]
    assert [(author.family, author.given) for author in named] == [
        ("O'Donnell", "C"),
        ("El-Banna", "A"),
        ("van der Laan", "M"),
        ("Melendez-Torres", "GJ"),
        ("The Children's Society", ""),
    ]


def test_the_three_forms_of_a_reference_hold_title_authors_in_order_year_and_doi():
    review = ReviewFactory(
        authors=NAMES, year=2020, title="50% of {families} & homes_\nin é ‐ care", doi="10.1002/cl2.1088"
    )
    reference = citations.reference_to_review(review)
    ris = citations.ris([reference])
    assert [line[6:] for line in ris.split("\r\n") if line.startswith("AU")][:3] == [
        "O'Donnell, C",
        "El-Banna, A",
        "van der Laan, M",
    ]
    assert ris.startswith("TY  - GEN\r\n")
    assert ris.endswith("ER  - \r\n")
    assert "DO  - 10.1002/cl2.1088" in ris
    bib = citations.bibtex([reference])
    assert r"{50\% of \{families\} \& homes\_ in é ‐ care}" in bib
    assert "{The Children's Society}" in bib
    assert bib.count("{") - bib.count(r"\{") == bib.count("}") - bib.count(r"\}")
    assert "and others" in bib
    told = json.loads(citations.csl([reference]))[0]
    assert told["author"][4] == {"literal": "The Children's Society"}
    assert told["issued"] == {"date-parts": [[2020]]}
    assert set(told) <= {"id", "type", "title", "author", "issued", "publisher", "DOI", "URL", "abstract"}


def test_an_entry_is_cited_with_its_own_address_and_day(client):
    entry = EntryFactory(slug="mellow")
    assert citations.reference_to(entry, date(2026, 1, 2)).day == date(2026, 1, 2)
    RatingFactory(finding__entry=entry, review=ReviewFactory(title="The review"))
    for form, said in (("ris", "The review"), ("bib", "@misc{wwcsc-mellow"), ("json", '"webpage"')):
        response = client.get(f"/evidence/mellow/citation.{form}")
        assert said in response.content.decode()
        assert re.search(rf"mellow\.{form}", response["Content-Disposition"])
    assert client.get("/evidence/mellow/citation.doc").status_code == 404
