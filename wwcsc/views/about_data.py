"""Where the facts come from, how many there are, and what is not known. Counted from the database, not from the files."""

from collections import defaultdict

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evaluations.models import Evaluation
from evidence_store.models import Entry
from partners.figures import FileFigures, of_files, of_gaps, of_organisations
from partners.models import FactFile
from programmes.figures import of_partners
from programmes.models import Partnership, Programme, Wave

HEADINGS = {
    "partners": "Organisations",
    "programmes": "Programmes and partnerships",
    "evaluations": "Evaluations",
    "evidence_store": "Evidence store",
}


@login_not_required
@require_safe
def about_data(request: HttpRequest) -> HttpResponse:
    files = of_files()
    groups: dict[str, list[FileFigures]] = defaultdict(list)
    for one in files:
        groups[HEADINGS.get(one.file.name.partition("/")[0], "Other")].append(one)
    context = {
        "groups": list(groups.items()),
        "facts": sum(one.rows for one in files),
        "file_count": len(files),
        "loaded_at": FactFile.objects.aggregate(last=Max("loaded_at"))["last"],
        "organisations": of_organisations(),
        "partners": of_partners(),
        "gaps": of_gaps(),
        "doubts": doubts(),
        "waves": waves_not_all_named(),
    }
    return render(request, "wwcsc/about_data.html", context)


def doubts() -> list[tuple[str, Programme | Evaluation | Entry, str]]:
    """What could not be confirmed about public records: kind, name with address, and what is in doubt."""
    nobody = AnonymousUser()
    told = []
    for kind, records in (
        ("Programme", Programme.objects.visible_to(nobody)),
        ("Evaluation", Evaluation.objects.visible_to(nobody)),
        ("Evidence", Entry.objects.visible_to(nobody)),
    ):
        told += [(kind, record, record.unverified) for record in records.exclude(unverified="").order_by("pk")]
    return told


def waves_not_all_named() -> list[tuple[Wave, int]]:
    """Waves of which more partners were announced than we can name."""
    nobody = AnonymousUser()
    named: dict[int, int] = defaultdict(int)
    for wave in Partnership.objects.visible_to(nobody).exclude(wave=None).values_list("wave", flat=True):
        named[wave] += 1
    waves = Wave.objects.filter(programme__in=Programme.objects.visible_to(nobody), selected__isnull=False)
    return [
        (wave, named[wave.pk])
        for wave in waves.select_related("programme").order_by("programme__name", "number")
        if (wave.selected or 0) > named[wave.pk] and wave.unit in {"partner", "authority", "organisation"}
    ]
