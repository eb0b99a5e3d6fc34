"""One section of an application as a form. What can be stored is far more than what can be sent: a draft is never refused."""

from typing import Any

from django import forms
from django.template.defaultfilters import linebreaksbr

from calls.choices import QuestionKind
from calls.forms.texts import LONGEST_TEXT, UnfinishedForm, WordsField
from calls.models import DETAILS, Application, Question
from calls.rules.readiness import Section, key_of
from partners.models import Organisation

DETAIL_LABELS = {
    "practice_name": ("Name of the practice", "As your teams call it."),
    "summary": ("The practice in two or three sentences", "What is done, by whom and with whom."),
    "group": ("Who it is for", "Such as adolescents, families before birth, special guardians."),
    "lead_role": (
        "Office of the person who leads this",
        "The office and not the name, such as Principal Social Worker.",
    ),
    "sponsor_role": ("Office of the senior sponsor", "Such as Director of Children's Services."),
}


class SectionForm(UnfinishedForm, forms.Form):
    """Fields by key: the details under their names, the answers as q and the number of the question."""

    base_version = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, section: Section, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in DETAILS if section.number == 0 else ():
            self.fields[name] = detail_field(name)
        for question in section.questions:
            self.fields[key_of(question)] = question_field(question)
        needed = [key_of(question) for question in section.questions if question.is_required]
        self.needed_in_the_end = (*DETAILS,) if section.number == 0 else tuple(needed)
        self.mark_what_is_needed()

    def texts(self) -> dict[str, str]:
        """What was sent and can be stored. A field that is wrong leaves the others alone; one that was not sent is not emptied.

        The draft that saves itself sends only what changed, and names it, because a choice without a tick sends no value.
        """
        named = set(self.data.getlist("changed")) if "changed" in self.data else set(self.data)
        return {
            name: str(value) for name, value in self.cleaned_data.items() if name in named and name != "base_version"
        }


def detail_field(name: str) -> forms.Field:
    label, hint = DETAIL_LABELS[name]
    longest = getattr(Application._meta.get_field(name), "max_length", None)
    return WordsField(
        label=label,
        help_text=hint,
        required=False,
        max_length=longest or LONGEST_TEXT,
        rows=4 if name == "summary" else 0,
    )


def question_field(question: Question) -> forms.Field:
    if question.kind == QuestionKind.YES_NO:
        field: forms.Field = forms.ChoiceField(choices=[("yes", "Yes"), ("no", "No")], widget=forms.RadioSelect)
    elif question.kind == QuestionKind.LONG_TEXT:
        field = WordsField(rows=12 if (question.word_limit or 0) > 250 else 8)
    else:
        field = WordsField()
        if question.kind == QuestionKind.NUMBER:
            field.widget.attrs["inputmode"] = "numeric"
            field.widget.attrs["class"] = "govuk-input--width-5"
    field.required = False
    field.label = question.text
    # Help texts are drawn as they are, so words that staff wrote are made harmless here.
    field.help_text = linebreaksbr(question.guidance, autoescape=True)
    if question.word_limit:
        field.widget.attrs["data-word-limit"] = question.word_limit
    return field


class StartForm(forms.Form):
    fields: dict[str, Any]
    organisation = forms.ModelChoiceField(Organisation.objects.none(), widget=forms.HiddenInput)

    def __init__(self, *args: Any, organisations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = organisations


class TogetherForm(forms.Form):
    fields: dict[str, Any]
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="Add an organisation",
        help_text="An authority, trust or charity that applies together with you.",
        empty_label="Choose an organisation",
    )

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        already = application.with_organisations.values("pk")
        choices = Organisation.objects.able_to_apply().filter(is_public=True)
        self.fields["organisation"].queryset = (
            choices.exclude(pk__in=already).exclude(pk=application.organisation_id).order_by("name")
        )


class SendForm(forms.Form):
    agrees = forms.BooleanField(
        label="I may send this for my organisation, and what it says is true as far as we know",
        error_messages={"required": "Tick the box to say that you may send this for your organisation."},
    )
    publishes = forms.BooleanField(
        label="We agree that the results are published, whatever they show",
        error_messages={"required": "Tick the box to agree that the results are published, whatever they show."},
    )
    # When our clock handed out this page; see calls.rules.sending.
    begun = forms.CharField(widget=forms.HiddenInput, required=False, max_length=500)


class WithdrawForm(forms.Form):
    why = WordsField(
        rows=3, max_length=2000, label="Why", help_text="For us, so that the next call works better.", required=False
    )
