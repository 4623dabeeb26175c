/* SPDX-License-Identifier: EUPL-1.2 */
/* schema: the rows. A new setting is one row here and one member in config.h. No parsing here. */
#include "config/schema.h"

#include <string.h>

#define AT(member) offsetof(struct config, member), 0
#define RELOAD DRAHT_OPT_RELOAD
#define TEXT(name, fallback, min, max, flags, help)                                                \
    { name, DRAHT_OPT_STRING, fallback, min, max, NULL, flags, help }
#define WHOLE(name, fallback, min, max, flags, help)                                               \
    { name, DRAHT_OPT_INT, fallback, min, max, NULL, flags, help }
#define FLAG(name, fallback, flags, help)                                                          \
    { name, DRAHT_OPT_BOOL, fallback, 0, 0, NULL, flags, help }
#define ONE_OF(name, fallback, values, flags, help)                                                \
    { name, DRAHT_OPT_ENUM, fallback, 0, 0, values, flags, help }
#define MANY(name, fallback, max, flags, help)                                                     \
    { name, DRAHT_OPT_LIST, fallback, 0, max, NULL, flags, help }

const struct schema_key schema_keys[] = {
    {TEXT("state_dir", "state", 1, 1024, SCHEMA_PATH,
          "Folder for everything Draht keeps: keys, attachments, the embedded Redis."),
     AT(state_dir)},
    {TEXT("master_key", "", 0, 1024, SCHEMA_PATH,
          "File with the key that seals all data. Empty: master.key in state_dir. Keep a copy "
          "elsewhere: without it nothing can be read."),
     AT(master_key)},
    {FLAG("demo", "false", 0,
          "Invented citizens, offices and messages for a first look. Never in service."),
     AT(demo)},
    {TEXT("listen.host", "127.0.0.1", 1, 255, 0,
          "Address to listen on for the inbox, the chat and webhooks. 0.0.0.0 or :: for all."),
     AT(listen_host)},
    {WHOLE("listen.port", "8080", 0, 65535, 0,
           "Port to listen on. 0: any free one, printed at start."),
     AT(listen_port)},
    {TEXT("listen.public_url", "", 0, 1024, SCHEMA_URL | RELOAD,
          "Address under which citizens and providers reach Draht. Empty: made of host and port."),
     AT(public_url)},
    {TEXT("listen.tls_cert", "", 0, 1024, SCHEMA_PATH,
          "Certificate chain (PEM). Empty: no TLS here, a proxy in front does it."),
     AT(tls_cert)},
    {TEXT("listen.tls_key", "", 0, 1024, SCHEMA_PATH, "Private key (PEM) of the certificate."),
     AT(tls_key)},
    {FLAG("listen.trust_forwarded", "false", 0,
          "Believe X-Forwarded-For and -Proto. Only behind a proxy that sets them."),
     AT(trust_forwarded)},
    {TEXT("city.name", "Musterstadt", 1, 200, RELOAD, "Name of the city, in texts to citizens."),
     AT(city_name)},
    {TEXT("city.phone", "115", 1, 64, RELOAD, "Telephone for those who would rather speak."),
     AT(city_phone)},
    {TEXT("city.privacy_url", "", 0, 1024, SCHEMA_URL | RELOAD, "Page with the privacy notice."),
     AT(privacy_url)},
    {TEXT("city.imprint_url", "", 0, 1024, SCHEMA_URL | RELOAD, "Page with the imprint."),
     AT(imprint_url)},
    {TEXT("city.accessibility_url", "", 0, 1024, SCHEMA_URL | RELOAD,
          "Page with the accessibility statement."),
     AT(accessibility_url)},
    {ONE_OF("city.language", "de", "de|en|de-easy", RELOAD, "Language when a citizen chose none."),
     AT(default_language)},
    {TEXT("redis.address", "embedded", 1, 1024, 0,
          "embedded: Draht starts a private redis-server. Otherwise host:port, or unix:/path."),
     AT(redis)},
    {TEXT("redis.username", "", 0, 255, 0, "User at the Redis server."), AT(redis_username)},
    {TEXT("redis.password", "", 0, 1024, DRAHT_OPT_SECRET,
          "Password at the Redis server; better file:/path or env:NAME."),
     AT(redis_password)},
    {TEXT("redis.durability", "disk", 1, 32, 0,
          "When a message counts as stored: disk (fsync before every answer) or replicas:N."),
     AT(durability)},
    {WHOLE("redis.shards", "1", 1, 64, 0,
           "Parts the data is split into for Redis Cluster. Cannot change once there is data."),
     AT(shards)},
    {ONE_OF("log.level", "info", "debug|info|warn|error", RELOAD,
            "How much goes to the log. Never personal data, at any level."),
     AT(log_level)},
    {TEXT("metrics.listen", "", 0, 255, 0,
          "host:port for /metrics alone. Empty: main port, loopback only."),
     AT(metrics_listen)},
    {WHOLE("session.hours", "10", 1, 168, RELOAD, "After that many hours staff log in again."),
     AT(session_hours)},
    {WHOLE("session.idle_minutes", "60", 5, 1440, RELOAD,
           "After that many minutes without a click staff log in again."),
     AT(session_idle_minutes)},
    {ONE_OF(
         "staff.access", "all", "all|own", RELOAD,
         "What an account sees that does not say so itself. all: every ticket. own: tickets of "
         "its offices (queues) and those assigned to it by name. Administrators see everything."),
     AT(staff_access)},
    {WHOLE("limits.attachment_max_mb", "10", 1, 100, RELOAD, "Largest attachment, in megabytes."),
     AT(attachment_max_mb)},
    {WHOLE("limits.message_text_max", "20000", 500, 200000, RELOAD,
           "Longest message text, in characters."),
     AT(message_text_max)},
    {WHOLE("outbox.give_up_hours", "72", 1, 336, RELOAD,
           "After that many hours a reply that cannot be delivered is handed back to staff."),
     AT(outbox_give_up_hours)},
    {WHOLE("outbox.visible_after", "3", 1, 20, RELOAD,
           "After that many failed attempts staff see a warning."),
     AT(outbox_visible_after)},
    {WHOLE("outbox.lease_s", "60", 5, 600, RELOAD,
           "Seconds a sender may work on a reply before another may take it over."),
     AT(outbox_lease_s)},
    {WHOLE("outbox.undo_seconds", "10", 0, 60, RELOAD,
           "Seconds in which staff can take a reply back."),
     AT(undo_seconds)},
    {WHOLE("acknowledge.per_day", "3", 0, 50, RELOAD,
           "Most automatic acknowledgements to one address in a day. 0: none. Stops loops between "
           "robots."),
     AT(ack_per_day)},
};
const int schema_keys_n = sizeof schema_keys / sizeof *schema_keys;

