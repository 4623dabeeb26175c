// SPDX-License-Identifier: EUPL-1.2
// The inbox in a real browser on the real gateway: log in, a live chat, answering by keyboard, a failed mail, a restart.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { chromium } = require('playwright-core');
const { Chat } = require('../lib/chat');
const { Gateway, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
let browser, gateway, page, chat;

test.before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
    gateway = await new Gateway({ binary: process.env.DRAHT_BINARY ?? path.join(ROOT, 'build/opt/draht'), top: 'demo: true', undo_seconds: 3 }).start();
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'de-DE', reducedMotion: 'reduce' });
    page = await context.newPage();
    page.setDefaultTimeout(15000);
});
test.after(async () => {
    chat?.close();
    await browser?.close();
    await gateway?.close();
});

async function clean(name) {
    await (await page.context().newCDPSession(page)).send('Runtime.evaluate', { expression: axe });
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(found.violations.map((v) => `${name} ${colorScheme}: ${v.id} ${v.nodes[0]?.html.slice(0, 120)}`), []);
    }
    await page.emulateMedia({ colorScheme: 'light' });
}
const received = (words) => chat.wait((f) => f.t === 'message' && f.text === words);

test('a wrong password is refused in words, the right one opens the list', async () => {
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/`);
    await page.fill('#login-user', 'admin');
    await page.fill('#login-password', 'falsch-geraten');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await page.fill('#login-password', gateway.password);
    await page.keyboard.press('Enter');
    await page.getByText('es geht nichts nach außen').waitFor();
    await until('the invented requests', () => /demo\.loaded/.test(gateway.process.output), 60000);
    await page.evaluate(() => localStorage.setItem('draht.sort', 'newest'));
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/all`);
    await page.locator('.row').first().waitFor();
});

test('a chat message appears live; answered by keyboard; the word of delivery follows the citizen', async () => {
    chat = await new Chat(gateway.port).connect();
    await chat.say('Wann ist Sperrmüll?');
    await page.locator('.row', { hasText: 'Wann ist Sperrmüll?' }).click();
    await page.locator('.thread').getByText('Wann ist Sperrmüll?').waitFor();
    await page.locator('.thread').focus();
    await page.keyboard.press('r');
    await page.waitForFunction(() => document.activeElement?.id === 'reply');
    await page.keyboard.type('Am Dienstag.');
    await page.keyboard.press('Control+Enter');
    const m = await received('Am Dienstag.');
    await page.locator('.ours .state').getByText(/Gesendet|Zugestellt/).waitFor();
    chat.send({ t: 'read', seq: m.seq });
    await page.locator('.ours .state').getByText('Gelesen').waitFor();
    await clean('conversation');
});

test('note, take over, close, and a new message opens it again', async () => {
    await page.locator('.thread').focus();
    await page.keyboard.press('n');
    await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA');
    await page.keyboard.type('Bitte prüfen.');
    await page.keyboard.press('Control+Enter');
    await page.locator('.memo').getByText('Bitte prüfen.').waitFor();
    await page.locator('.thread').focus();
    await page.keyboard.press('e');
    await page.locator('.head .pill.good').waitFor();
    await chat.say('Noch eine Frage');
    await page.locator('.thread').getByText('Noch eine Frage').waitFor();
    await page.locator('.head .pill.good').waitFor({ state: 'detached' });
    assert.ok(!chat.frames.some((f) => f.text === 'Bitte prüfen.'), 'a note never reaches the citizen');
});

test('an answer taken back leaves the request unanswered', async () => {
    const number = page.url().match(/\d{4}-\d{6}/)[0];
    const unanswered = async () => (await gateway.api('GET', '/tickets?view=unanswered&limit=200')).tickets.some((x) => x.number === number);
    await gateway.login();
    assert.equal(await unanswered(), true);
    const before = (await gateway.api('GET', `/tickets/${number}`)).last_out_at;
    const m = await gateway.api('POST', `/tickets/${number}/messages`, { kind: 'reply', text: 'Zu früh', attachments: [], client_id: 'undo-1' }, 202);
    assert.equal(await unanswered(), false);
    const back = await gateway.raw('POST', `/api/v1/messages/${m.id}/undo`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf });
    assert.ok(back.status < 300, back.text);
    assert.equal(await unanswered(), true);
    assert.equal((await gateway.api('GET', `/tickets/${number}`)).last_out_at, before);
    assert.ok(!chat.frames.some((f) => f.text === 'Zu früh'));
});

test('a reply by another channel: the address the citizen named is offered, and the word of delivery says where it went', async () => {
    await chat.say('Bitte auch an jana@example.org schreiben.');
    await page.locator('.thread').getByText('jana@example.org').waitFor();
    await page.getByRole('button', { name: 'Kanal wechseln' }).click();
    await page.locator('.via select').selectOption('mail');
    assert.equal(await page.locator('.via input').inputValue(), 'jana@example.org');
    await clean('other channel');
    if (process.env.DRAHT_SHOT) await page.screenshot({ path: process.env.DRAHT_SHOT });
    await page.setViewportSize({ width: 320, height: 800 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.fill('#reply', 'Dies kommt als E-Mail.');
    await page.focus('#reply');
    await page.keyboard.press('Control+Enter');
    await page.locator('.ours', { hasText: 'Dies kommt als E-Mail.' }).getByText('per E-Mail an jana@example.org').waitFor();
    await page.locator('.ours', { hasText: 'Dies kommt als E-Mail.' }).locator('.state').getByText('Gesendet').waitFor();
    assert.ok(!chat.frames.some((f) => f.text === 'Dies kommt als E-Mail.'));
});

test('text at 200 % and narrow screens: nothing scrolls sideways', async () => {
    const wide = () => page.evaluate(() => [document.documentElement.scrollWidth - innerWidth,
        ...[...document.querySelectorAll('.talk, .list, .thread, .demo')].filter((x) => x.clientWidth).map((x) => x.scrollWidth - x.clientWidth)]);
    await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    assert.deepEqual((await wide()).filter((x) => x > 0), []);
    await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
    for (const width of [390, 320]) {
        await page.setViewportSize({ width, height: 800 });
        assert.deepEqual((await wide()).filter((x) => x > 0), [], `${width}`);
        const boxes = await page.evaluate(() => ['.demo', '.app'].map((s) => document.querySelector(s).getBoundingClientRect()).map((b) => [b.top, b.bottom]));
        assert.ok(boxes[0][1] <= boxes[1][0] + 0.5 && boxes[1][1] <= 800.5, 'the mark covers nothing');
    }
    await page.setViewportSize({ width: 1440, height: 900 });
});

test('while the gateway is away the page says so, and comes back by itself', async () => {
    assert.equal(await gateway.stop(), 0);
    await page.getByText('Keine Verbindung seit').first().waitFor();
    await gateway.spawn();
    await page.getByText('Keine Verbindung seit').first().waitFor({ state: 'detached', timeout: 40000 });
    await page.locator('.row').first().waitFor();
});
