from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from wwcsc import places, statuses, tables, wording
from wwcsc.templatetags.portal import deadline

SUMMER = datetime(2026, 6, 12, 16, 0, tzinfo=UTC)


def render(text: str, **context) -> str:
    return Template(text).render(Context(context))


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (SUMMER, "Friday 12 June 2026, 5:00pm (UK time)"),
        (datetime(2026, 1, 9, 12, 0, tzinfo=UTC), "Friday 9 January 2026, midday (UK time)"),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "Sunday 29 March 2026, 2:30am (UK time)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Sunday 25 October 2026, 1:30am (UK time)"),
        (datetime(2026, 6, 11, 23, 0, tzinfo=UTC), "Friday 12 June 2026, midnight at the start of the day (UK time)"),
        (date(2026, 6, 12), "Friday 12 June 2026"),
        (None, ""),
    ],
)
def test_a_moment_is_said_in_uk_time(moment, said):
    assert wording.uk_moment(moment) == said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(days=3), "3 days left"),
        (timedelta(days=1), "1 day left"),
        (timedelta(hours=5), "5 hours left"),
        (timedelta(minutes=1, seconds=20), "1 minute left"),
        (timedelta(seconds=10), "less than a minute left"),
        (timedelta(minutes=-5), "closed today"),
        (timedelta(days=-2), "closed 2 days ago"),
    ],
)
def test_time_left_uses_the_unit_that_helps(after, said):
    assert wording.time_left(SUMMER + after, SUMMER, past="closed") == said


def test_a_deadline_tomorrow_morning_has_hours_and_not_a_day_left():
    evening = datetime(2026, 6, 12, 20, 0, tzinfo=UTC)

    assert wording.time_left(datetime(2026, 6, 13, 8, 0, tzinfo=UTC), evening) == "12 hours left"


@pytest.mark.parametrize(
    ("after", "said"),
    [(timedelta(days=17), "in 17 days"), (timedelta(hours=3), "in 3 hours"), (timedelta(days=-2), "began 2 days ago")],
)
def test_what_is_yet_to_begin_begins_in_some_days(after, said):
    assert wording.time_until(SUMMER + after, SUMMER) == said


@pytest.mark.parametrize(("past", "mark"), [("closed", "deadline--closed"), ("passed", "deadline--over")])
def test_a_call_that_has_closed_is_not_shown_as_late(past, mark):
    assert mark in deadline(timezone.now() - timedelta(days=3), past=past)


@pytest.mark.parametrize(
    ("number", "said"),
    [(12300, "12,300"), (4.50, "4.5"), ("0", "0"), (None, "not known"), ("n/a", "n/a"), (float("nan"), "not known")],
)
def test_numbers_are_plain(number, said):
    assert wording.plain_number(number) == said


@pytest.mark.parametrize(("share", "said"), [(0.425, "43%"), (1, "100%"), (None, "not known"), ("x", "not known")])
def test_shares_become_percentages(share, said):
    assert wording.percent(share) == said


@pytest.mark.parametrize(
    "harm",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        '<a href="data:text/html,x">x</a>',
        "<style>*{}</style>",
        '<p style="color:red">x</p>',
    ],
)
def test_rich_text_can_do_no_harm(harm):
    html = str(wording.markdown(harm))

    assert "<script" not in html
    assert "<img" not in html
    assert "<style" not in html
    assert "<a href" not in html
    assert "<p style" not in html


def test_headings_in_rich_text_take_the_level_that_fits():
    assert str(wording.markdown("# One\n\n## Two")) == "<h3>One</h3>\n<h4>Two</h4>\n"
    assert str(wording.markdown("## One", 2)) == "<h2>One</h2>\n"


@pytest.mark.parametrize(
    ("sign", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130 Safari/537.36 Edg/130", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18) Version/18 Mobile Safari/604.1", "Safari on iPhone"),
        ("curl/8", "A browser"),
    ],
)
def test_browsers_are_named_as_people_name_them(sign, said):
    assert wording.browser_name(sign) == said


