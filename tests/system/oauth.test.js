// SPDX-License-Identifier: EUPL-1.2
// Promise: a mailbox and a relay that want access tokens (XOAUTH2, OAUTHBEARER; a real Dovecot checks them) are entered
// without a password; tokens are renewed once when refused, never in a storm; new settings take effect without a restart.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { randomUUID } = require('node:crypto');
const { Gateway } = require('../lib/gateway');
const { Dovecot, Postfix, swaks } = require('../lib/mail');
const { FakeOauth } = require('../lib/fake-oauth');
const { until, freePort } = require('../lib/process');

const BOX = 'buergerbuero@stadt.test';
let citizens, postfix, server, oauth, gateway;

const options = (more) => [`imap_url: "imaps://localhost:${server.imaps}"`, `imap_user: ${BOX}`, `relay: "localhost:${server.submission}"`, 'relay_tls: starttls', `relay_user: ${BOX}`,
    `relay_ca: ${server.ca}`, 'imap_poll_s: 3600', `oauth_token_url: "http://127.0.0.1:${oauth.port}/token"`, 'oauth_client_id: draht', ...more].map((l) => `      ${l}`).join('\n');

before(async () => {
    citizens = await new Dovecot().start();
    postfix = await new Postfix().start(await freePort(), citizens.lmtp);
    oauth = await new FakeOauth().start();
    oauth.rotate = true;
    server = await new Dovecot().start(postfix.smtp, oauth.port);
    gateway = await new Gateway({ mail: options(['oauth_refresh_token: refresh-0']) }).start();
    await gateway.login();
}, { timeout: 90000 });

after(async () => {
    await gateway?.close();
    await server?.close();
    await oauth?.close();
    await postfix?.close();
    await citizens?.close();
});

async function arrives(subject) {
    const sent = await swaks(server.lmtp, { protocol: 'LMTP', from: 'jana@buerger.test', to: BOX, subject });
    assert.equal(sent.code, 0, sent.out);
    return until(`a ticket ${subject}`, async () => (await gateway.api('GET', '/tickets?view=all&limit=200')).tickets.find((t) => t.subject === subject), 60000);
}
const answer = (number, text) => gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text, attachments: [], client_id: randomUUID() }, 202);
const delivery = async (m) => (await gateway.api('GET', `/tickets/${m.id.split('.')[0]}`)).items.find((i) => i.id === m.id).delivery;
const becomes = (m, state) => until(`${m.id} to be ${state}`, async () => {
    const d = await delivery(m);
    if (d.state !== state) throw new Error(JSON.stringify(d));
    return d;
}, 60000);
const channel = async () => (await gateway.api('GET', '/settings')).channels.find((c) => c.id === 'mail');

test('in by IMAP; a token that was revoked is replaced once, and the reply goes out in its first attempt', { timeout: 90000 }, async () => {
    const t = await arrives('Widerrufen');
    assert.equal(oauth.granted, 1);
    oauth.revoke();
    const d = await becomes(await answer(t.number, 'Trotzdem.'), 'sent');
    assert.equal(d.attempt, 1);
    assert.equal(oauth.granted, 2);
    await until('the mail', () => citizens.mails('jana@buerger.test').some((x) => x.includes('Re: Widerrufen')), 30000);
    assert.match(server.process.output, /submission-login: Info: Login: user=<buergerbuero@stadt\.test>, method=(XOAUTH2|OAUTHBEARER)/);
    assert.match(server.process.output, /imap-login: Info: Login: user=<buergerbuero@stadt\.test>, method=(XOAUTH2|OAUTHBEARER)/);
});

test('mailbox and relay share the token while it lives', { timeout: 90000 }, async () => {
    const t = await arrives('Mit Token');
    await becomes(await answer(t.number, 'Gern.'), 'sent');
    assert.equal(oauth.granted, 2);
});

test('a refresh token that the server replaced is the one used after a kill -9', { timeout: 90000 }, async () => {
    gateway.process.kill('SIGKILL');
    await gateway.process.done;
    await gateway.spawn();
    await arrives('Nach dem Neustart');
    assert.equal(oauth.refused, 0);
    assert.equal(oauth.granted, 3);
});

test('no token: the channel says what to do, asks without a storm; right settings heal it by SIGHUP', { timeout: 120000 }, async () => {
    const t = await arrives('Ohne Token');
    const good = fs.readFileSync(gateway.config, 'utf8');
    fs.writeFileSync(gateway.config, good.replace('oauth_refresh_token: refresh-0', 'oauth_refresh_token: wrong-one'));
    gateway.process.kill('SIGHUP');
    await until('the channel to say so', async () => /oauth_ settings/.test((await channel()).sentence), 60000);
    assert.equal((await channel()).up, true, 'the mailbox alone does not stop replies');
    const m = await answer(t.number, 'Geht nicht.');
    const d = await becomes(m, 'failed');
    assert.match(d.reason, /token server refuses/);
    assert.equal((await channel()).up, false);
    assert.ok(oauth.refused <= 3, `${oauth.refused} requests`);
    assert.doesNotMatch(gateway.process.output, /wrong-one|refresh-\d/);
    fs.writeFileSync(gateway.config, good.replace('oauth_refresh_token: refresh-0', 'oauth_client_secret: app-secret'));
    gateway.process.kill('SIGHUP');
    await until('the channel to be well', async () => (await channel()).up && !(await channel()).sentence, 60000);
    await gateway.api('POST', `/messages/${m.id}/retry`, {});
    await becomes(m, 'sent');
    await arrives('Wieder da');
});
