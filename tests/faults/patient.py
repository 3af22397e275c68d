"""A client that does not give up, as bridges and recorders do not."""

import threading
import time

import httpx

from audio.sending import PASSING_STATUSES


class Patient:
    """Says the same again until it is answered. It keeps what it was refused with, and how long an answer took."""

    def __init__(self, url, token):
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.refused, self.postponed, self.longest_seconds = [], [], 0.0

    def ask(self, method, path, **request):
        between = threading.Event()
        while True:
            began = time.monotonic()
            try:
                answer = self.http.request(method, path, **request)
            except httpx.ReadTimeout:
                self.refused.append(f"{method} {path}: no answer within 30 s")
                raise
            except httpx.TransportError:
                # The server that was asked is dead, or not there again yet.
                between.wait(0.2)
                continue
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            if answer.status_code not in PASSING_STATUSES:
                if answer.is_error:
                    self.refused.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
                return answer
            self.postponed.append((answer.status_code, answer.json()["error"]["code"]))
            between.wait(0.2)


def patient_of(stack, username):
    return Patient(stack.url, stack.token_of(username))
