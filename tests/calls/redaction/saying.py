"""Segments as somebody says them."""

from calls.documents import Segment, Word


def said(text, *, at=0.0, speaker="client", words=False):
    """A segment of two seconds from `at` on; with words, each has an equal share of them."""
    segment = Segment(
        segment_id=f"{speaker}:{at}", speaker=speaker, text=text, start_time=at, end_time=at + 2.0, confidence=0.9
    )
    if words:
        parts = text.split(" ")
        share = 2.0 / len(parts)
        segment["words"] = [
            Word(
                text=part,
                start_time=round(at + share * place, 3),
                end_time=round(at + share * (place + 1), 3),
                confidence=round(0.9 - 0.01 * (place % 50), 2),
            )
            for place, part in enumerate(parts)
        ]
    return segment


def in_turn(*turns):
    """Segments of (speaker, text), each beginning three seconds after the one before."""
    return [said(text, at=3.0 * place, speaker=speaker) for place, (speaker, text) in enumerate(turns)]


def texts(segments):
    return [segment["text"] for segment in segments]
