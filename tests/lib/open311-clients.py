# SPDX-License-Identifier: EUPL-1.2
# Two foreign Open311 clients of PyPI as a program: "georeport" reads, "three" also sends. One call a line in JSON on standard input,
# its answer or the name of its error a line on standard output. three is of the days of Python 2: it is handed the one function it misses.
import itertools
import json
import sys

itertools.ifilter = filter

import georeport  # noqa: E402
import three  # noqa: E402


def clients(url, key):
    return {
        "json": georeport.GeoReport(url),
        "xml": georeport.GeoReport(url, output_format="xml"),
        "three": three.Three(url, api_key=key),
    }


def call(client, name, args):
    media = args.pop("media", None)
    if not media:
        return getattr(client, name)(**args)
    with open(media, "rb") as file:
        return getattr(client, name)(media=file, **args)


def main():
    known = clients(sys.argv[1], sys.argv[2])
    for line in sys.stdin:
        q = json.loads(line)
        try:
            a = {"value": call(known[q["client"]], q["call"], q["args"])}
        except Exception as e:  # what the client makes of a refusal
            a = {"error": type(e).__name__, "text": str(e)}
        print(json.dumps(a), flush=True)


main()
