"""`python -m config.fetch_models [MODEL[@REVISION]]`, for `make models`: fetches a Whisper model.

It needs no running stack and no secret, only to know where the data are; so it reads these settings by itself.
"""

import os
import sys
from pathlib import Path

from audio.analysis import whisper_models
from audio.errors import ModelNotFetched
from config.environment import Environment

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> str | None:
    """Fetch the model. Returns what is in the way, if anything is."""
    environment = Environment.of_process(os.environ, default_data=ROOT / "var")
    directory = environment.path("EARSHOT_WHISPER_MODEL", environment.path("EARSHOT_DATA") / "models" / "whisper")
    model, _, revision = (arguments[0] if arguments else whisper_models.DEFAULT).partition("@")
    # The variable by which all that fetch models know a mirror.
    hub = (os.environ.get("HF_ENDPOINT") or whisper_models.HUB).rstrip("/")
    try:
        whisper_models.fetch(directory, model=model, revision=revision, hub=hub, say=print)
    except ModelNotFetched as failed:
        return failed.message
    except KeyboardInterrupt:
        return "Interrupted. `make models` goes on where it was."
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
