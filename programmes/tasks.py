from celery import shared_task

from programmes.actions.reminders import remind_of_what_is_owed


@shared_task
def remind_of_reports() -> None:
    remind_of_what_is_owed()
