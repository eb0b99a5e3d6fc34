"""The clock in code rings tasks that exist, and a ring that nobody heard does not pile up."""

from wwcsc.celery import BEAT_SCHEDULE, app


def test_every_ring_of_the_clock_is_answered_by_a_task():
    app.loader.import_default_modules()

    assert set(BEAT_SCHEDULE) <= set(app.tasks)


def test_a_ring_that_nobody_heard_is_forgotten_before_the_next():
    for entry in app.conf.beat_schedule.values():
        assert entry["options"]["expires"] <= entry["schedule"]
