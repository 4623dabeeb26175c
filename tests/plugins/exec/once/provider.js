// SPDX-License-Identifier: EUPL-1.2
'use strict';
// Plays the provider of a script that is run once for each reply: one JSON object a line with the kit, HTTP with the script.
const http = require('node:http');
const readline = require('node:readline');
const say = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
const answers = { sent: [200, '{"id":"out-1"}'], retry: [429, '{}'], rejected: [400, '{}'] };
let as = 'sent';
const server = http.createServer((q, a) => {
    let text = '';
    q.on('data', (c) => (text += c)).on('end', () => {
        say({ sent: { text: JSON.parse(text).text } });
        const [status, body] = answers[as];
        a.writeHead(status).end(body);
    });
});
readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const m = JSON.parse(line);
    if (m.do === 'start') server.listen(Number(new URL(m.options.url).port), '127.0.0.1', () => say({ ready: true }));
    else if (m.do === 'answer') {
        as = m.as;
        say({ ready: true });
    }
}).on('close', () => process.exit(0));
