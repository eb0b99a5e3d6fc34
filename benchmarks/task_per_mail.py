"""What most projects do, beside which the outbox is measured: one Celery task for each mail, with Django's ``send_mail``.

Tuned: the worker keeps its database connection (CELERY_DB_REUSE_MAX), which the default closes around every task.
"""

import os

from celery import Celery
from django.conf import settings
from django.core.mail import send_mail
from django.db import connections
from django.utils import timezone

DATABASE, PORT = os.environ.get("BENCH_DATABASE", ""), int(os.environ.get("BENCH_MAIL_PORT", "0"))

app = Celery("task_per_mail", broker=os.environ.get("BENCH_BROKER"), set_as_current=False)
app.conf.update(
    CELERY_DB_REUSE_MAX=1000,
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=16,
    timezone="UTC",
)
app.conf.task_default_queue = "task_per_mail"


def mailers(port: int) -> dict:
    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


if DATABASE:
    connections.settings["default"]["NAME"] = DATABASE
    settings.MAILERS = mailers(PORT)


@app.task(name="task_per_mail.send_one")
def send_one(number: int) -> None:
    # Where the portal's own models are, which a worker has loaded by then.
    from notices.models import Notice  # noqa: PLC0415

    notice = Notice.objects.get(pk=number)
    send_mail(notice.subject, notice.body_text, None, [notice.to], html_message=notice.body_html)
    Notice.objects.filter(pk=number).update(status="sent", sent_at=timezone.now())
