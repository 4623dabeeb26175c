#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# pigeon: a channel for a provider that speaks JSON over HTTP, as a shell script with jq. The provider posts messages to
# /channels/<id>/in and reports to /channels/<id>/report; replies are posted to the setting "url". Draht speaks with this
# program over its standard input and output, one JSON object a line (docs/channel-wire.md). Our own requests carry in
# their id what they are for, so nothing has to be remembered: "in:7" is the message of Draht's http request 7.
set -u

manifest='{"name":"pigeon","version":"1.0","protocol":1,"caps":["idempotent","delivered","read"],"concurrency":4,"options":[
  {"name":"url","type":"string","required":true,"help":"Where replies are posted: http:// or https://."},
  {"name":"secret","type":"string","required":true,"secret":true,"help":"Bearer token, both ways; 8 characters or more."}]}'
url='' secret='' under_way=0 shutdown_id=''

# One member of the line as text; nothing when it is not there.
get() {
    printf '%s\n' "$line" | jq -r "$1 // empty | if type == \"string\" then . else tojson end"
}

# short: text of at most 200 characters, or nothing. clean: without control characters; line breaks stay.
defs='def short: if type == "string" and length <= 200 then . else "" end;
      def clean: explode | map(select(. >= 32 or . == 10 or . == 9)) | implode;'

# Writes the line that the jq program $1 makes of the line that came in; more words are jq's options. The secret is no
# word, because everyone on the machine can read those: it is in jq's environment.
say() {
    program=$1
    shift
    printf '%s\n' "$line" | SECRET=$secret jq -c "$@" "$defs ($program) | {jsonrpc: \"2.0\"} + ."
}

# Hashes are compared, so the time says nothing about the secret.
is_authorized() {
    given=$(get '.params.headers.authorization' | sha256sum)
    [ "$given" = "$(printf '%s\n' "Bearer $secret" | sha256sum)" ]
}

http_answer() { # status, text
    say '{id: .id, result: {status: $status, body: $text}}' --argjson status "$1" --arg text "$2"
}

take_in() {
    under_way=$((under_way + 1))
    say '(.params.body | fromjson) as $m |
        {id: "in:\(.id)", method: "inbound", params: {external_id: $m.id, sender: $m.from, thread: $m.from,
         sender_name: ($m.name | short | clean), text: ($m.text | if type == "string" then . else "" end | clean)}}'
}

report() {
    say '(.params.body | fromjson) as $m | {method: "receipt", params: {external_id: $m.id, state: $m.state}}'
    http_answer 200 noted
}

on_http() {
    kind=$(printf '%s\n' "$line" | jq -r "$defs"'(.params.body | fromjson? | objects) as $m | ($m.id | short) as $id |
        if .params.path | endswith("/report")
        then (if $id != "" and ($m.state | IN("delivered", "read", "failed")) then "report" else "incomplete" end)
        else (if $id != "" and ($m.from | short) != "" then "message" else "incomplete" end) end')
    if ! is_authorized; then
        http_answer 401 'wrong token'
    elif [ "$kind" = message ]; then
        take_in
    elif [ "$kind" = report ]; then
        report
    else
        http_answer 400 'the body is one JSON object with id and from, or id and state'
    fi
}

# Only now the provider gets its yes: before, the message would be lost when we crash.
on_stored() { # Draht's id of the http request
    say '{id: $id, result: (if .result then {status: 200, body: "stored"}
         elif .error.code == -32002 then {status: 422, body: "this message is not accepted"}
         else {status: 503, body: "try again later"} end)}' --argjson id "$1"
    under_way=$((under_way - 1))
}

on_send() {
    under_way=$((under_way + 1))
    say '{id: "out:\(.id)", method: "http.request", params: {method: "POST", url: $url,
         headers: {"content-type": "application/json", authorization: "Bearer \(env.SECRET)"},
         body: ({message: .params.message, to: (.params.recipient // ""), text: (.params.text // "")} | tojson)}}' \
        --arg url "$url"
}

# The message id went along, so the provider knows a repetition: the cap "idempotent". A provider that does not look at it
# needs the verdict "in_doubt" for an error, and that cap taken away.
on_answer() { # Draht's id of the send
    say '(.result.status // 599) as $status | ((.result.body // "" | fromjson? | objects) // {}) as $said |
        {id: $id, result: (
         if $status == 429 or $status >= 500 then {verdict: "retry", reason: "The provider cannot take it right now."}
           + (if (.result.retry_after_ms // -1) > 0 then {retry_ms: .result.retry_after_ms} else {} end)
         elif $status < 300 then {verdict: "sent", external_id: ($said.id | short)}
         elif $status == 401 or $status == 403 then {verdict: "misconfigured", reason: "The provider refuses our token."}
         else {verdict: "rejected", reason: (($said.error | short) | if . == "" then "The provider refused the message." else . end)}
         end)}' --argjson id "$1"
    under_way=$((under_way - 1))
}

on_init() {
    url=$(get .params.settings.url) secret=$(get .params.settings.secret)
    case $url in
        http://* | https://*) ;;
        *) say '{id: .id, error: {code: -32602, message: "url: does not begin with http:// or https://."}}'; return ;;
    esac
    if [ "${#secret}" -lt 8 ]; then
        say '{id: .id, error: {code: -32602, message: "secret: needs 8 characters or more."}}'
        return
    fi
    for path in /in /report; do
        say '{method: "http.route", params: {methods: "POST", path: $path, body_max: 65536, headers: ["authorization"]}}' --arg path $path
    done
    say '{id: .id, result: {}}' # ready: its routes are there
}

# What is under way may finish; then the program ends.
end_when_idle() {
    if [ -n "$shutdown_id" ] && [ "$under_way" -eq 0 ]; then
        line='{}'
        say '{id: $id, result: {}}' --argjson id "$shutdown_id"
        exit 0
    fi
}

while IFS= read -r line; do
    id=$(get .id)
    case $(get .method) in
        draht.manifest) say '{id: .id, result: $manifest}' --argjson manifest "$manifest" ;;
        draht.init) on_init ;;
        http) on_http ;;
        send) on_send ;;
        shutdown) shutdown_id=$id ;;
        '') case $id in
            in:*) on_stored "${id#in:}" ;;
            out:*) on_answer "${id#out:}" ;;
        esac ;;
        *) [ -z "$id" ] || say '{id: .id, error: {code: -32601, message: "no such method"}}' ;;
    esac
    end_when_idle
done
