/* SPDX-License-Identifier: EUPL-1.2 */
/* definition: the services of the configuration, checked once, as GeoReport describes them. */
#include "channels/open311/open311_private.h"

enum { CODE_BYTES_MAX = 64, TEXT_BYTES_MAX = 2000 };

static const char *const datatypes[] = {"string",          "number",         "datetime", "text",
                                        "singlevaluelist", "multivaluelist", NULL};
static const char *const types[] = {"realtime", "batch", "blackbox", NULL};
static const char *const service_keys[] = {"code",       "name", "description", "group",
                                           "keywords",   "type", "notice",      "agency",
                                           "attributes", NULL};
static const char *const attribute_keys[] = {
    "code", "description", "datatype", "required", "datatype_description", "values", NULL};
static const char *const value_keys[] = {"key", "name", NULL};

static bool listed(const char *s, const char *const *list) {
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

/* Codes stand in addresses and in names of parameters. */
static bool code_sound(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:");
    return n > 0 && n <= CODE_BYTES_MAX && !s[n];
}

static bool keys_sound(const json_t *map, const char *const *keys, const char *where, char *err) {
    const char *key;
    json_t *v;
    if (!json_is_object(map)) {
        snprintf(err, 256, "%s: must be a section with keys of its own.", where);
        return false;
    }
    json_object_foreach((json_t *)map, key, v) {
        if (!listed(key, keys)) {
            snprintf(err, 256, "%s: unknown key %.60s.", where, key);
            return false;
        }
        if (json_is_string(v) && strlen(json_string_value(v)) > TEXT_BYTES_MAX) {
            snprintf(err, 256, "%s: %.60s is too long.", where, key);
            return false;
        }
    }
    return true;
}

static bool values_sound(const json_t *values, const char *where, char *err) {
    if (json_array_size(values) == 0 || json_array_size(values) > GEO_VALUES_MAX) {
        snprintf(err, 256, "%s: a list needs 1 to %d values.", where, GEO_VALUES_MAX);
        return false;
    }
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i);
        if (!keys_sound(v, value_keys, where, err))
            return false;
        if (!*json_str(v, "key", "") || !*json_str(v, "name", "")) {
            snprintf(err, 256, "%s: each value needs key and name.", where);
            return false;
        }
    }
    return true;
}

static bool is_list(const char *datatype) {
    return strstr(datatype, "valuelist") != NULL;
}

static bool attribute_sound(const json_t *a, const char *service, char *err) {
    char where[160];
    snprintf(where, sizeof where, "services, %.60s, attribute %.60s", service,
             json_str(a, "code", "?"));
    if (!keys_sound(a, attribute_keys, where, err))
        return false;
    const char *datatype = json_str(a, "datatype", "string"),
               *required = json_str(a, "required", "false");
    if (!code_sound(json_str(a, "code", "")))
        snprintf(err, 256, "%s: code must be 1 to 64 letters, digits or _-.:", where);
    else if (!*json_str(a, "description", ""))
        snprintf(err, 256, "%s: description is missing; it is the question that people read.",
                 where);
    else if (!listed(datatype, datatypes))
        snprintf(err, 256, "%s: datatype \"%.40s\" is none of GeoReport v2.", where, datatype);
    else if (strcmp(required, "true") && strcmp(required, "false"))
        snprintf(err, 256, "%s: required must be true or false.", where);
    else if (is_list(datatype))
        return values_sound(json_object_get(a, "values"), where, err);
    else
        return true;
    return false;
}

static bool service_sound(const json_t *s, char *err) {
    char where[100];
    const char *code = json_str(s, "code", "");
    snprintf(where, sizeof where, "services, %.60s", *code ? code : "?");
    const json_t *all = json_object_get(s, "attributes");
    if (!keys_sound(s, service_keys, where, err))
        return false;
    if (!code_sound(code) || !*json_str(s, "name", "") ||
        !listed(json_str(s, "type", "realtime"), types)) {
        snprintf(err, 256,
                 "%s: needs code (letters, digits, _-.:), name, and type realtime, batch or "
                 "blackbox.",
                 where);
        return false;
    }
    if (all && (!json_is_array(all) || json_array_size(all) > GEO_ATTRIBUTES_MAX)) {
        snprintf(err, 256, "%s: attributes must be a list of at most %d.", where,
                 GEO_ATTRIBUTES_MAX);
        return false;
    }
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *a = json_array_get(all, i);
        if (!attribute_sound(a, code, err))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(json_str(json_array_get(all, k), "code", ""), json_str(a, "code", "")) ==
                0) {
                snprintf(err, 256, "%s: two attributes have the same code.", where);
                return false;
            }
        }
    }
    return true;
}

json_t *geo_services_read(const json_t *given, char err[256]) {
    size_t n = json_array_size(given);
    if (!json_is_array(given) || n == 0 || n > GEO_SERVICES_MAX) {
        snprintf(err, 256, "services: a list of 1 to %d services is needed.", GEO_SERVICES_MAX);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *s = json_array_get(given, i);
        if (!service_sound(s, err))
            return NULL;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(json_str(json_array_get(given, k), "code", ""), json_str(s, "code", "")) ==
                0) {
                snprintf(err, 256, "services: the code %.60s stands there twice.",
                         json_str(s, "code", ""));
                return NULL;
            }
        }
    }
    return json_deep_copy(given);
}

const json_t *geo_service(const struct open311 *g, const char *code) {
    for (size_t i = 0; i < json_array_size(g->services); i++) {
        const json_t *s = json_array_get(g->services, i);
        if (strcmp(json_str(s, "code", ""), code) == 0)
            return s;
    }
    return NULL;
}

json_t *geo_service_row(const json_t *s) {
    json_t *o = json_object();
    json_puts(o, "service_code", json_str(s, "code", ""));
    json_puts(o, "service_name", json_str(s, "name", ""));
    json_puts(o, "description", json_str(s, "description", ""));
    json_object_set_new(o, "metadata",
                        json_boolean(json_array_size(json_object_get(s, "attributes")) > 0));
    json_puts(o, "type", json_str(s, "type", "realtime"));
    json_puts(o, "keywords", json_str(s, "keywords", ""));
    json_puts(o, "group", json_str(s, "group", ""));
    return o;
}

static json_t *attribute(const json_t *a, size_t order) {
    json_t *o = json_object();
    const char *datatype = json_str(a, "datatype", "string");
    json_object_set_new(o, "variable", json_true());
    json_puts(o, "code", json_str(a, "code", ""));
    json_puts(o, "datatype", datatype);
    json_object_set_new(o, "required",
                        json_boolean(strcmp(json_str(a, "required", "false"), "true") == 0));
    json_puts(o, "datatype_description", json_str(a, "datatype_description", NULL));
    json_puti(o, "order", (int64_t)order);
    json_puts(o, "description", json_str(a, "description", ""));
    if (is_list(datatype))
        json_object_set(o, "values", json_object_get(a, "values"));
    return o;
}

json_t *geo_service_definition(const json_t *s) {
    const json_t *all = json_object_get(s, "attributes");
    json_t *o = json_object(), *list = json_array();
    json_puts(o, "service_code", json_str(s, "code", ""));
    for (size_t i = 0; i < json_array_size(all); i++)
        json_array_append_new(list, attribute(json_array_get(all, i), i + 1));
    json_object_set_new(o, "attributes", list);
    return o;
}