# --- components ------------------------------------------------------------------------------------------------------


def test_an_unknown_status_is_quiet_and_still_readable():
    assert statuses.meaning_of("never_heard_of") == "quiet"
    assert "Never heard of" in render('{% status_tag "never_heard_of" %}')


def test_a_status_is_not_told_by_colour_alone():
    assert "Overdue" in render('{% status_tag "overdue" %}')


def test_text_that_people_typed_is_escaped_in_every_box():
    evil = "<b>x</b>"
    page = (
        "{% page_heading e caption=e lede=e %}{% status_tag 'x' e %}{% empty_state e e '/' e %}{% cards %}{% card e '/' caption=e %}{{ e }}{% endcard %}{% endcards %}"
        "{% facts %}{% fact e %}{{ e }}{% endfact %}{% endfacts %}{% timeline moments %}{% lineage steps %}{% button e name=e value=e %}{% callout e %}{{ e }}{% endcallout %}"
        "{% table e %}<thead><tr><th>{{ e }}</th></tr></thead><tbody><tr><td>{{ e }}</td></tr></tbody>{% endtable %}{% tile_map areas title=e %}"
    )
    html = render(
        page,
        e=evil,
        moments=[{"at": SUMMER, "what": evil, "by": evil, "note": evil}],
        steps=[{"kind": evil, "label": evil, "note": evil}],
        areas=[{"name": evil, "longitude": 0, "latitude": 51, "said": evil}],
    )

    assert evil not in html
    assert "&lt;b&gt;" in html


def test_a_fact_that_nobody_knows_is_said():
    assert "Not known" in render('{% facts %}{% fact "Evaluator" %}{% endfact %}{% endfacts %}')


def test_demonstration_is_shown_only_on_records_that_are_one():
    assert "Demonstration" in render("{% demonstration_tag thing %}", thing=SimpleNamespace(is_demonstration=True))
    assert "Demonstration" not in render("{% demonstration_tag thing %}", thing=SimpleNamespace(is_demonstration=False))
    assert "Demonstration" not in render("{% demonstration_tag thing %}", thing=SimpleNamespace())


def test_something_owed_says_how_late_it_is_until_it_is_done():
    day = date(2020, 1, 1)

    assert "days late" in render("{% due day %}", day=day)
    assert "late" not in render("{% due day done=True %}", day=day)


def test_pages_keep_the_filters():
    request = RequestFactory().get("/calls/?status=open&status=closed&page=2")
    html = Template("{% pagination page %}").render(
        Context({"page": Paginator(range(100), 25).page(2), "request": request})
    )

    assert "?status=open&amp;status=closed&amp;page=3" in html
    assert 'aria-current="page"' in html


def test_one_page_needs_no_page_numbers():
    request = RequestFactory().get("/")
    html = Template("{% pagination page %}").render(
        Context({"page": Paginator(range(3), 25).page(1), "request": request})
    )

    assert "<nav" not in html


def test_a_table_tells_each_cell_the_name_of_its_column():
    html = tables.for_phones(
        "<thead><tr><th>Name</th><th>Sent <b>on</b></th></tr></thead><tbody><tr><th>Leeds</th><td>12 June</td></tr>"
        '<tr><td colspan="2">None</td></tr></tbody>'
    )

    assert '<td role="cell" data-label="Sent on">12 June</td>' in html
    assert '<th role="rowheader" scope="row">Leeds</th>' in html
    assert '<th role="columnheader" scope="col">Name</th>' in html


def test_navigation_leaves_out_pages_that_do_not_exist(monkeypatch):
    monkeypatch.setitem(places.AREAS, "public", (("Start", "start"), ("Nowhere", "no_such_page")))

    assert [place.label for place in places.of("public")] == ["Start"]


