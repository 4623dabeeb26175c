// SPDX-License-Identifier: EUPL-1.2
// The chat widget on a city's page, in a real browser, talking to the real gateway; a member of staff answers by the API.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');
const path = require('node:path');
const test = require('node:test');
const { chromium } = require('playwright-core');
const { Gateway, ROOT } = require('../lib/gateway.js');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
let browser, city, gateway, number;

test.before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
    // The city's own site: another origin than the gateway, with the strict policy our documentation asks for.
    city = http.createServer((req, res) => {
        const g = `http://127.0.0.1:${gateway.port}`;
        res.writeHead(200, { 'content-type': 'text/html; charset=utf-8',
            'content-security-policy': `default-src 'none'; script-src ${g}; frame-src ${g}` });
        res.end(`<!doctype html><html lang="de"><title>Stadt</title><h1>Stadt</h1><script async src="${g}/widget/draht.js" data-channel="chat"></script></html>`);
    });
    await new Promise((done) => { city.listen(0, '127.0.0.1', done); });
    gateway = await new Gateway({ binary: process.env.DRAHT_BINARY ?? path.join(ROOT, 'build/opt/draht'),
        hours: 'mo-so 00:00-24:00', chat: `      origins: ["http://127.0.0.1:${city.address().port}"]` }).start();
    await gateway.login();
});
test.after(async () => {
    await browser?.close();
    city?.closeAllConnections();
    city?.close();
    await gateway?.close();
});