#undef AT
#define AT(member) offsetof(struct config_queue, member), 0
static const struct schema_key queue_keys[] = {
    {TEXT("id", NULL, 1, 32, SCHEMA_ID | DRAHT_OPT_REQUIRED,
          "Short name, never changes: a-z, 0-9 and hyphen."),
     AT(id)},
    {TEXT("name", NULL, 1, 200, DRAHT_OPT_REQUIRED, "Name of the office, for staff and citizens."),
     AT(name)},
    {TEXT("contact", "", 0, 300, 0, "Named contact with telephone, put under replies."),
     AT(contact)},
    {ONE_OF("follow_up", "reopen", "reopen|new|new_after_days", SCHEMA_INDEX,
            "A message to a closed request: opens it again, makes a new one, or a new one after "
            "some days."),
     AT(follow_up)},
    {WHOLE("follow_up_days", "30", 1, 3650, 0, "Days for new_after_days."), AT(follow_up_days)},
    {TEXT("calendar", "", 0, 32, 0, "Calendar with the service hours. Empty: the first."),
     AT(calendar)},
    {WHOLE("first_answer_hours", "16", 1, 2000, 0, "Service hours until the first answer is due."),
     AT(first_answer_hours)},
};
#undef AT
#define AT(member) offsetof(struct config_block, member), 0
static const struct schema_key block_keys[] = {
    {TEXT("id", NULL, 1, 32, SCHEMA_ID | DRAHT_OPT_REQUIRED, "Short name: a-z, 0-9 and hyphen."),
     AT(id)},
    {TEXT("name", NULL, 1, 80, DRAHT_OPT_REQUIRED, "What the menu of the composer shows."),
     AT(name)},
    {TEXT("queue", "", 0, 32, 0, "Offered to this office alone. Empty: to all."), AT(queue)},
    {TEXT("text", NULL, 1, 4000, DRAHT_OPT_REQUIRED,
          "The words. {name}, {number} and {office} are filled in."),
     AT(text)},
};
#undef AT
#define AT(member) offsetof(struct config_calendar, member), 0
static const struct schema_key calendar_keys[] = {
    {TEXT("id", NULL, 1, 32, SCHEMA_ID | DRAHT_OPT_REQUIRED, "Short name: a-z, 0-9 and hyphen."),
     AT(id)},
    {TEXT("timezone", "Europe/Berlin", 1, 64, 0, "IANA name of a European time zone, or UTC."),
     AT(timezone)},
    {MANY("hours", "mo-fr 08:00-16:00", 64, 0,
          "Service hours, such as mo-fr 08:00-16:00 or sa 09:00-12:00."),
     offsetof(struct config_calendar, hours), offsetof(struct config_calendar, hours_n)},
    {MANY("holidays", "", 400, 0,
          "Dates such as 2026-12-24, or a German state (NW, BY, ...) for all its public holidays."),
     offsetof(struct config_calendar, holidays), offsetof(struct config_calendar, holidays_n)},
};
#undef AT
#define AT(member) offsetof(struct config_rule, member), 0
static const struct schema_key rule_keys[] = {
    {TEXT("name", NULL, 1, 100, DRAHT_OPT_REQUIRED, "What the rule is for."), AT(name)},
    {TEXT("channel", "", 0, 32, 0, "Only messages of this channel (its id)."), AT(channel)},
    {TEXT("recipient", "", 0, 320, 0,
          "Only messages to this address at the city; * stands for anything."),
     AT(recipient)},
    {TEXT("language", "", 0, 35, 0, "Only messages in this language."), AT(language)},
    {MANY("words", "", 100, 0, "Only messages with one of these words in subject or text."),
     offsetof(struct config_rule, words), offsetof(struct config_rule, words_n)},
    {TEXT("time", "", 0, 6, 0, "open or closed: only inside or outside of service hours."),
     AT(time)},
    {TEXT("queue", "", 0, 32, 0, "Office that gets the message."), AT(queue)},
    {TEXT("priority", "", 0, 6, 0, "low, normal, high or urgent."), AT(priority)},
    {MANY("tags", "", 20, 0, "Tags to add."), offsetof(struct config_rule, tags),
     offsetof(struct config_rule, tags_n)},
    {TEXT("acknowledge", "", 0, 64, 0,
          "none: no automatic acknowledgement. Otherwise the text to use, such as ack or "
          "out_of_hours."),
     AT(acknowledge)},
    {FLAG("stop", "false", 0, "Later rules are not asked."), AT(stop)},
};
#undef AT
#define AT(member) offsetof(struct config_channel, member), 0
static const struct schema_key channel_keys[] = {
    {TEXT("id", NULL, 1, 32, SCHEMA_ID | DRAHT_OPT_REQUIRED,
          "Short name, never changes: a-z, 0-9 and hyphen."),
     AT(id)},
    {TEXT("type", NULL, 1, 64, DRAHT_OPT_REQUIRED, "Kind of channel: webchat, email, exec, ..."),
     AT(type)},
    {FLAG("enabled", "true", 0, "false: the entry stays, the channel does not run."), AT(enabled)},
    {TEXT("queue", "", 0, 32, 0,
          "Office for its messages when no rule says otherwise. Empty: the first."),
     AT(queue)},
    {ONE_OF("in_doubt", "hold", "hold|resend", 0,
            "A send that a crash left undecided: hold it for staff, or send again."),
     AT(in_doubt)},
    {WHOLE("concurrency", "0", 0, 256, 0, "Sends at once. 0: what fits the type."),
     AT(concurrency)},
    {WHOLE("rate_per_minute", "0", 0, 60000, 0, "Most sends in a minute. 0: what fits the type."),
     AT(rate_per_minute)},
};

