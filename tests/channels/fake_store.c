/* SPDX-License-Identifier: EUPL-1.2 */
/* fake_store: what the host in memory takes in and keeps: messages, files, small state, tickets.
 * Included by fake_host.c. */
static void run_accept(struct fake_job *j) {
    const struct fake_message *m = &fake.messages[j->at];
    struct draht_accepted a = {.size = sizeof a,
                               .duplicate = j->duplicate,
                               .ticket = fake_span("2026-000001"),
                               .message = fake_span(m->message),
                               .thread_seq = m->seq,
                               .stored_ms = fake.now_ms};
    j->fn.accept(j->arg, j->status, j->status == 0 ? &a : NULL);
}

static uint64_t fake_head(const char *thread) {
    uint64_t head = 0;
    for (size_t i = 0; i < fake.messages_n; i++)
        if (strcmp(fake.messages[i].thread, thread) == 0 && fake.messages[i].seq > head)
            head = fake.messages[i].seq;
    return head;
}

static size_t fake_store(const char *external_id, const char *thread, const char *text, bool from_citizen) {
    struct fake_message *m = &fake.messages[fake.messages_n];
    m->external_id = xstrdup(external_id);
    m->thread = xstrdup(thread);
    m->text = xstrdup(text);
    m->from_citizen = from_citizen;
    m->seq = fake_head(thread) + 1;
    m->state = DRAHT_RECEIPT_SENT;
    snprintf(m->message, sizeof m->message, "2026-000001.%zu", fake.messages_n + 1);
    return fake.messages_n++;
}

static void f_accept(void *host, const struct draht_inbound *in, draht_accept_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_accept, arg);
    j->fn.accept = done;
    j->status = fake.accept_status;
    if (j->status)
        return;
    char *id = fake_dup(in->external_id), *thread = fake_dup(in->thread), *text = fake_dup(in->text);
    for (size_t i = 0; i < fake.messages_n && !j->duplicate; i++) {
        if (strcmp(fake.messages[i].external_id, id) == 0) {
            j->duplicate = 1;
            j->at = i;
        }
    }
    if (!j->duplicate) {
        j->at = fake_store(id, thread, text, true);
        fake.messages[j->at].sender = fake_dup(in->sender);
        fake.messages[j->at].is_system = (in->flags & DRAHT_IN_SYSTEM) != 0;
        fake.messages[j->at].files_n = in->attachments_n;
        fake.messages[j->at].seq = fake.messages[j->at].is_system ? 0 : fake.messages[j->at].seq;
    }
    free(id);
    free(thread);
    free(text);
}

static void f_receipt(void *host, const struct draht_receipt *r, draht_done_fn done, void *arg) {
    (void)host, (void)done, (void)arg;
    fake.receipts++;
    fake.last_receipt = r->state;
}
static void f_settle(struct draht_token *t, enum draht_verdict v, struct draht_span reason, uint64_t retry_ms) {
    (void)reason, (void)retry_ms;
    t->verdict = (int)v;
    t->settled_n++;
}

static void f_part_done(struct draht_token *t, uint32_t part, struct draht_span external_id) {
    (void)t, (void)part, (void)external_id;
}

