"""The model runs in numpy as it does where it was made."""

import json

import numpy as np
import pytest

from calls.embedding import minilm
from calls.embedding.minilm import LONGEST_TOKENS, MiniLM, read_weights

TEXTS = [
    "I would like my money back because the package never arrived.",
    "",
    "Yes.",
    "Könnten Sie das bitte buchstabieren? 🦊",
    "word " * 40,
    "The weather is lovely today.",
]


def embedded(*texts):
    return MiniLM().embed(texts, seconds=1)


def test_similarities_are_those_that_the_makers_of_the_model_print():
    # Of https://sbert.net/docs/quickstart.html
    vectors = embedded("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-4)


def test_vectors_are_those_that_the_makers_of_the_model_print():
    # Of the model's own card: "This is an example sentence".
    (vector,) = embedded("This is an example sentence")
    np.testing.assert_allclose(vector[:6], [0.06766, 0.06350, 0.04871, 0.07931, 0.03745, 0.00265], atol=1e-4)


def test_a_batch_gives_the_vectors_that_each_text_gets_alone():
    together = embedded(*TEXTS)
    assert (together.shape, together.dtype) == ((len(TEXTS), MiniLM.dimension), np.float32)
    for vector, text in zip(together, TEXTS, strict=True):
        np.testing.assert_allclose(vector, embedded(text)[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_paraphrases_are_nearer_than_what_has_nothing_to_do_with_one_another():
    pairs = [
        ("I want a refund", "Give me my money back"),
        ("The parcel has not come", "My delivery is late"),
        ("Let me speak to your manager", "I want to talk to a supervisor"),
        ("I cannot log in", "My password does not work"),
    ]
    left, right = (embedded(*side) for side in zip(*pairs, strict=True))
    similarity = left @ right.T
    alike, unlike = np.diag(similarity), similarity[~np.eye(len(pairs), dtype=bool)]
    assert alike.min() > MiniLM.least_similarity > unlike.max()


def test_what_is_longer_than_the_model_reads_is_cut():
    as_much = " ".join(["refund"] * (LONGEST_TOKENS - 2))
    longer = embedded(as_much + " and then the weather" * 1000)
    np.testing.assert_allclose(embedded(as_much), longer, atol=1e-5)


def write(path, header, data=b"\0" * 16, *, length=None):
    text = json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        {"a": 1},
        {"a": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [8, 24]}},
        {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [-8, 8]}},
    ],
)
def test_a_file_of_weights_that_is_not_what_it_should_be_is_refused(tmp_path, header):
    with pytest.raises(ValueError, match="a "):
        read_weights(write(tmp_path / "weights", header), {"a": (2, 2)})


@pytest.mark.parametrize("length", [0, 10**6, 2**63])
def test_a_header_that_is_longer_than_its_file_is_not_read(tmp_path, length):
    with pytest.raises(ValueError, match="header"):
        read_weights(write(tmp_path / "weights", {}, length=length), {})


def test_weights_are_read_from_where_the_header_says(tmp_path):
    values = np.arange(4, dtype=np.float32)
    header = {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [4, 20]}}
    path = write(tmp_path / "weights", header, b"\0" * 4 + values.tobytes())
    assert read_weights(path, {"a": (2, 2)})["a"].tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_the_vocabulary_is_the_tokenizers():
    tokenizer, _ = minilm._loaded()
    assert tokenizer.get_vocab_size() == minilm.VOCABULARY


@pytest.mark.parametrize("text", ["money back", "Rückerstattung", "退款", "refund 1042", "hi", "zzzqqxx or a refund"])
def test_it_knows_what_has_a_word_in_it(text):
    assert MiniLM().knows(text)


@pytest.mark.parametrize("text", ["zzzqqxx", "4111 1111 1111 1111", "qxzv", "...", ""])
def test_it_does_not_know_numbers_and_random_letters(text):
    assert not MiniLM().knows(text)
