from django import forms

from people.models import Person


class DetailsForm(forms.ModelForm):
    class Meta:
        model = Person
        fields = ("job_title", "name")
        labels = {"job_title": "Your role", "name": "Your name"}
        help_texts = {"job_title": "As your organisation calls it, such as Head of service, children in care."}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for field in self.fields.values():
            field.required = True