static void run_history(struct fake_job *j) {
    struct draht_history_item items[200];
    size_t n = 0;
    for (uint64_t seq = j->after + 1; n < j->limit; seq++) {
        const struct fake_message *m = NULL;
        for (size_t i = 0; i < fake.messages_n && !m; i++)
            if (fake.messages[i].seq == seq && strcmp(fake.messages[i].thread, j->bytes.p) == 0)
                m = &fake.messages[i];
        if (!m)
            break;
        items[n++] = (struct draht_history_item){.size = sizeof *items,
                                                 .thread_seq = m->seq,
                                                 .from_citizen = m->from_citizen,
                                                 .message = fake_span(m->message),
                                                 .external_id = fake_span(m->external_id),
                                                 .text = fake_span(m->text),
                                                 .at_ms = fake.now_ms,
                                                 .state = m->state};
    }
    j->fn.history(j->arg, j->status, items, j->status < 0 ? 0 : n);
}
static void f_history(void *host, struct draht_span thread, uint64_t after, uint32_t limit, draht_history_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_history, arg);
    j->fn.history = done;
    j->after = after;
    j->limit = limit;
    j->status = fake.history_status;
    fake.histories++;
    buf_add(&j->bytes, thread.p, thread.n);
}
static void f_typing(void *host, struct draht_span thread, int on) {
    (void)host, (void)thread;
    fake.typings++;
    fake.last_typing = on;
}
static void f_tell(void *host, struct draht_span thread, struct draht_span word) {
    (void)host, (void)thread;
    fake.tells++;
    snprintf(fake.told, sizeof fake.told, "%.*s", (int)word.n, word.p);
}
static void f_files(void *host, const struct draht_files *f) {
    (void)host;
    fake.files[0] = 0;
    for (size_t i = 0; i < f->kinds_n; i++)
        snprintf(fake.files + strlen(fake.files), sizeof fake.files - strlen(fake.files), "%.*s=%llu;", (int)f->kinds[i].types.n, f->kinds[i].types.p,
                 (unsigned long long)f->kinds[i].bytes_max);
}
static void f_text(void *host, const struct draht_text *t) {
    (void)host;
    fake.text = *t;
}
static void f_watch(void *host, struct draht_span thread, int is_on) {
    (void)host, (void)thread;
    fake.watches += is_on ? 1 : -1;
}
static void f_watch_place(void *host, struct draht_span thread, int is_on) {
    (void)host, (void)thread;
    fake.places += is_on ? 1 : -1;
}
static void f_read_mark(void *host, struct draht_span thread, uint64_t seq) {
    (void)host, (void)thread;
    fake.read_marks++;
    fake.last_read_mark = seq;
}
static void run_blob(struct fake_job *j) {
    j->fn.blob(j->arg, j->status, (struct draht_span){j->bytes.p, j->bytes.n});
}
static void f_blob_put(void *host, struct draht_span bytes, draht_blob_fn done, void *arg) {
    (void)host;
    buf_add(&fake.blobs[fake.blobs_n], bytes.p, bytes.n);
    struct fake_job *j = fake_later(run_blob, arg);
    j->fn.blob = done;
    buf_addf(&j->bytes, "blob%zu", fake.blobs_n++);
}
static void f_blob_get(void *host, struct draht_span blob, draht_blob_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_blob, arg);
    size_t i = blob.n == 5 ? (size_t)(blob.p[4] - '0') : FAKE_MAX;
    j->fn.blob = done;
    if (i < fake.blobs_n)
        buf_add(&j->bytes, fake.blobs[i].p, fake.blobs[i].n);
    else
        j->status = DRAHT_E_REJECTED;
}
static void run_scan(struct fake_job *j) {
    j->fn.scan(j->arg, j->status, j->status > 0 ? fake_span("Eicar-Test-Signature") : (struct draht_span){0});
}
static void f_scan(void *host, struct draht_span bytes, draht_scan_fn done, void *arg) {
    (void)host, (void)bytes;
    struct fake_job *j = fake_later(run_scan, arg);
    j->fn.scan = done;
    j->status = fake.scan_status;
    fake.scans++;
}
static void run_done(struct fake_job *j) {
    if (j->fn.done)
        j->fn.done(j->arg, j->status);
}
static void run_state(struct fake_job *j) {
    j->fn.state(j->arg, j->status, j->has_bytes ? (struct draht_span){j->bytes.p, j->bytes.n} : (struct draht_span){0});
}
static void f_state_set(void *host, struct draht_span key, struct draht_span value, uint64_t ttl, draht_done_fn done, void *arg) {
    (void)host, (void)ttl;
    size_t i = 0;
    while (i < fake.states_n && !(strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0))
        i++;
    if (i == fake.states_n)
        fake.states[fake.states_n++].key = fake_dup(key);
    free(fake.states[i].value);
    fake.states[i].value = fake_dup(value);
    fake.state_sets++;
    fake_later(run_done, arg)->fn.done = done;
}
static void f_state_get(void *host, struct draht_span key, draht_state_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_state, arg);
    j->fn.state = done;
    for (size_t i = 0; i < fake.states_n; i++) {
        if (strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0) {
            buf_adds(&j->bytes, fake.states[i].value);
            j->has_bytes = true;
        }
    }
}
static void f_state_del(void *host, struct draht_span key, draht_done_fn done, void *arg) {
    (void)host;
    for (size_t i = 0; i < fake.states_n; i++) {
        if (strlen(fake.states[i].key) != key.n || memcmp(fake.states[i].key, key.p, key.n) != 0)
            continue;
        free(fake.states[i].key);
        free(fake.states[i].value);
        fake.states[i] = fake.states[--fake.states_n];
        memset(&fake.states[fake.states_n], 0, sizeof fake.states[0]);
        break;
    }
    fake_later(run_done, arg)->fn.done = done;
}
/* One index, whatever its name: each state may have a score in it. */
static void f_state_rank(void *host, struct draht_span index, struct draht_span key, int64_t score, int64_t cut, draht_done_fn done, void *arg) {
    (void)host, (void)index;
    for (size_t i = 0; i < fake.states_n; i++) {
        if (strlen(fake.states[i].key) == key.n && memcmp(fake.states[i].key, key.p, key.n) == 0)
            fake.states[i].score = score;
        if (fake.states[i].score < cut)
            fake.states[i].score = 0;
    }
    fake_later(run_done, arg)->fn.done = done;
}
static void run_ranked(struct fake_job *j) {
    struct draht_span values[200];
    size_t n = 0;
    for (int64_t top = fake.ranked_max; n < j->limit;) {
        int64_t best = -1;
        for (size_t i = 0; i < fake.states_n; i++)
            if (fake.states[i].score > best && fake.states[i].score <= top)
                best = fake.states[i].score;
        if (best < fake.ranked_min || best <= 0)
            break;
        for (size_t i = fake.states_n; i > 0 && n < j->limit; i--)
            if (fake.states[i - 1].score == best)
                values[n++] = fake_span(fake.states[i - 1].value);
        top = best - 1;
    }
    j->fn.ranked(j->arg, 0, values, n);
}
static void f_state_ranked(void *host, struct draht_span index, int64_t min, int64_t max, uint32_t skip, uint32_t limit, draht_ranked_fn done,
                           void *arg) {
    (void)host, (void)index;
    fake.ranked_min = min;
    fake.ranked_max = max;
    struct fake_job *j = fake_later(run_ranked, arg);
    j->fn.ranked = done;
    j->limit = skip ? 0 : limit;
}
static void run_tickets(struct fake_job *j) {
    struct draht_ticket all[200];
    struct span rest = {j->bytes.p, j->bytes.n};
    size_t n = 0;
    for (; rest.p && rest.n; n++) {
        struct span one = span_cut(&rest, ',');
        all[n] = (struct draht_ticket){.size = sizeof *all,
                                       .number = {one.p, one.n},
                                       .tags = fake_span(fake.tags),
                                       .is_closed = fake.is_closed,
                                       .is_erased = fake.is_erased,
                                       .updated_ms = fake.updated_ms ? fake.updated_ms : fake.now_ms};
    }
    j->fn.tickets(j->arg, 0, all, n);
}
static void f_tickets(void *host, const struct draht_span *numbers, size_t n, draht_tickets_fn done, void *arg) {
    (void)host;
    struct fake_job *j = fake_later(run_tickets, arg);
    j->fn.tickets = done;
    for (size_t i = 0; i < n; i++)
        buf_addf(&j->bytes, "%s%.*s", i ? "," : "", (int)numbers[i].n, numbers[i].p);
}