@pytest.mark.parametrize(
    ("at", "here"), [("/staff/", ["My work"]), ("/staff/calls/pine/", ["Calls"]), ("/staff/else/", []), ("/", [])]
)
def test_navigation_marks_the_place_we_are_in(at, here):
    assert [place.label for place in places.of("staff", at=at) if place.current] == here


@pytest.mark.parametrize(
    ("area", "label", "name"), [(area, *place) for area, all_ in places.AREAS.items() for place in all_]
)
def test_every_place_in_the_navigation_exists(area, label, name):
    assert reverse(name), f"{label} in {area}"


# --- forms -----------------------------------------------------------------------------------------------------------


class SampleForm(forms.Form):
    name = forms.CharField(label="Name of the practice", help_text="As your staff say it.")
    why = forms.CharField(label="Why?", widget=forms.Textarea(attrs={"data-word-limit": 50}), required=False)
    day = forms.DateField(label="When could you start?", required=False)
    kind = forms.ChoiceField(
        label="Who applies?", choices=[("a", "Authority"), ("t", "Trust")], widget=forms.RadioSelect
    )
    agreed = forms.BooleanField(label="The director agreed")
    own = forms.CharField(error_messages={"required": "Say which team."})

    def clean(self):
        raise forms.ValidationError("The places do not add up.")


def test_a_field_is_tied_to_its_hint_and_its_error():
    html = str(SampleForm({})["name"].as_field_group())

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html


class NumbersForm(forms.Form):
    places = forms.IntegerField(label="Number of places", min_value=1, max_value=1000)
    named = forms.CharField(label="Title", max_length=5)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"places": "0"}, "“Number of places” must be 1 or more."),
        ({"places": "1001"}, "“Number of places” must be 1000 or less."),
        ({"named": "a title"}, "“Title” must have at most 5 characters (it has 7)."),
    ],
)
def test_a_limit_is_said_as_what_the_answer_must_be(typed, said):
    assert said in str(NumbersForm(typed))


def test_the_summary_names_each_question_and_leads_to_it():
    html = str(SampleForm({"day": "31/02/2027"}))

    assert '<a href="#id_name">“Name of the practice” needs an answer.</a>' in html
    assert '<a href="#id_kind_0">Choose an answer to “Who applies?”.</a>' in html
    assert '<a href="#id_agreed">Tick “The director agreed” to go on.</a>' in html
    assert "“When could you start?” must be a real date" in html
    assert '<a href="#id_own">Say which team.</a>' in html
    assert "The places do not add up." in html


def test_the_summary_stands_once_however_the_form_is_drawn():
    form = SampleForm({})
    html = render("{% error_summary form %}{{ form }}", form=form)

    assert html.count("There is a problem") == 1


def test_a_form_that_nobody_sent_has_no_summary():
    assert "There is a problem" not in str(SampleForm())


def test_what_was_typed_is_never_lost():
    html = str(SampleForm({"name": "Weekly <meetings>", "day": "31/02/2027"}))

    assert 'value="Weekly &lt;meetings&gt;"' in html
    assert 'value="31/02/2027"' in html


def test_a_number_in_words_is_shown_again_as_it_was_typed():
    class Places(forms.Form):
        places = forms.IntegerField()

    assert 'type="text" name="places" value="about six"' in str(Places({"places": "about six"})["places"])
    assert 'type="number" name="places" value="6"' in str(Places({"places": "6"})["places"])


def test_a_date_gets_the_calendar_of_the_browser():
    html = str(SampleForm(initial={"day": date(2026, 6, 12)})["day"])

    assert 'type="date"' in html
    assert 'value="2026-06-12"' in html


def test_a_word_limit_is_said_and_tied_to_the_field():
    html = str(SampleForm()["why"].as_field_group())

    assert "You can write up to 50 words." in html
    assert 'aria-describedby="id_why_words"' in html


def test_fields_that_may_stay_empty_say_so():
    assert "(optional)" in str(SampleForm()["why"].as_field_group())
    assert "(optional)" not in str(SampleForm()["name"].as_field_group())
