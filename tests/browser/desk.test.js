// SPDX-License-Identifier: EUPL-1.2
// Taking down a call and a letter by keyboard, answering them, printing: in a real browser on the real gateway, with axe.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { chromium } = require('playwright-core');
const { Gateway, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
let browser, gateway, page, number;

test.before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
    gateway = await new Gateway({
        binary: process.env.DRAHT_BINARY ?? path.join(ROOT, 'build/opt/draht'),
        extra_channels: '  - id: tresen\n    type: desk\n    queue: buergerbuero\n    options: {return_address: "Stadt Teststadt · Markt 1 · 04109 Teststadt"}\n',
    }).start();
    await gateway.login();
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, locale: 'de-DE', reducedMotion: 'reduce' });
    page = await context.newPage();
    page.setDefaultTimeout(15000);
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/`);
    await page.fill('#login-user', 'admin');
    await page.fill('#login-password', gateway.password);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Aufnehmen' }).first().waitFor();
});
test.after(async () => {
    await browser?.close();
    await gateway?.close();
});

async function clean(name, p = page) {
    await (await p.context().newCDPSession(p)).send('Runtime.evaluate', { expression: axe });
    for (const colorScheme of ['light', 'dark']) {
        await p.emulateMedia({ colorScheme });
        const found = await p.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(found.violations.map((v) => `${name} ${colorScheme}: ${v.id} ${v.nodes[0]?.html.slice(0, 120)}`), []);
    }
    await p.emulateMedia({ colorScheme: 'light' });
}
async function shot(name, p = page) {
    if (process.env.DRAHT_SHOTS) await p.screenshot({ path: path.join(process.env.DRAHT_SHOTS, `${name}.png`) });
}
const focused = () => page.evaluate(() => document.activeElement?.id);

test('a letter is taken down by keyboard alone; an empty one is refused in words', async () => {
    await page.locator('body').click();
    await page.keyboard.press('c');
    await until('the field to have the focus', async () => (await focused()) === 'desk-who');
    await clean('desk, empty');
    await page.keyboard.type('Jörg Groß');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    assert.equal(await focused(), 'desk-what');
    await clean('desk, refused');
    await page.keyboard.type('Widerspruch gegen den Gebührenbescheid');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Am Wehr 3');
    await page.keyboard.press('Enter');
    await page.keyboard.type('04109 Leipzig');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.locator('input[name="desk-kind"]:checked').getAttribute('value'), 'letter');
    for (let i = 0; i < 4; i++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const said = await page.locator('.taken').innerText();
    number = said.match(/\d{4}-\d{6}/)[0];
    assert.equal(await page.locator('#desk-what').inputValue(), '');
    const t = await gateway.api('GET', `/tickets/${number}`);
    assert.deepEqual([t.channel_type, t.sender.name, t.sender.address], ['letter', 'Jörg Groß', 'Am Wehr 3, 04109 Leipzig']);
});

test('the answer waits as a letter, is printed from a page that fits the window of an envelope, and marked as posted', async () => {
    const png = await page.screenshot({ clip: { x: 0, y: 0, width: 900, height: 1200 } });
    const upload = async (name, bytes) => (await gateway.raw('POST', `/api/v1/uploads?name=${name}`, { cookie: gateway.cookie, 'x-csrf-token': gateway.csrf, 'content-type': 'application/octet-stream' }, bytes)).json;
    const attachments = [await upload('Lageplan.png', png), await upload('Merkblatt.pdf', Buffer.from('%PDF-1.4\n%%EOF\n'))];
    await gateway.api('POST', `/tickets/${number}/messages`, { attachments, kind: 'reply', client_id: 'b1', text: 'Sehr geehrter Herr Groß,\n\nIhr Widerspruch ist eingegangen. Wir prüfen ihn und melden uns.\n\nMit freundlichen Grüßen\nMilan Novak' });
    const call = await gateway.api('POST', '/desk', { kind: 'phone', who: 'Erika Mustermann', what: 'Bittet um Rückruf', reply: '0341 1234567', client_id: 'b2' });
    await gateway.api('POST', `/tickets/${call.number}/messages`, { kind: 'reply', client_id: 'b3', text: 'Montag' });
    await page.getByRole('link', { name: /^Drucken/ }).waitFor();
    await page.getByRole('button', { name: /^Angerufen/ }).waitFor();
    await clean('desk, tasks');
    await shot('desk');
    const [letter] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: /^Drucken/ }).click()]);
    await letter.waitForLoadState();
    assert.ok(await letter.getByRole('img', { name: 'Lageplan.png' }).evaluate((i) => i.complete && i.naturalWidth === 900), 'the picture is shown');
    assert.deepEqual(await letter.getByRole('link').allInnerTexts(), ['Merkblatt.pdf']);
    await clean('letter', letter);
    await shot('letter', letter);
    await letter.setViewportSize({ width: 320, height: 800 });
    await shot('letter-320', letter);
    assert.ok(await letter.evaluate(() => document.documentElement.scrollWidth <= 320));
    await letter.setViewportSize({ width: 1000, height: 1300 });
    await letter.emulateMedia({ media: 'print' });
    const mm = await letter.evaluate(() => {
        const r = document.querySelector('address span').getBoundingClientRect(), top = document.querySelector('main').getBoundingClientRect().top;
        return (r.top - top) * 25.4 / 96;
    });
    assert.ok(mm >= 62 && mm <= 64, `the address begins at ${mm} mm`);
    assert.equal(await letter.evaluate(() => getComputedStyle(document.querySelector('.hint')).display), 'none');
    const pdf = await letter.pdf({ preferCSSPageSize: true });
    assert.equal(pdf.subarray(0, 4).toString(), '%PDF');
    assert.equal(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length, 2, 'the letter, and the picture on a page of its own');
    if (process.env.DRAHT_SHOTS) fs.writeFileSync(path.join(process.env.DRAHT_SHOTS, 'letter.pdf'), pdf);
    await letter.close();
    await page.getByRole('button', { name: /^Abgeschickt/ }).click();
    await page.getByRole('link', { name: /^Drucken/ }).waitFor({ state: 'detached' });
    assert.equal(await focused(), 'desk-tasks');
    await until('delivered', async () => (await gateway.api('GET', `/tickets/${number}`)).items.some((i) => i.delivery?.state === 'delivered'));
});

test('the view fits a telephone', async () => {
    await page.setViewportSize({ width: 320, height: 800 });
    await clean('desk, 320');
    await shot('desk-320');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
});
