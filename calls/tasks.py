from celery import shared_task

from calls.actions.enquiries import tell_followers_of_open_calls


@shared_task(ignore_result=True)
def tell_followers_of_what_opened() -> None:
    tell_followers_of_open_calls()
