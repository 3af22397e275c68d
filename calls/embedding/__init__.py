"""Meaning as vectors: texts that say alike lie close to one another, whatever their words.

`embedder` says what an embedder is; `minilm` runs a small model on this machine, `ollama` asks a server, each of which
alone knows its library. `embedders` chooses one by the settings and remembers what it embedded last (`cache`).

A model is loaded by the first text in each process and kept; load after the fork, never at import.
"""
