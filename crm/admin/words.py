"""Figures in the words of our pages (audio/static/audio/format.js)."""


def duration(seconds: float) -> str:
    """`1:02:33`, `0:26` below a minute."""
    # A length that was worked out from samples may lie a hair below the second that it is.
    minutes, rest = divmod(max(0, int(seconds + 0.0005)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Bytes in MB."""
    megabytes = count / 1e6
    if 0 < megabytes < 0.01:
        return "under 0.01 MB"
    return f"{megabytes:.2f} MB" if megabytes < 10 else f"{megabytes:.1f} MB"
