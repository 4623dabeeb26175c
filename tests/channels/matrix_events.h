/* SPDX-License-Identifier: EUPL-1.2 */
/* matrix_events: JSON of a homeserver, for the tests of the Matrix channel. */
#ifndef DRAHT_TESTS_CHANNELS_MATRIX_EVENTS_H
#define DRAHT_TESTS_CHANNELS_MATRIX_EVENTS_H

#define EVENT(type, content)                                                                                                                         \
    "{\"event_id\":\"$e\",\"sender\":\"@jana:lab.test\",\"origin_server_ts\":1795000000000,"                                                         \
    "\"type\":\"" type "\",\"content\":" content "}"
#define SAID(content) EVENT("m.room.message", content)
#define NEWS(next, events) "{\"next_batch\":\"" next "\",\"rooms\":{\"join\":{\"!r:l\":{\"timeline\":{\"events\":[" events "]}}}}}"

#endif
