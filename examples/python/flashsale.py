"""A client of the service, in nothing but Python's standard library (3.9 or newer)."""

import http.client
import json
import os
import random
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request

# How often a request is sent at most.
TRIES_MAX = 8

# What asks to be asked again. Every other answer is final.
ASK_AGAIN = {408, 429, 503}


class Refused(Exception):
    """The service said no. `problem` is its document (RFC 9457); go by `kind`, else by `status`."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('title')}: {problem.get('detail')}")
        self.status = status
        self.problem = problem
        self.kind = str(problem.get("type", "")).rpartition("/")[2]


class NoAnswer(Exception):
    """The service did not answer, however often it was asked. What was asked may have been done."""


class Client:
    def __init__(self, base_url=None, timeout_s=None):
        self.base_url = base_url or os.environ.get("BASE_URL", "http://localhost:8080")
        self.timeout_s = timeout_s or float(os.environ.get("ANSWER_S_MAX", "10"))

    def checkout(self, user, sale, key):
        """Puts a unit on hold. Repeated with the same key, it is the same unit."""
        parameters = {"user_id": user, "id": sale}
        return self.ask("POST", "/checkout", parameters, {"Idempotency-Key": key})[1]

    def purchase(self, code):
        """Redeems a code; returns the receipt, also of a code that was redeemed before."""
        try:
            # The code is its own key: the header only says that a repeated purchase may be a 200.
            return self.ask("POST", "/purchase", {"code": code}, {"Idempotency-Key": code})[1]
        except Refused as refused:
            if refused.kind == "code-already-used":
                return refused.problem["purchase"]
            raise

    def sale(self, which="current", tag=None):
        """How a sale stands, and the tag of that; `None` if it is what the tag was given with."""
        headers = {"If-None-Match": tag} if tag else {}
        headers, sale = self.ask("GET", f"/sales/{which}", {}, headers)
        return headers.get("ETag", tag), sale

    def ask(self, method, path, parameters, headers):
        """Sends a request, again if need be; returns the headers and the document of the answer.

        What is sent must be safe to repeat.
        """
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        url = self.base_url + path + query
        for attempt in range(1, TRIES_MAX + 1):
            request = urllib.request.Request(url, method=method, headers=headers)
            retry_after_s = None
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                    return answer.headers, json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code == 304:
                    return error.headers, None
                problem = read_problem(error)
                if error.code not in ASK_AGAIN:
                    raise Refused(error.code, problem) from None
                retry_after_s = error.headers.get("Retry-After")
            except (OSError, http.client.HTTPException, ValueError):
                pass  # No connection, or one that broke: nobody knows what was done.
            if attempt < TRIES_MAX:
                # As long as the service says, or a growing while, which is random so that clients
                # which were cut off together do not come back together.
                time.sleep(float(retry_after_s or random.uniform(0, min(2**attempt, 16))))
        raise NoAnswer(f"no answer to {method} {path}")


def new_key():
    """A key for one unit, however often it is asked for."""
    return secrets.token_hex(16)


def read_problem(answer):
    """What is in a problem document, if it is one: a proxy on the way may have said something else."""
    try:
        problem = json.load(answer)
    except (OSError, ValueError):
        return {}
    return problem if isinstance(problem, dict) else {}
