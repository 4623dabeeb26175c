/* SPDX-License-Identifier: EUPL-1.2 */
/* form_page: the HTML of the form. All words come from the locale files, all citizens' text is
 * escaped. */
#include "channels/webchat/webchat_private.h"

static void say(struct webchat *wc, struct arena *a, struct buf *b, const char *lang,
                const char *key) {
    kit_html(b, span_str(chat_text(wc, a, lang, key, key)));
}

/* The same with {name} replaced by value. */
static void say_with(struct webchat *wc, struct arena *a, struct buf *b, const char *lang,
                     const char *key, const char *name, const char *value) {
    const char *text = chat_text(wc, a, lang, key, key);
    const char *mark = arena_printf(a, "{%s}", name);
    const char *at = strstr(text, mark);
    kit_html(b, (struct span){text, at ? (size_t)(at - text) : strlen(text)});
    if (!at)
        return;
    kit_html(b, span_str(value));
    kit_html(b, span_str(at + strlen(mark)));
}

void form_headers(struct webchat *wc, struct draht_http *x) {
    wc->h->http_set_header(x, "content-security-policy",
                           "default-src 'none'; style-src 'self'; form-action 'self'; base-uri "
                           "'none'; frame-ancestors 'self'");
}

static void page_begin(struct webchat *wc, struct arena *a, struct buf *b, const char *lang,
                       const char *title) {
    const char *html_lang = strncmp(lang, "de", 2) == 0 ? "de" : lang;
    buf_addf(b, "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\"><title>",
             html_lang);
    say(wc, a, b, lang, title);
    buf_addf(b,
             "</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
             "<link rel=\"stylesheet\" href=\"/channels/%s/form.css\"></head><body><main><h1>",
             wc->id);
    say(wc, a, b, lang, title);
    buf_adds(b, "</h1>");
}

static void page_end(struct webchat *wc, struct arena *a, struct buf *b, const char *lang) {
    const char *const links[][2] = {{"privacy.url", "form.privacy"},
                                    {"accessibility.url", "form.accessibility"},
                                    {"imprint.url", "form.imprint"}};
    buf_adds(b, "</main><footer>");
    for (size_t i = 0; i < 3; i++) {
        const char *url = chat_fact(wc, a, links[i][0]);
        if (!url)
            continue;
        buf_adds(b, "<a href=\"");
        kit_html(b, span_str(url));
        buf_adds(b, "\">");
        say(wc, a, b, lang, links[i][1]);
        buf_adds(b, "</a> ");
    }
    const char *phone = chat_fact(wc, a, "city.phone");
    if (phone) {
        buf_adds(b, "<p>");
        say_with(wc, a, b, lang, "form.phone", "phone", phone);
        buf_adds(b, "</p>");
    }
    buf_adds(b, "</footer></body></html>");
}

static void languages(struct webchat *wc, struct arena *a, struct buf *b, const char *lang) {
    struct span rest = span_str(wc->o.languages);
    buf_adds(b, "<p><label for=\"language\">");
    say(wc, a, b, lang, "form.language");
    buf_adds(b, "</label><select id=\"language\" name=\"language\">");
    while (rest.p && rest.n) {
        struct span one = span_cut(&rest, ' ');
        if (!one.n)
            continue;
        const char *code = arena_strndup(a, one.p, one.n);
        buf_adds(b, "<option value=\"");
        kit_html(b, one);
        buf_addf(b, "\"%s>", strcmp(code, lang) == 0 ? " selected" : "");
        say(wc, a, b, lang, arena_printf(a, "form.language_%s", code));
        buf_adds(b, "</option>");
    }
    buf_adds(b, "</select></p>");
}

static void hidden(struct webchat *wc, struct buf *b) {
    uint8_t id[CHAT_ID_BYTES];
    wc->h->random(id, sizeof id);
    buf_adds(b, "<input type=\"hidden\" name=\"ticket\" value=\"");
    ticket_make(wc, 'n', (struct span){(const char *)id, sizeof id}, b);
    buf_adds(b, "\">");
}

void form_page(struct webchat *wc, struct arena *a, const struct form_view *v, struct buf *b) {
    page_begin(wc, a, b, v->lang, "form.title");
    if (v->fault) {
        buf_adds(b, "<p class=\"fault\" role=\"alert\" id=\"fault\">");
        say_with(wc, a, b, v->lang, v->fault, "max", arena_printf(a, "%d", wc->o.text_max));
        buf_adds(b, "</p>");
    }
    buf_adds(b, "<p>");
    say(wc, a, b, v->lang, "form.intro");
    buf_addf(b, "</p><form method=\"post\" action=\"/channels/%s/form\"><p><label for=\"message\">",
             wc->id);
    say(wc, a, b, v->lang, "form.text");
    buf_addf(b,
             "</label><textarea id=\"message\" name=\"message\" rows=\"8\" required "
             "maxlength=\"%d\"%s>\n",
             wc->o.text_max, v->fault ? " aria-describedby=\"fault\"" : "");
    kit_html(b, v->message);
    buf_adds(b, "</textarea></p><p><label for=\"email\">");
    say(wc, a, b, v->lang, "form.email");
    buf_adds(b, "</label><input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" "
                "value=\"");
    kit_html(b, v->email);
    buf_adds(b, "\"></p>");
    languages(wc, a, b, v->lang);
    buf_adds(b, "<p class=\"trap\" aria-hidden=\"true\"><label for=\"website\">Website</label>"
                "<input id=\"website\" name=\"website\" tabindex=\"-1\" autocomplete=\"off\"></p>");
    hidden(wc, b);
    buf_adds(b, "<p><button type=\"submit\">");
    say(wc, a, b, v->lang, "form.send");
    buf_adds(b, "</button></p></form>");
    page_end(wc, a, b, v->lang);
}

