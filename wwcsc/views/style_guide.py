"""Every component on one page, with sample content: to look at, to copy from, and for the tests to check."""

from datetime import date, timedelta

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from wwcsc.places import Place

AREAS = (
    ("Cumberland", "CML", -3.1, 54.75, "North West", "none", ""),
    ("Newcastle upon Tyne", "NEW", -1.61, 54.98, "North East", "now", "working with us now"),
    ("Durham", "DUR", -1.75, 54.73, "North East", "none", ""),
    ("Leeds", "LEE", -1.55, 53.8, "Yorkshire and the Humber", "now", "working with us now"),
    ("Manchester", "MAN", -2.24, 53.48, "North West", "before", "worked with us before"),
    ("Liverpool", "LIV", -2.98, 53.41, "North West", "talking", "in conversation"),
    ("Sheffield", "SHE", -1.47, 53.38, "Yorkshire and the Humber", "none", ""),
    ("Nottingham", "NGM", -1.15, 52.95, "East Midlands", "none", ""),
    ("Birmingham", "BIR", -1.9, 52.48, "West Midlands", "before", "worked with us before"),
    ("Norfolk", "NFK", 1.0, 52.65, "East of England", "none", ""),
    ("Camden", "CAM", -0.14, 51.55, "London", "now", "working with us now"),
    ("Hackney", "HAC", -0.06, 51.55, "London", "none", ""),
    ("Bristol", "BRI", -2.59, 51.45, "South West", "none", ""),
    ("Kent", "KEN", 0.72, 51.2, "South East", "talking", "in conversation"),
    ("Cornwall", "CON", -5.05, 50.26, "South West", "none", ""),
)


class SampleForm(forms.Form):
    """One field of every kind, so that a change of style is seen on all of them."""

    title = forms.CharField(label="Name of the practice", help_text="As your staff would say it.", max_length=120)
    email = forms.EmailField(label="E-mail address of the lead", required=False)
    places = forms.IntegerField(label="Number of teams", min_value=1)
    starts_on = forms.DateField(label="When could you start?", widget=forms.DateInput)
    why = forms.CharField(
        label="Why this, and why now?",
        help_text="Say what you see in your own data.",
        widget=forms.Textarea(attrs={"rows": 5, "data-word-limit": 150}),
    )
    region = forms.ChoiceField(label="Region", choices=[("", "Choose one"), ("ne", "North East"), ("sw", "South West")])
    kind = forms.ChoiceField(
        label="Who applies?",
        widget=forms.RadioSelect,
        choices=[
            ("authority", "A local authority"),
            ("trust", "A children’s trust"),
            ("consortium", "Several together"),
        ],
    )
    stages = forms.MultipleChoiceField(
        label="Which stages of work does it touch?",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[("early", "Early help"), ("need", "Child in need"), ("care", "Child in care")],
    )
    paper = forms.FileField(label="Letter of support", required=False, help_text="PDF or Word, up to 10 MB.")
    agreed = forms.BooleanField(label="The director of children’s services has agreed to this")


class SampleFilter(forms.Form):
    q = forms.CharField(label="Words", required=False)
    status = forms.MultipleChoiceField(
        label="Status",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[("open", "Open"), ("closed", "Closed"), ("decided", "Decided")],
    )


@login_not_required
def style_guide(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    return render(
        request,
        "wwcsc/style_guide.html",
        {
            "sample_form": SampleForm(initial={"title": "Weekly family meetings"}),
            "form_with_errors": SampleForm(
                {
                    "e-title": "",
                    "e-places": "many",
                    "e-starts_on": "31/02/2027",
                    "e-email": "amina",
                    "e-why": "word " * 151,
                    "e-kind": "authority",
                },
                prefix="e",
            ),
            "filter_form": SampleFilter(request.GET or None),
            "result_page": Paginator(range(240), 25).page(3),
            "soon": now + timedelta(days=3),
            "later": now + timedelta(days=40),
            "past": now - timedelta(days=4),
            "day": timezone.localdate() - timedelta(days=4),
            "statuses": ["draft", "open", "submitted", "offer", "reserve", "overdue", "new", "closed"],
            "moments": [
                {"at": now - timedelta(days=90), "what": "Call opened", "by": "Programmes team"},
                {
                    "at": now - timedelta(days=40),
                    "what": "Closing moment moved by one week",
                    "note": "Two authorities asked for time.",
                },
                {"at": now - timedelta(days=4), "what": "Progress report was due", "kind": "late"},
                {"at": now + timedelta(days=30), "what": "Decision letters go out", "kind": "ahead"},
            ],
            "steps": [
                {"kind": "Call", "label": "Practice in need of evidence", "url": "#lineage"},
                {"kind": "Partnership", "label": "Three authorities", "url": "#lineage"},
                {"kind": "Evaluation", "label": "Stepped-wedge trial", "current": True, "note": "In the field"},
                {"kind": "Report", "label": "Due in March 2027"},
                {"kind": "Evidence", "label": "Rating to follow"},
            ],
            "areas": [
                {
                    "name": n,
                    "short": s,
                    "longitude": x,
                    "latitude": y,
                    "group": g,
                    "tone": t,
                    "said": w,
                    "url": "#tile-map",
                }
                for n, s, x, y, g, t, w in AREAS
            ],
            "legend": [
                ("now", "Working with us now"),
                ("before", "Before"),
                ("talking", "In conversation"),
                ("none", "Not yet"),
            ],
            "bars": [("Offer", 12, "good"), ("Reserve", 5, "waiting"), ("No", 31, "quiet"), ("Not known", None)],
            "clusters": [
                {"label": "Team A", "starts": 1, "started": 1},
                {"label": "Team B", "starts": 2, "started": 3},
                {"label": "Team C", "starts": 3},
                {"label": "Team D", "starts": 4},
            ],
            "periods": ["Jan", "Feb", "Mar", "Apr", "May", "Jun"],
            "spans": [
                {"label": "Recruiting", "starts_on": date(2025, 9, 1), "ends_on": date(2026, 2, 1), "tone": "good"},
                {"label": "In the field", "starts_on": date(2026, 2, 1), "ends_on": date(2027, 3, 1)},
                {
                    "label": "Analysis (planned)",
                    "starts_on": date(2027, 3, 1),
                    "ends_on": date(2027, 9, 1),
                    "tone": "planned",
                },
            ],
            "sections": [
                Place("Overview", "#sections", current=True),
                Place("Timeline", "#timeline"),
                Place("People", "#cards"),
            ],
            "rows": [
                ("Unit of randomisation", "team"),
                ("Clusters", 24),
                ("Registered", ""),
                ("Protocol", "Version 2", "#facts"),
            ],
            "long_text": "## What we asked\n\nDid **weekly meetings** change decisions?\n\n- in 24 teams\n- over 18 months",
        },
    )
