"""What the judges share: the address and the demo lines, an operation by its file, and the count of what was judged."""

import json
import sys
import urllib.request
from pathlib import Path

base, _, lines = sys.argv[1:4]
root = Path(__file__).parents[2]
printed = {words[0]: words for words in (line.split() for line in Path(lines).read_text().splitlines()) if words}
judged = {True: 0, False: 0}


def demo(login, what):
    """The `password` or the `token` of a demo person."""
    words = printed[f"{login}@demo.invalid"]
    return words[words.index(what) + 1]


def ask(token, query, variables=None):
    """Sends a stored operation, or a document; gives its data."""
    text = query if "{" in query else (root / f"schema/operations/{query}.graphql").read_text()
    body = json.dumps({"query": text, "variables": variables}).encode()
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(f"{base}/graphql", body, headers), timeout=30) as response:
        answer = json.load(response)
    if "errors" in answer:
        raise SystemExit(f"{query}: {answer}")
    return answer["data"]


def claim(text, holds, detail=""):
    """Prints one judgement; `detail` where it is no."""
    judged[bool(holds)] += 1
    print(f"  {'ok' if holds else 'NO'}  {text}" + ("" if holds else f": {detail}"))


def verdict(judge, expected):
    """Ends the judge: with 0 only if as many claims as were expected were judged and all hold."""
    total = sum(judged.values())
    print(f"{judge}: {total} judged, {judged[False]} refused")
    if total != expected:
        print(f"{judge}: {expected} were to be judged")
    sys.exit(0 if total == expected and not judged[False] else 1)
