"""Claims and leases: at any moment one task has a job, and none is ever left without a way on."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as DjangoTestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from audio import jobs
from audio.models import AnalysisJob, AudioChunk
from tests.builders import make_session, make_tenant, make_user, purge_queues
from tests.scale import scaled
from tests.waiting import wait_until

TASKS = st.sampled_from(["one", "two", "three"])


@pytest.fixture
def job(session):
    return make_job(session)


def make_job(session):
    chunk = AudioChunk.objects.create(
        session=session,
        chunk_index=0,
        start_time_seconds=0,
        end_time_seconds=1,
        duration_seconds=1,
        declared_seconds=1,
        s3_key="k",
        content_type="audio/ogg",
        file_size_bytes=1,
        checksum="0" * 64,
        upload_status="uploaded",
        received_at=timezone.now(),
    )
    return jobs.create(chunk, "analysis")


def run_out_lease():
    AnalysisJob.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))


def forget_dispatch():
    AnalysisJob.objects.update(dispatched_at=timezone.now() - timedelta(seconds=3600))


def test_a_job_is_claimed_by_one_task(job):
    assert jobs.claim(job.pk, task_id="one")
    assert jobs.claim(job.pk, task_id="two") is None


def test_a_task_that_is_delivered_again_takes_its_own_claim_back(job):
    assert jobs.claim(job.pk, task_id="one")
    again = jobs.claim(job.pk, task_id="one")
    assert again.attempts == 2


def test_a_lease_that_ran_out_frees_the_job(job):
    held = jobs.claim(job.pk, task_id="one")
    run_out_lease()
    assert jobs.claim(job.pk, task_id="two")
    assert not jobs.complete(held), "whose lease ran out no longer decides"


def test_a_lease_is_renewed_while_the_work_goes_on(job, settings):
    settings.EARSHOT_LEASE_SECONDS = 0.3
    held = jobs.claim(job.pk, task_id="one")
    first = held.lease_until
    with jobs.lease_kept(held):
        wait_until(lambda: AnalysisJob.objects.get().lease_until > first, what="the lease to be renewed")


def test_a_finished_job_is_not_claimed_again(job):
    jobs.complete(jobs.claim(job.pk, task_id="one"))
    assert jobs.claim(job.pk, task_id="one") is None


def test_what_was_dispatched_just_now_is_not_overdue(job):
    purge_queues()
    assert jobs.overdue() == []
    forget_dispatch()
    assert jobs.overdue() == [job]


class Claims(RuleBasedStateMachine):
    """Any order of claims, deaths, endings and sweeps."""

    def __init__(self):
        super().__init__()
        self.job_id = make_job(make_session(make_user(make_tenant(), "agent"))).pk
        self.held = {}

    @rule(task=TASKS)
    def claim(self, task):
        before = AnalysisJob.objects.get(pk=self.job_id)
        job = jobs.claim(self.job_id, task_id=task)
        if job:
            assert before.state == "waiting" or before.lease_until < timezone.now() or before.claimed_by == task
            self.held[task] = job

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def complete(self, data):
        task = data.draw(st.sampled_from(sorted(self.held)))
        holder = AnalysisJob.objects.get(pk=self.job_id)
        counts = jobs.complete(self.held.pop(task))
        assert counts == (holder.claimed_by == task and holder.state == "running")

    @precondition(lambda self: self.held)
    @rule(data=st.data(), counts=st.booleans())
    def put_back(self, data, counts):
        task = data.draw(st.sampled_from(sorted(self.held)))
        jobs.put_back(self.held.pop(task), error="no luck", attempt_counts=counts)

    @rule()
    def time_passes(self):
        run_out_lease()
        forget_dispatch()

    @rule()
    def sweep(self):
        for job in jobs.overdue():
            jobs.dispatch_again(job)

    @invariant()
    def attempts_are_never_negative_and_a_running_job_has_a_holder(self):
        job = AnalysisJob.objects.get(pk=self.job_id)
        assert job.attempts >= 0
        assert (job.state == "running") == bool(job.claimed_by and job.lease_until) or job.state in {
            "completed",
            "failed",
        }

    @invariant()
    def an_unfinished_job_has_a_way_on(self):
        job = AnalysisJob.objects.get(pk=self.job_id)
        if job.state in {"completed", "failed"}:
            return
        later = timezone.now() + timedelta(hours=1)
        assert AnalysisJob.objects.overdue(dispatched_before=later, at=later).filter(pk=job.pk).exists()


class TestClaims(DjangoTestCase):
    def runTest(self):  # noqa: N802
        """Named for unittest; the machine runs in `test_any_order_of_claims`."""

    def test_any_order_of_claims(self):
        run_state_machine_as_test(
            Claims,
            settings=settings(
                max_examples=scaled(25, 250),
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )


def test_a_job_whose_message_is_still_queued_is_not_told_of_again(transactional_db):
    job = make_job(make_session(make_user(make_tenant(), "agent")))
    purge_queues()
    jobs.dispatch(job)
    forget_dispatch()
    assert jobs.overdue() == []
    purge_queues()
    assert jobs.overdue() == [job]