async function visit(t, options = {}) {
    const context = await browser.newContext({ locale: 'de-DE', ...options });
    t.after(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    const faults = [];
    page.on('pageerror', (e) => faults.push(String(e)));
    page.on('console', (m) => { if (/Content Security Policy|violates/.test(m.text())) faults.push(m.text()); });
    await page.goto(`http://127.0.0.1:${city.address().port}/`);
    await page.locator('draht-chat button').click();
    return { context, page, faults, frame: page.frameLocator('draht-chat iframe') };
}
async function say(v, words) {
    await v.frame.locator('#text').fill(words);
    await v.frame.locator('#text').press('Enter');
}
const reply = (text) => gateway.api('POST', `/tickets/${number}/messages`,
    { kind: 'reply', text, attachments: [], client_id: `w-${text}` }, 202);

test('two who wait: the second moves up when the first is answered', async (t) => {
    const [a, b] = [await visit(t), await visit(t)];
    for (const v of [a, b]) {
        await v.frame.locator('#begin').click();
        await say(v, `Guten Tag von ${v === a ? 'A' : 'B'}`);
        await v.frame.getByText('Angekommen').first().waitFor();
    }
    await a.frame.locator('#place', { hasText: 'Sie sind als Nächste an der Reihe.' }).waitFor();
    await b.frame.locator('#place', { hasText: 'Vor Ihnen wartet 1 Person.' }).waitFor();
    if (process.env.DRAHT_SHOTS) await b.page.screenshot({ path: path.join(process.env.DRAHT_SHOTS, 'place-gateway.png') });
    const all = (await gateway.api('GET', '/tickets?view=all')).tickets;
    number = all.find((x) => x.preview.includes('von A')).number;
    await reply('Sofort.');
    await a.frame.getByText('Sofort.').waitFor();
    await a.frame.locator('#place').waitFor({ state: 'hidden' });
    await b.frame.locator('#place', { hasText: 'Sie sind als Nächste an der Reihe.' }).waitFor({ timeout: 40000 });
    for (const x of all) await gateway.api('PATCH', `/tickets/${x.number}`, { state: 'closed' });
    assert.deepEqual([...a.faults, ...b.faults], []);
});

test('question, answer, file, reload', async (t) => {
    const v = await visit(t);
    await v.frame.locator('#begin').click();
    await say(v, 'Wo ist mein Sperrmüll?');
    await v.frame.getByText('Angekommen').first().waitFor();
    const list = (await gateway.api('GET', '/tickets?view=all')).tickets;
    assert.equal(list.length, 1, 'closed ones are not in it');
    number = list[0].number;
    await reply('Er wird heute geholt.');
    await v.frame.getByText('Er wird heute geholt.').waitFor();
    await v.frame.locator('#pick').setInputFiles({ name: 'Straße.txt', mimeType: 'text/plain', buffer: Buffer.from('Lindenufer 12\n') });
    await v.frame.getByRole('button', { name: 'Straße.txt entfernen' }).waitFor();
    await say(v, 'Hier steht er.');
    await v.frame.getByText('Hier steht er.').waitFor();
    await v.frame.locator('.dw-m.me').nth(1).getByText(/Angekommen|Gelesen/).waitFor();
    await v.page.reload();
    await v.page.locator('draht-chat button').click();
    await v.frame.getByText('Er wird heute geholt.').waitFor();
    await v.frame.getByRole('link', { name: 'Straße.txt' }).waitFor();
    const link = await v.frame.getByRole('link', { name: 'Straße.txt' }).evaluate((a) => a.href);
    const file = await gateway.raw('GET', new URL(link).pathname + new URL(link).search);
    assert.equal(file.status, 200);
    assert.equal(file.text, 'Lindenufer 12\n');
    assert.deepEqual(v.faults, []);
});

test('a restart of the gateway loses and doubles nothing', async (t) => {
    const v = await visit(t);
    await v.frame.locator('#begin').click();
    await say(v, 'vor dem Neustart');
    await v.frame.getByText('Angekommen').first().waitFor();
    await gateway.stop();
    await v.frame.getByText('Ihr Internet ist unterbrochen').waitFor();
    await say(v, 'während des Neustarts');
    await v.frame.getByText('Noch nicht gesendet').waitFor();
    await gateway.spawn();
    await v.frame.locator('.dw-m.me').nth(1).getByText(/Angekommen|Gelesen/).waitFor({ timeout: 45000 });
    await v.page.reload();
    await v.page.locator('draht-chat button').click();
    await v.frame.getByText('während des Neustarts').waitFor();
    assert.equal(await v.frame.locator('.dw-m.me').count(), 2);
});

test('with WebSockets blocked the long poll talks to the gateway', async (t) => {
    const context = await browser.newContext({ locale: 'de-DE' });
    t.after(() => context.close());
    await context.addInitScript(() => { delete window.WebSocket; });
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    await page.goto(`http://127.0.0.1:${city.address().port}/`);
    await page.locator('draht-chat button').click();
    const v = { page, frame: page.frameLocator('draht-chat iframe') };
    await v.frame.locator('#begin').click();
    await say(v, 'per Post gesagt');
    await v.frame.getByText('Angekommen').first().waitFor();
    const list = (await gateway.api('GET', '/tickets?view=all')).tickets;
    number = list.map((x) => x.number).sort().at(-1);
    await reply('per Post geantwortet');
    await v.frame.getByText('per Post geantwortet').waitFor();
});

test('the tag works with an integrity hash from another origin, and a wrong hash keeps the script out', async () => {
    const script = (await gateway.raw('GET', '/widget/draht.js')).bytes;
    const good = require('node:crypto').createHash('sha384').update(script).digest('base64');
    const page = await (await browser.newContext()).newPage();
    const shown = async (hash) => {
        await page.goto(`http://127.0.0.1:${city.address().port}/`);
        await page.evaluate(([src, integrity]) => new Promise((done) => {
            document.querySelector('draht-chat')?.remove();
            const tag = Object.assign(document.createElement('script'), { src, integrity, crossOrigin: 'anonymous', onload: done, onerror: done });
            tag.dataset.channel = 'chat';
            document.querySelector('script').replaceWith(tag);
        }), [`http://127.0.0.1:${gateway.port}/widget/draht.js?${hash.slice(0, 2)}`, `sha384-${hash}`]);
        return page.evaluate(() => document.querySelectorAll('draht-chat').length);
    };
    assert.equal(await shown(good), 1);
    assert.equal(await shown(good.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))), 0);
    await page.context().close();
});

test('the whole chat stays under 20 KB', async () => {
    const zlib = require('node:zlib');
    let sum = 0;
    for (const file of ['/widget/draht.js', '/widget/frame.js', '/widget/frame.css', '/channels/chat/frame']) {
        const answer = await gateway.raw('GET', file);
        assert.equal(answer.status, 200, file);
        sum += zlib.gzipSync(answer.bytes, { level: 9 }).length;
    }
    assert.ok(sum <= 20 * 1024, `${sum} bytes`);
});
