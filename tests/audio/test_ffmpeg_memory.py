"""How much memory FFmpeg may ask for at a time."""

import ctypes
import shutil
from pathlib import Path

import av

from audio import ffmpeg_memory


def test_the_library_that_pyav_uses_is_bounded_though_another_copy_of_it_is_there(tmp_path):
    [own] = (Path(av.__file__).parent.parent / "av.libs").glob("libavutil*")
    another = ctypes.CDLL(shutil.copy(own, tmp_path / "libavutil.so"))
    library = ctypes.CDLL(str(own))
    library.av_malloc.restype = another.av_malloc.restype = ctypes.c_void_p
    too_much = ctypes.c_size_t(ffmpeg_memory.MOST_BYTES + 1)
    library.av_max_alloc(ctypes.c_size_t(2**31 - 1))
    assert library.av_malloc(too_much) is not None
    assert ffmpeg_memory.bound()
    assert library.av_malloc(too_much) is None
    assert another.av_malloc(too_much) is not None
