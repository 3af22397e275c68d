import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from config import schedule
from config.celery import app
from config.schedule import Default
from crm.models import DeclaredSchedule

SWEEP = Default("Sweep", "audio.sweep_jobs", every=15, expires=15)
NIGHTLY = Default("Nightly", "calls.analyse", crontab="30 3 * * 1-5", queue="storage")

pytestmark = pytest.mark.django_db


def kept():
    return {task.name: schedule._values_of(task) for task in PeriodicTask.objects.all()}


@pytest.fixture
def made():
    schedule.make([SWEEP, NIGHTLY])


# Celery would have the queues in one table of settings; here a task names its own.
@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_every_default_names_a_task_that_there_is():
    app.loader.import_default_modules()
    table = schedule.defaults()
    assert {default.task for default in table} <= set(app.tasks)
    assert len({default.name for default in table}) == len(table)
    assert all((default.every is None) != (default.crontab is None) for default in table)


def test_defaults_are_made_and_again_is_the_same_as_once(made):
    assert kept() == {"Sweep": SWEEP.values(), "Nightly": NIGHTLY.values()}
    before = list(PeriodicTask.objects.values())
    schedule.make([SWEEP, NIGHTLY])
    assert list(PeriodicTask.objects.values()) == before


def test_a_new_default_takes_the_place_of_one_that_nobody_edited(made):
    PeriodicTask.objects.filter(name="Sweep").update(total_run_count=7)
    schedule.make([Default("Sweep", "audio.sweep_jobs", every=2, expires=2), NIGHTLY])
    sweep = PeriodicTask.objects.get(name="Sweep")
    assert (sweep.interval.every, sweep.expire_seconds, sweep.total_run_count) == (2, 2, 7)


def test_a_time_that_somebody_made_twice_is_as_good_as_one():
    for _ in range(2):
        IntervalSchedule.objects.create(every=SWEEP.every, period="seconds")
        CrontabSchedule.objects.create(minute="30", hour="3", day_of_week="1-5", timezone="UTC")
    before = (IntervalSchedule.objects.count(), CrontabSchedule.objects.count())
    schedule.make([SWEEP, NIGHTLY])
    assert kept() == {"Sweep": SWEEP.values(), "Nightly": NIGHTLY.values()}
    assert (IntervalSchedule.objects.count(), CrontabSchedule.objects.count()) == before


def edit_interval():
    slow, _ = IntervalSchedule.objects.get_or_create(every=5, period="minutes")
    PeriodicTask.objects.filter(name="Sweep").update(interval=slow)


def edit_queue():
    PeriodicTask.objects.filter(name="Sweep").update(queue="rollup")


def edit_to_a_crontab():
    hourly, _ = CrontabSchedule.objects.get_or_create(minute="0", timezone="Europe/Berlin")
    PeriodicTask.objects.filter(name="Sweep").update(interval=None, crontab=hourly)


@pytest.mark.parametrize("edit", [edit_interval, edit_queue, edit_to_a_crontab])
def test_what_people_edited_stays_theirs_whatever_the_code_says(made, edit):
    edit()
    theirs = kept()["Sweep"]
    for table in ([SWEEP], [Default("Sweep", "audio.sweep_jobs", every=2)], []):
        schedule.make(table)
        assert kept()["Sweep"] == theirs


def test_one_that_was_disabled_stays_so_and_is_still_kept_in_step(made):
    PeriodicTask.objects.filter(name="Sweep").update(enabled=False)
    schedule.make([Default("Sweep", "audio.sweep_jobs", every=2)])
    sweep = PeriodicTask.objects.get(name="Sweep")
    assert (sweep.enabled, sweep.interval.every) == (False, 2)


def test_one_that_was_deleted_is_made_again(made):
    PeriodicTask.objects.all().delete()
    schedule.make([SWEEP, NIGHTLY])
    assert set(kept()) == {"Sweep", "Nightly"}


def test_a_default_that_the_code_no_longer_has_goes(made):
    schedule.make([SWEEP])
    assert set(kept()) == {"Sweep"}
    assert DeclaredSchedule.objects.get().name == "Sweep"


def test_a_schedule_that_somebody_made_is_left_alone_even_under_the_name_of_a_default():
    minute = IntervalSchedule.objects.create(every=1, period="minutes")
    for name in ("Sweep", "Mine"):
        PeriodicTask.objects.create(name=name, task="audio.sweep_jobs", interval=minute)
    schedule.make([SWEEP])
    schedule.make([])
    assert set(kept()) == {"Sweep", "Mine"}
    assert kept()["Sweep"]["every"] == 60


def test_the_variable_behind_a_default_is_heeded_at_the_next_start(settings):
    for seconds in (15, 2):
        settings.EARSHOT_SWEEP_SECONDS = seconds
        schedule.make()
        assert PeriodicTask.objects.get(task="audio.sweep_jobs").interval.every == seconds
