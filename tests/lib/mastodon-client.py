#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
# Debian's Mastodon.py as a program: one call a line in JSON on standard input, its answer or the name of its error a line on standard output, events of the stream in between.
import json
import os
import sys

from mastodon import Mastodon, StreamListener


def say(**line):
    print(json.dumps(line, default=str), flush=True)


class Listener(StreamListener):
    def on_notification(self, notification):
        say(event="notification", value=notification)

    def on_status_update(self, status):
        say(event="status.update", value=status)

    def on_delete(self, status_id):
        say(event="delete", value=status_id)

    def handle_heartbeat(self):
        say(event="heartbeat")


def main():
    client = Mastodon(access_token=sys.argv[2], api_base_url=sys.argv[1], ratelimit_method="throw", request_timeout=20)
    page = None
    for line in sys.stdin:
        q = json.loads(line)
        try:
            if q["call"] == "stream_user":
                client.stream_user(Listener(), run_async=True)
                value = True
            elif q["call"] in ("fetch_next", "fetch_previous"):
                page = value = getattr(client, q["call"])(page)
            elif q["call"] == "media_post":
                value = client.media_post(bytes.fromhex(q["args"]["hex"]), mime_type="image/png", file_name="plan.png")
            else:
                page = value = getattr(client, q["call"])(**q.get("args", {}))
            say(id=q["id"], value=value)
        except Exception as error:  # the test decides which one it wants
            say(id=q["id"], error=type(error).__name__, text=str(error))
    os._exit(0)  # closing the stream would wait for its next byte


main()
