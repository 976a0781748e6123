# Checks and makes signatures with dkimpy, for witness_test.go. A question is one
# JSON object on stdin, its answer one on stdout; messages are in base64.
import base64
import json
import sys

import dkim

question = json.load(sys.stdin)
message = base64.b64decode(question["message"])
records = question["records"]


def txt(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode() or None


def holds(index):
    try:
        return bool(dkim.DKIM(message).verify(idx=index, dnsfunc=txt))
    except dkim.ValidationError:
        return False


if question["do"] == "verify":
    checker = dkim.DKIM(message)
    count = sum(1 for name, _ in checker.headers if name.lower() == b"dkim-signature")
    answer = [holds(i) for i in range(count)]
elif question["do"] == "chain":
    cv, _, reason = dkim.arc_verify(message, dnsfunc=txt)
    answer = [cv.decode(), str(reason)]
else:
    fields = dkim.arc_sign(
        message, question["selector"].encode(), question["domain"].encode(), question["key"].encode(), question["domain"].encode(), linesep=b"\r\n")
    sealed = b"".join(fields) + message
    answer = base64.b64encode(sealed).decode()
json.dump(answer, sys.stdout)