void form_done_page(struct webchat *wc, struct arena *a, const char *lang, const struct chat *c,
                    struct buf *b) {
    page_begin(wc, a, b, lang, "form.title");
    buf_adds(b, "<p role=\"status\"><strong>");
    say_with(wc, a, b, lang, "form.done", "number", c->number);
    buf_adds(b, "</strong></p>");
    buf_adds(b, "<p>");
    say(wc, a, b, lang, "form.done_hint");
    buf_adds(b, "</p><p><a href=\"");
    status_path(wc, c, b);
    buf_adds(b, "?lang=");
    kit_html(b, span_str(lang));
    buf_adds(b, "\">");
    say(wc, a, b, lang, "form.status_link");
    buf_adds(b, "</a></p>");
    page_end(wc, a, b, lang);
}

static void row(struct webchat *wc, struct arena *a, struct buf *b, const char *lang,
                const struct draht_history_item *x) {
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(x->at_ms, at);
    buf_addf(b, "<li class=\"%s\"><p class=\"who\">", x->from_citizen ? "me" : "city");
    if (!x->from_citizen && x->sender_name.n)
        kit_html(b, kit_in(x->sender_name));
    else
        say(wc, a, b, lang, x->from_citizen ? "form.status_you" : "form.status_city");
    buf_addf(b, " <time datetime=\"%s\">%.10s %.5s UTC</time></p><p class=\"text\">", at, at,
             at + 11);
    kit_html(b, kit_in(x->text));
    buf_adds(b, "</p></li>");
}

void form_status_page(struct webchat *wc, struct arena *a, const char *lang,
                      const struct draht_history_item *items, size_t n, struct buf *b) {
    bool answered = false;
    page_begin(wc, a, b, lang, "form.status_title");
    buf_adds(b, "<ol>");
    for (size_t i = 0; i < n; i++) {
        answered = answered || !items[i].from_citizen;
        row(wc, a, b, lang, &items[i]);
    }
    buf_adds(b, "</ol>");
    if (!answered) {
        buf_adds(b, "<p>");
        say(wc, a, b, lang, "form.status_waiting");
        buf_adds(b, "</p>");
    }
    page_end(wc, a, b, lang);
}

void form_confirm_page(struct webchat *wc, struct arena *a, const char *lang, const char *words,
                       bool with_button, struct buf *b) {
    page_begin(wc, a, b, lang, "webchat.confirm_title");
    buf_addf(b, "<p%s>", with_button ? "" : " role=\"status\"");
    say(wc, a, b, lang, words);
    buf_adds(b, "</p>");
    if (with_button) {
        buf_adds(b, "<form method=\"post\"><p><button type=\"submit\">");
        say(wc, a, b, lang, "webchat.confirm_button");
        buf_adds(b, "</button></p></form>");
    }
    page_end(wc, a, b, lang);
}

void form_css(struct webchat *wc, struct buf *b) {
    const struct chat_options *o = &wc->o;
    buf_adds(b, "*{box-sizing:border-box}body{margin:0;font:1.125rem/1.5 "
                "system-ui,sans-serif;color:#1a1a1a;background:#fff}"
                "main,footer{max-width:40rem;margin:0 "
                "auto;padding:1rem}label{display:block;font-weight:600}"
                "textarea,input,select{width:100%;font:inherit;padding:.5rem;border:1px solid "
                "#595959;border-radius:4px}"
                ".trap{position:absolute;left:-100vw}.fault{border-left:4px solid "
                "#b00020;padding:.5rem 1rem}"
                "ol{list-style:none;padding:0}li{border:1px solid "
                "#767676;border-radius:4px;padding:.5rem 1rem;margin:.5rem 0}"
                ".text{white-space:pre-wrap;overflow-wrap:anywhere}.who{font-weight:600;margin:0}");
    buf_addf(b,
             ".me{background:%s}button{font:inherit;min-height:44px;padding:.5rem "
             "1.5rem;border:0;border-radius:4px;"
             "background:%s;color:%s}button:hover{background:%s}:focus-visible{outline:3px solid "
             "%s;outline-offset:2px}"
             "a{color:%s}",
             o->color_action_soft, o->color_action, o->color_on_action, o->color_action_hover,
             o->color_action, o->color_action);
}
