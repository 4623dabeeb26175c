# SPDX-License-Identifier: EUPL-1.2
# Proves the arrows: a file includes only its own stratum and those below it.
# Usage: awk -f tools/lint-strata.awk FILE... ; prints every fault, exits 1 when there was one.
function stratum(path) {
    if (path ~ /^channels\/abi\//) return 0
    if (path ~ /^gateway\/base\//) return 1
    if (path ~ /^config\//) return 2
    if (path ~ /^gateway\/net\//) return 3
    if (path ~ /^router\//) return 4
    if (path ~ /^channels\//) return 5
    if (path ~ /^gateway\/api\//) return 6
    if (path ~ /^gateway\/[a-z_]+\.[ch]$/) return 7
    return -1
}
function fault(text) { print FILENAME ":" FNR ": " text; bad = 1 }
FNR == 1 {
    own = stratum(FILENAME)
    if (own < 0) fault("this folder has no stratum; add it to tools/lint-strata.awk and docs/architecture.md")
    if ($0 !~ /SPDX-License-Identifier: EUPL-1\.2/) fault("the first line must be the SPDX line")
}
/^#include "/ {
    split($0, part, "\"")
    to = stratum(part[2])
    if (to < 0) fault("include \"" part[2] "\" is not a path from the root in a known stratum")
    else if (to > own) fault("\"" part[2] "\" (stratum " to ") stands above this file (stratum " own ")")
}
# Each library behind its own door.
/^#include <libwebsockets/ && FILENAME !~ /^gateway\/net\/(http_server|http_internal|http_exchange|ws|lws)[a-z_]*\.[ch]$/ { fault("libwebsockets belongs to gateway/net/http_server and ws") }
/^#include <hiredis/ && FILENAME !~ /^gateway\/net\/redis[a-z_]*\.[ch]$/ { fault("hiredis belongs to gateway/net/redis") }
/^#include <curl/ && FILENAME !~ /^(gateway\/net\/(transfer|http_client|stream_client)|channels\/email\/)/ { fault("libcurl belongs to net/transfer, net/http_client, net/stream_client and the email transfers") }
/^#include <sodium/ && FILENAME !~ /^gateway\/base\/(crypto|id)/ { fault("libsodium belongs to base/crypto") }
/^#include <openssl/ && FILENAME !~ /^gateway\/base\/crypto/ { fault("libcrypto belongs to base/crypto") }
/^#include <jansson/ && FILENAME !~ /^gateway\/base\/json/ { fault("jansson belongs to base/json.h") }
/^#include <libfyaml/ && FILENAME !~ /^config\/(tree|locale)/ { fault("libfyaml belongs to config/tree.c") }
/^#include <gmime/ && FILENAME !~ /^channels\/email\// { fault("GMime belongs to channels/email") }
/draht:\{/ && FILENAME !~ /^router\/(store|functions)/ && FILENAME ~ /\.c$/ { fault("key names belong to router/store_redis.c") }
/(^|[^A-Z])(TODO|FIXME|XXX)([^A-Z]|$)/ { fault("a TODO needs an issue and a home") }
END { exit bad }
