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

test('who gave neither name nor address is unknown, not a key of ours; why nothing could be sent is said in German', async () => {
    const a = await gateway.api('POST', '/desk', { kind: 'counter', who: '', what: 'Ohne alles', reply: '', client_id: 'b4' });
    await gateway.api('POST', `/tickets/${a.number}/messages`, { kind: 'reply', client_id: 'b5', text: 'Gern' });
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/all/${a.number}`);
    await page.getByText('Es ist keine Anschrift und keine Telefonnummer notiert.').waitFor();
    await page.getByText('Draht: nicht zugestellt.').waitFor();
    const shown = await page.locator('body').innerText();
    assert.ok(!shown.includes('desk:') && !shown.includes('desk_'), shown);
    await shot('desk-unknown');
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/outbox`);
    await page.locator('td small', { hasText: a.number }).waitFor();
    assert.ok(!(await page.locator('body').innerText()).includes('desk:'));
    assert.equal(await page.locator('td small', { hasText: a.number }).innerText(), a.number);
    const posted = await gateway.api('POST', '/desk', { kind: 'letter', who: 'Max Muster', what: 'Brief', reply: 'Weg 1\n04109 Leipzig', client_id: 'b6' });
    const { id } = await gateway.api('POST', `/tickets/${posted.number}/messages`, { kind: 'reply', client_id: 'b7', text: 'Gern' });
    await until('the task', async () => (await gateway.api('GET', '/desk')).tasks.some((k) => k.message === id));
    await gateway.api('POST', `/desk/${id}/failed`, {});
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/all/${posted.number}`);
    await page.getByText('Der Brief kam zurück.').waitFor();
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/outbox`);
    await page.locator('td small', { hasText: `${posted.number}, Max Muster` }).waitFor();
});

test('a letter of several pages numbers them, keeps indents, and cuts no line of a long address', async () => {
    const a = await gateway.api('POST', '/desk', { kind: 'letter', who: 'Prof. Dr. Annegret von und zu Hohenschwangau-Oberhausen', what: 'Lang', client_id: 'b8',
        reply: 'c/o Gesellschaft für Stadtentwicklung mit beschränkter Haftung\nLange Straße 114a\n04109 Leipzig' });
    const { id } = await gateway.api('POST', `/tickets/${a.number}/messages`, { kind: 'reply', client_id: 'b9', text: `Guten Tag\n\n  - eingerückt\n${'Absatz\n'.repeat(90)}` });
    await until('the task', async () => (await gateway.api('GET', '/desk')).tasks.some((k) => k.message === id));
    const letter = await page.context().newPage();
    await letter.setViewportSize({ width: 1000, height: 1300 });
    await letter.goto(`http://127.0.0.1:${gateway.port}/api/v1/desk/${id}/letter`);
    await letter.emulateMedia({ media: 'print' });
    const zone = await letter.evaluate(() => {
        const box = document.querySelector('address').getBoundingClientRect();
        return [...document.querySelectorAll('address > span')].every((s) => s.scrollWidth <= s.clientWidth && s.getBoundingClientRect().bottom <= box.bottom + 0.5);
    });
    assert.ok(zone, 'every line is whole and inside the window');
    const [indented, plain] = await letter.evaluate(() => ['- eingerückt', 'Absatz'].map((w) => {
        const p = [...document.querySelectorAll('main > p')].find((x) => x.textContent.trim() === w), r = document.createRange();
        r.setStart(p.firstChild, p.textContent.indexOf(w[0]));
        r.setEnd(p.firstChild, p.textContent.length);
        return r.getBoundingClientRect().left;
    }));
    assert.ok(indented > plain + 3, `${indented} ${plain}`);
    const rules = await letter.evaluate(() => [...document.styleSheets[0].cssRules].filter((r) => r.constructor.name === 'CSSPageRule').map((r) => r.cssText).join(' '));
    assert.match(rules, /@bottom-right \{[^}]*counter\(page\)/);
    const pdf = await letter.pdf({ preferCSSPageSize: true });
    assert.ok(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length >= 3);
    if (process.env.DRAHT_SHOTS) fs.writeFileSync(path.join(process.env.DRAHT_SHOTS, 'letter-long.pdf'), pdf);
    await letter.close();
    await page.goto(`http://127.0.0.1:${gateway.port}/inbox/desk`);
    await page.locator('td small', { hasText: a.number }).waitFor();
});

test('the view fits a telephone', async () => {
    await page.setViewportSize({ width: 320, height: 800 });
    await clean('desk, 320');
    await shot('desk-320');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
});
