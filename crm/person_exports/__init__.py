"""Export of a person: all that is kept of somebody, as one archive that they can read without us.

1. `requests.py` takes down who asks and for whom, and sends it on its way. Nobody who was erased can be asked for.
2. `making.py` claims it, one at a time, and goes through what is theirs (`crm.erasure.subjects` says what that is):
   their person, each of their calls with its transcript and its sound, figures, consents, what they did here.
3. `contents.py` says what is in each file, and what is left out and why. Where one knows who speaks, that is their own
   words and their own channel, unless the others' were asked for. What is masked stays masked.
4. `packing.py` writes a ZIP file to a file without a name, which is gone with its process, and tells the SHA-256 of
   each entry.
5. `files.py` keeps the archive as an object that no row names anybody by, until it expires. In the moment in which it
   becomes visible its row says that it is ready, unless somebody who is in it has been forgotten by then.
6. `requests.py` removes it when its time is over: the row then names nobody. `erasing.py` does so when somebody who is
   in it is erased.

What a worker that died has left of it is nowhere: parts of an object are given up by beat, and it is made anew.
"""