#define KEYS(rows) rows, sizeof rows / sizeof *rows
#define INTO(member) offsetof(struct config, member), offsetof(struct config, member##_n)
const struct schema_list schema_lists[] = {
    {"calendars", KEYS(calendar_keys), sizeof(struct config_calendar), INTO(calendars), 50,
     "Service hours and holidays."},
    {"queues", KEYS(queue_keys), sizeof(struct config_queue), INTO(queues), 500,
     "The offices that answer. The first gets what nobody else is in charge of."},
    {"rules", KEYS(rule_keys), sizeof(struct config_rule), INTO(rules), 1000,
     "Who gets which message; asked from the first to the last."},
    {"channels", KEYS(channel_keys), sizeof(struct config_channel), INTO(channels), 100,
     "The ways in and out. What a type needs stands under options:."},
    {"text_blocks", KEYS(block_keys), sizeof(struct config_block), INTO(text_blocks), 200,
     "Texts that staff put into replies."},
};
const int schema_lists_n = sizeof schema_lists / sizeof *schema_lists;

const char schema_default_lists[] =
    "calendars:\n"
    "  - id: standard\n"
    "    timezone: Europe/Berlin\n"
    "    hours: [mo-fr 08:00-16:00]\n"
    "    holidays: [NW, 2026-12-24, 2026-12-31]\n"
    "queues:\n"
    "  - id: buergerservice\n"
    "    name: Bürgerservice\n"
    "  - id: ordnungsamt\n"
    "    name: Ordnungsamt\n"
    "  - id: sozialamt\n"
    "    name: Sozialamt\n"
    "  - id: tiefbauamt\n"
    "    name: Tiefbauamt\n"
    "  - id: standesamt\n"
    "    name: Standesamt\n"
    "text_blocks:\n"
    "  - {id: thanks, name: Dank für den Hinweis, text: \"Vielen Dank für Ihren Hinweis. Wir "
    "kümmern "
    "uns darum.\"}\n"
    "  - {id: more, name: Rückfrage, text: \"Damit wir Ihre Anfrage {number} bearbeiten können, "
    "brauchen wir noch diese Angaben:\"}\n"
    "rules:\n"
    "  - {name: Eingang bestätigen, channel: mail, acknowledge: ack}\n"
    "channels:\n"
    "  - id: chat\n"
    "    type: webchat\n"
    "  - id: mail\n"
    "    type: email\n"
    "    options:\n"
    "      address: [\"buergerbuero@stadt.test\", \"@stadt.test\"]\n";

const struct schema_key *schema_find(const struct schema_key *keys, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(keys[i].row.name, name) == 0)
            return &keys[i];
    return NULL;
}

const struct schema_list *schema_find_list(const char *name) {
    for (int i = 0; i < schema_lists_n; i++)
        if (strcmp(schema_lists[i].name, name) == 0)
            return &schema_lists[i];
    return NULL;
}

#define NAME_MAX_BYTES 80
int schema_distance(const char *a, const char *b, int limit) {
    size_t n = strlen(a), m = strlen(b);
    int row[NAME_MAX_BYTES + 1];
    if (n > NAME_MAX_BYTES || m > NAME_MAX_BYTES)
        return limit + 1;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            int shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[m] > limit ? limit + 1 : row[m];
}
