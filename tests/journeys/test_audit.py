"""What somebody looked at is found in the audit log a little later, sealed and under a pseudonym."""

import re

from tests.journeys.test_call import start
from tests.waiting import wait_until


def test_what_was_read_is_sealed_by_itself_and_verified_by_the_command(stack):
    agent = stack.client("demo-agent")
    session = start(agent)
    agent.get(f"/api/audio/sessions/{session['id']}")

    def verified():
        said = stack.manage("verify_audit")
        assert said.returncode == 0, said.stdout + said.stderr
        entries = int(re.search(r"(\d+) entries", said.stdout)[1])
        return entries >= 2 and "wait to be sealed" not in said.stdout

    wait_until(verified, timeout=90, what="the entries to be sealed")
    assert session["id"] not in stack.log("general")
