// SPDX-License-Identifier: EUPL-1.2
// Channels whose messages come neither by a request of their peer nor are asked for: chats, mail, XMPP. Each row has yaml (the chat and
// the mailbox are there always) and send(gateway, first, n, text), which returns when all are acknowledged.
'use strict';
const path = require('node:path');
const { Chat } = require('../lib/chat');
const { ROOT } = require('../lib/gateway');
const { run, until } = require('../lib/process');
const { Prosody, Citizen } = require('../lib/xmpp');
const { accepted, channel_up } = require('./tools');

const webchat = {
    name: 'webchat',
    yaml: '',
    async send(gateway, first, n, text) {
        this.chat ??= await new Chat(gateway.port).connect(120000);
        for (let i = first; i < first + n; i++) await this.chat.say(text(i), `m${i}`, 120000);
    },
    stop() {
        this.chat?.close();
        this.chat = undefined;
    },
};

/** Mails of 4 KB, each over a connection of its own, as most relays do. */
const email = {
    name: 'email',
    yaml: '',
    async send(gateway, first, n) {
        const r = await run('smtp-source', ['-L', '-s', '20', '-m', String(n), '-l', '4096', '-f', 'last@buerger.test', '-t', 'buergerbuero@stadt.test', `127.0.0.1:${gateway.lmtp}`]);
        if (r.code !== 0) throw new Error(`smtp-source: ${r.out}`);
    },
};

/** One citizen at a Prosody of our own; draht-xmpp is the program in between. */
const xmpp = {
    name: 'xmpp',
    has_program: true,
    async start() {
        this.prosody = await new Prosody().start();
        this.citizen = await new Citizen(this.prosody.c2s).connect();
        this.yaml = `  - id: xmpp
    type: exec
    queue: buergerbuero
    options:
      command: [${path.join(ROOT, 'channels', 'xmpp', 'draht-xmpp')}]
      settings: {port: ${this.prosody.component}, domain: amt.lab.test, secret: geheim-4711}
`;
    },
    ready: (gateway) => channel_up(gateway, 'xmpp'),
    async send(gateway, first, n, text) {
        const before = await accepted(gateway);
        for (let i = first; i < first + n; i++) this.citizen.send(`<message to='buergerbuero@amt.lab.test' type='chat' id='m${Date.now()}.${i}'><body>${text(i)}</body></message>`);
        await until(`${n} messages by XMPP`, async () => (await accepted(gateway)) - before >= n, 120000);
    },
    async stop() {
        this.citizen?.close();
        await this.prosody?.close();
    },
};

module.exports = { webchat, email, xmpp };
