"""Background work: the Celery application and its clock.

The clock is in code, so that it is reviewed and tested. It holds intervals only: what is due at a moment is found in
our own tables by a sweep, which a missed tick, a doubled tick or a clock change cannot harm.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wwcsc.settings")

# name of the task: seconds between two rings
BEAT_SCHEDULE = {
    "wwcsc.tasks.beat_heartbeat": 10,
    "notices.tasks.ring": 10,
    "calls.tasks.tell_followers_of_what_opened": 60,
    "programmes.tasks.remind_of_reports": 60,
    "evidence_store.tasks.reindex_what_became_public": 60,
}


def entry(task: str, seconds: int) -> dict:
    # A ring that nobody answered in time is worthless: the next one does the same. It must not pile up in the broker.
    return {"task": task, "schedule": float(seconds), "options": {"expires": seconds}}


app = Celery("wwcsc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = {task: entry(task, seconds) for task, seconds in BEAT_SCHEDULE.items()}
app.autodiscover_tasks()
