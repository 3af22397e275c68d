"""docs/quick-start.md, run as it stands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import playwright
import pytest

from audio.analysis.evaluation import word_error_rate
from tests.running import ROOT
from tests.sound import speech_text

PAGE = ROOT / "docs" / "quick-start.md"
# The one that Playwright brings along, as in the Makefile.
NODE = Path(playwright.__file__).parent / "driver" / "node"
PATIENCE_SECONDS = 600
PROGRAMS = {
    "bash": (["bash", "-euo", "pipefail"], "From curl", "curl-"),
    "python": ([sys.executable, "-"], "From Python", "python-"),
    "js": ([str(NODE), "--input-type=module", "-"], "From Node", "node-"),
}

# Three programs wait for a transcript each, behind those of the demo.
pytestmark = pytest.mark.timeout(2 * PATIENCE_SECONDS)


def blocks(language):
    """All blocks of a language, one after another, as somebody has them who takes them out of the page."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def outcome(stack):
    """What a language's program said and left: run once, with nothing but what the page has one export."""
    ran = {}

    def of(language):
        if language not in ran:
            command, subject, prefix = PROGRAMS[language]
            if shutil.which(command[0]) is None:
                pytest.fail(f"There is no {command[0]} to run the page with.")
            environment = {**stack.environment, "EARSHOT": stack.url, "TOKEN": stack.token_of("demo-supervisor")}
            done = subprocess.run(
                command,
                input=blocks(language),
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            ran[language] = (done, subject, prefix)
        return ran[language]

    return of


@pytest.fixture(params=PROGRAMS)
def language(request):
    return request.param


@pytest.fixture
def supervisor(stack):
    return stack.client("demo-supervisor")


def recorded_with(supervisor, language):
    """The newest recording that the program has made: curl's and Node's keep their subject, Python's is changed."""
    calls = supervisor.get("/api/calls?limit=50").json()["results"]
    subject = "A reading" if language == "python" else PROGRAMS[language][1]
    return next(call for call in calls if call["subject"] == subject)


def test_a_call_is_recorded_heard_and_read(supervisor, outcome, language):
    done, *_ = outcome(language)
    assert done.returncode == 0, done.stderr + done.stdout
    listed = recorded_with(supervisor, language)
    session = supervisor.get(f"/api/audio/sessions/{listed['session_id']}").json()
    assert (session["status"], session["verdict"]["state"]) == ("completed", "complete")
    call = supervisor.get(f"/api/calls/{listed['call_id']}").json()
    heard = " ".join(segment["text"] for segment in call["conversation"])
    assert word_error_rate(speech_text(), heard) < 0.5
    # What the program printed is what is there.
    assert call["conversation"][-1]["text"] in done.stdout


def test_a_conversation_is_handed_in_as_text(supervisor, outcome, language):
    done, _, prefix = outcome(language)
    assert done.returncode == 0, done.stderr + done.stdout
    calls = supervisor.get("/api/calls?limit=50").json()["results"]
    call = next(call for call in calls if call["call_id"].startswith(prefix))
    said = supervisor.get(f"/api/calls/{call['call_id']}/segments").json()["results"]
    assert [segment["speaker"] for segment in said] == ["client", "agent"]
    assert said[-1]["text"] in done.stdout


def test_what_happens_is_told_while_it_happens(outcome):
    done, *_ = outcome("js")
    told = [line for line in done.stdout.splitlines() if re.fullmatch("[a-z_]+", line)]
    assert told[0] == "session"
    assert told[-1] == "session_completed"
    in_order = [kind for kind in told if kind in {"chunk_stored", "chunk_analysed", "chunk_transcribed"}]
    assert in_order == ["chunk_stored", "chunk_analysed", "chunk_transcribed"]


def test_a_correction_is_kept_and_a_card_masked(supervisor, outcome):
    done, *_ = outcome("python")
    call = supervisor.get(f"/api/calls/{recorded_with(supervisor, 'python')['call_id']}").json()
    assert call["conversation"][-1]["text"] == "He might even have been made amiable himself."
    assert "My card was charged twice: [card number]." in done.stdout
    assert "4111" not in done.stdout
