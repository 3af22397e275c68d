from io import BytesIO

import av
import numpy as np

from tests.browser.small_png import reduced


def png_of(pixels):
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt = "rgb24"
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")), *encoder.encode(None)]
    return b"".join(map(bytes, packets))


def pixels_of(png):
    with av.open(BytesIO(png), format="png_pipe") as source:
        return next(source.decode(video=0)).to_ndarray(format="rgb24")


def test_a_page_of_few_colours_stays_as_it_is():
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[5:20, 10:50] = (91, 124, 250)
    pixels[25:35] = np.arange(60, dtype=np.uint8)[None, :, None]
    assert np.array_equal(pixels_of(reduced(png_of(pixels))), pixels)


def test_of_many_colours_the_most_frequent_stay_and_the_others_are_near():
    across = np.linspace(0, 255, 400).astype(np.uint8)
    pixels = np.stack(
        [np.tile(across, (300, 1)), np.tile(across[:300, None], (1, 400)), np.full((300, 400), 90)], axis=2
    )
    pixels = pixels.astype(np.uint8)
    pixels[100:200, 100:300] = (17, 18, 19)
    small = pixels_of(reduced(png_of(pixels))).astype(int)
    assert len(np.unique(small.reshape(-1, 3), axis=0)) <= 256
    assert (small[150, 200] == (17, 18, 19)).all()
    assert np.abs(small - pixels).mean() < 8
