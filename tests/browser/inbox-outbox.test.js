// SPDX-License-Identifier: EUPL-1.2
// The inbox in a real browser on a real gateway whose mail relay refuses for now: HTML mail, assign and hand over by key, the outbox.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const test = require('node:test');
const { chromium } = require('playwright-core');
const { Gateway, ROOT } = require('../lib/gateway');
const { swaks } = require('../lib/mail');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
let browser, gateway, page, relay, asked;

/** A relay that is too busy for every recipient (RFC 5321, 451). */
function fakeBusyRelay() {
    return new Promise((up) => {
        const server = net.createServer((s) => {
            s.on('error', () => undefined);
            s.write('220 relay.test ESMTP\r\n');
            s.on('data', (d) => {
                for (const line of d.toString().split('\r\n').filter(Boolean)) {
                    if (/^RCPT/i.test(line)) { asked += 1; s.write('451 4.3.2 too busy\r\n'); } else if (/^QUIT/i.test(line)) s.end('221 bye\r\n');
                    else s.write('250 ok\r\n');
                }
            });
        });
        server.listen(0, '127.0.0.1', () => up(server));
    });
}

test.before(async () => {
    asked = 0;
    relay = await fakeBusyRelay();
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
    gateway = await new Gateway({ binary: process.env.DRAHT_BINARY ?? path.join(ROOT, 'build/opt/draht'),
        text_blocks: '  - {id: a, name: Dank, text: "Danke, {name}. Nummer {number}."}\n  - {id: b, name: Anderes Amt, queue: buergerbuero, text: x}',
        mail: `      relay: 127.0.0.1:${relay.address().port}\n      relay_tls: none` }).start();
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'de-DE', reducedMotion: 'reduce' });
    page = await context.newPage();
    page.setDefaultTimeout(20000);
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/`);
    await page.fill('#login-user', 'admin');
    await page.fill('#login-password', gateway.password);
    await page.keyboard.press('Enter');
    await page.locator('.nav, nav').first().waitFor();
});
test.after(async () => {
    await browser?.close();
    await gateway?.close();
    relay?.close();
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

test('the HTML of a mail is shown without scripts and without anything remote', async () => {
    const urls = [];
    page.on('request', (r) => urls.push(r.url()));
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/all`);
    const sent = await swaks(gateway.lmtp, { protocol: 'LMTP', from: 'hanna@example.org', to: 'buergerbuero@stadt.test', data: ['From: Hanna <hanna@example.org>', 'To: buergerbuero@stadt.test',
        'Subject: Bunte Mail', 'Message-ID: <bunt@example.org>', 'MIME-Version: 1.0', 'Content-Type: multipart/alternative; boundary=b', '', '--b', 'Content-Type: text/plain', '', 'Einfacher Text', '--b',
        'Content-Type: text/html', '', '<p>Bunter <b>Text</b><img src="http://tracker.example/p.png"><script>parent.hacked=1</script><a href="javascript:alert(1)">x</a></p>', '--b--', ''].join('\r\n') });
    assert.equal(sent.code, 0, sent.out);
    await page.locator('.row', { hasText: 'Bunte Mail' }).click();
    await page.locator('.thread').getByText('Einfacher Text').waitFor();
    await page.locator('.msg .tools .chip').first().click();
    const frame = page.frameLocator('.msg iframe');
    await frame.getByText('Bunter').waitFor();
    assert.equal(await frame.locator('script, a[href^="javascript"], img[src^="http"]').count(), 0);
    assert.ok(!urls.some((u) => u.includes('tracker.example')));
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    await clean('mail');
});

test('assign and hand over to another office by key', async () => {
    const chosen = async (key, word) => {
        await page.locator('.thread').focus();
        await page.keyboard.press(key);
        await page.locator('[role=dialog] input, dialog input').first().fill(word);
        await page.keyboard.press('Enter');
    };
    await chosen('p', 'Administration');
    await page.locator('.facts dd', { hasText: 'Administration' }).first().waitFor();
    await chosen('a', 'Sozial');
    await page.locator('.facts dd', { hasText: 'Sozialamt' }).first().waitFor();
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/queue/sozialamt`);
    await page.locator('.row', { hasText: 'Bunte Mail' }).click();
});

test('a text block goes in at the cursor; those of other offices are not offered', async () => {
    await page.fill('#reply', 'Hallo. ');
    await page.getByRole('button', { name: 'Textbaustein einfügen' }).click();
    assert.equal(await page.getByRole('menuitem', { name: 'Anderes Amt' }).count(), 0);
    await clean('text blocks');
    await page.getByRole('menuitem', { name: 'Dank' }).click();
    assert.match(await page.inputValue('#reply'), /^Hallo\. Danke, Hanna\. Nummer \d{4}-\d{6}\.$/);
    await page.fill('#reply', '');
});

test('what does not get out stands in the outbox, can be tried again and cancelled', async () => {
    await page.fill('#reply', 'Diese Antwort bleibt liegen.');
    await page.focus('#reply');
    await page.keyboard.press('Control+Enter');
    const mine = page.locator('.ours', { hasText: 'Diese Antwort bleibt liegen.' });
    await mine.getByText('Nächster Versuch').waitFor({ timeout: 30000 });
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/outbox`);
    const line = page.locator('.data tbody tr', { hasText: 'Bunte Mail' });
    await line.getByText('1 Versuch', { exact: true }).waitFor();
    await clean('outbox');
    const before = asked;
    await line.getByRole('button', { name: 'Jetzt versuchen' }).click();
    await line.getByText('2 Versuche').waitFor({ timeout: 30000 });
    assert.ok(asked > before, 'the second attempt reached the relay');
    await line.getByRole('button', { name: 'Abbrechen' }).click();
    await line.waitFor({ state: 'detached' });
    await page.getByText('Alles ist gesendet.').waitFor();
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/all`);
    await page.locator('.row', { hasText: 'Bunte Mail' }).click();
    await mine.getByText('Abgebrochen').waitFor();
});
