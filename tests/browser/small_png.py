"""PNGs of pages, made small: 256 colours, which is more than most pages have. Pure."""

import struct
import zlib
from io import BytesIO

import av
import numpy as np

COLOURS = 256
# Colours that differ by less than this in each channel are counted as one when the most frequent are looked for.
STEP = 4


def reduced(png: bytes) -> bytes:
    """The same picture with at most 256 colours, as a PNG with a palette."""
    pixels = _pixels(png)
    codes = _codes(pixels.reshape(-1, 3))
    found, places = np.unique(codes, return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.int32)
    counts = np.bincount(places)
    palette = _palette(colours, counts)
    nearest = np.empty(len(colours), dtype=np.uint8)
    for begin in range(0, len(colours), 4096):
        some = colours[begin : begin + 4096]
        distances = ((some[:, None, :] - palette[None, :, :]) ** 2).sum(axis=2)
        nearest[begin : begin + 4096] = distances.argmin(axis=1)
    return _written(nearest[places].reshape(pixels.shape[:2]), palette.astype(np.uint8))


def _pixels(png):
    with av.open(BytesIO(png), format="png_pipe") as source:
        return next(source.decode(video=0)).to_ndarray(format="rgb24")


def _codes(pixels):
    wide = pixels.astype(np.int64)
    return wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]


def _palette(colours, counts):
    """The most frequent colours, each for all that hardly differ from it, beginning with those that are most."""
    if len(colours) <= COLOURS:
        return colours
    step = STEP
    while True:
        _, groups = np.unique(colours // step, axis=0, return_inverse=True)
        groups = groups.reshape(-1)
        if groups.max() < 4 * COLOURS:
            break
        step *= 2
    weights = np.bincount(groups, weights=counts)
    # Of each group its most frequent colour, so that surfaces keep exactly theirs.
    order = np.lexsort((counts, groups))
    last_of_group = np.flatnonzero(np.diff(groups[order], append=groups.max() + 1))
    kept = order[last_of_group]
    return colours[kept[np.argsort(-weights)[:COLOURS]]]


def _written(places, palette):
    height, width = places.shape
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), places], axis=1).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
