// SPDX-License-Identifier: EUPL-1.2
// The log of a channel in a real browser on the real gateway: who sees it, what it shows, when it asks, filters, copy, faults.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { chromium } = require('playwright-core');
const { Gateway, ROOT } = require('../lib/gateway');
const { until } = require('../lib/process');

const CHANNELS = ['busy', 'quiet'].map((id) => `  - id: ${id}
    type: whatsapp
    queue: buergerbuero
    options:
      privacy_acknowledged: true
      app_secret: secret-of-the-app
      verify_token: word-of-the-city
      access_token: token-of-the-city
      phone_number_id: "100200300"
`).join('');
const HOOK = '/channels/busy/webhook';
const LOG = '**/api/v1/channels/busy/log?*';
const AGENT = { id: 'agent', name: 'Jana Sommer', role: 'agent', password: 'ein langes Passwort' };
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
let browser, gateway;

test.before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
    gateway = await new Gateway({ binary: process.env.DRAHT_BINARY ?? path.join(ROOT, 'build/opt/draht'), extra_channels: CHANNELS }).start();
    await gateway.login();
    await gateway.api('POST', '/staff', AGENT, 201);
    await gateway.raw('GET', `${HOOK}?hub.mode=subscribe&hub.verify_token=word-of-the-city&hub.challenge=7`);
    await gateway.raw('POST', HOOK, { 'content-type': 'application/json' }, '{"text":"Erika Beispiel"}');
});
test.after(async () => {
    await browser?.close();
    await gateway?.close();
});

const at = (p) => `http://127.0.0.1:${gateway.port}/inbox/${p}`;
async function visit(url, run, { user = 'admin', password = gateway.password, width = 1440, language = 'de', clock = false } = {}) {
    const context = await browser.newContext({ viewport: { width, height: 700 }, locale: 'de-DE', reducedMotion: 'reduce' });
    const faults = [];
    try {
        const page = await context.newPage();
        page.setDefaultTimeout(20000);
        page.on('pageerror', (e) => faults.push(String(e)));
        await page.addInitScript((l) => localStorage.setItem('draht.language', l), language);
        if (clock) await page.clock.install();
        await page.request.post(`http://127.0.0.1:${gateway.port}/api/v1/session`, { data: { user, password } });
        await page.goto(at(url));
        await run(page);
        assert.deepEqual(faults, []);
    } finally {
        await context.close();
    }
}
async function clean(page, name) {
    await (await page.context().newCDPSession(page)).send('Runtime.evaluate', { expression: axe });
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(found.violations.map((v) => `${name} ${colorScheme}: ${v.id} ${v.nodes[0]?.html.slice(0, 120)}`), []);
        if (process.env.DRAHT_SHOTS) await page.screenshot({ path: `${process.env.DRAHT_SHOTS}/${name}-${colorScheme}.png` });
    }
    const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.wide, .wide .page')].filter((x) => x.scrollWidth > x.clientWidth).length);
    assert.equal(wide, 0, `${name} scrolls sideways`);
}
const see = (page, hidden) => page.evaluate((h) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => h });
    document.dispatchEvent(new Event('visibilitychange'));
}, hidden);
const focusOn = (page, id) => page.waitForFunction((x) => document.activeElement?.id === x, id);
const pick = (page, name) => page.getByRole('combobox', { name, exact: true });
const rows = (page) => page.locator('.log li');
const lastRow = (page) => rows(page).last();

test('the link opens the log by keyboard; back leads to the channels and to the link', () => visit('channels', async (page) => {
    const link = page.locator('#log-of-busy');
    await link.waitFor();
    await clean(page, 'channels');
    await link.focus();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/inbox/channels/busy');
    await focusOn(page, 'log-title');
    await rows(page).first().waitFor();
    assert.match(await page.locator('.log').innerText(), /meta\.signature/);
    assert.match(await page.locator('.log').innerText(), new RegExp(`Eingehend\\s+POST ${HOOK} 401`));
    for (const hidden of ['word-of-the-city', 'Erika']) assert.ok(!(await page.content()).includes(hidden), hidden);
    await clean(page, 'log');
    await page.goBack();
    await focusOn(page, 'log-of-busy');
    await page.goForward();
    await focusOn(page, 'log-title');
    await page.keyboard.press('Escape');
    await page.waitForURL('**/inbox/channels');
    await focusOn(page, 'log-of-busy');
}));

test('new lines come by themselves and stand at the foot; whoever reads above stays there', () => visit('channels/busy', async (page) => {
    await rows(page).first().waitFor();
    for (let i = 0; i < 20; i++) await gateway.raw('GET', `${HOOK}?hub.mode=no`);
    await until('the refused requests', async () => (await rows(page).filter({ hasText: '403' }).count()) >= 20);
    const box = page.locator('.wide .page');
    assert.ok(await box.evaluate((b) => b.scrollHeight > b.clientHeight + 100), 'more than fits');
    assert.match(await lastRow(page).innerText(), /403/);
    const away = () => box.evaluate((b) => b.scrollHeight - b.scrollTop - b.clientHeight);
    assert.ok(await away() < 2, 'the newest line is seen');
    await box.evaluate((b) => { // until the page has heard of it
        b.scrollTop = 0;
        return new Promise((go) => { requestAnimationFrame(() => requestAnimationFrame(go)); });
    });
    await box.focus();
    const before = await rows(page).count();
    await gateway.raw('POST', HOOK, {}, '{}');
    await until('the next lines', async () => (await rows(page).count()) > before);
    assert.equal(await box.evaluate((b) => b.scrollTop), 0);
}));

test('filters by text, kind and level; nothing that fits says so and offers the way back', () => visit('channels/busy', async (page) => {
    await rows(page).first().waitFor();
    const all = await rows(page).count();
    await pick(page, 'Stufe').selectOption('warn');
    await rows(page).filter({ hasText: 'Eingehend' }).first().waitFor({ state: 'detached' });
    assert.ok(await rows(page).count() > 0);
    await pick(page, 'Stufe').selectOption('');
    await pick(page, 'Art').selectOption('in');
    await rows(page).filter({ hasText: 'meta.signature' }).first().waitFor({ state: 'detached' });
    assert.ok(await rows(page).count() > 0 && await rows(page).count() < all);
    await page.getByLabel('Enthält').fill('there is no such word');
    await page.getByText('Keine Zeile passt zum Filter.').waitFor();
    await page.getByText(/^0 von \d+ Zeilen$/).first().waitFor();
    await clean(page, 'nothing');
    await page.getByRole('button', { name: 'Filter aufheben' }).click();
    await focusOn(page, 'log-text');
    await until('all lines', async () => (await rows(page).count()) >= all);
}));

test('copies the shown lines; without permission it says what to do', () => visit('channels/busy', async (page) => {
    await page.evaluate(() => { navigator.clipboard.writeText = async (text) => { window.taken = text; }; });
    await pick(page, 'Art').selectOption('in');
    await rows(page).first().waitFor();
    await page.getByRole('button', { name: 'Anhalten' }).click();
    const shown = await rows(page).count();
    await page.getByRole('button', { name: 'Alle kopieren' }).click();
    await page.getByText(/^\d+ Zeilen kopiert\.$/).waitFor();
    const lines = (await page.evaluate(() => window.taken)).split('\n');
    assert.equal(lines.length, shown);
    assert.match(lines[0], new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\S+ in GET ${HOOK}\\S* -> 200 \\(\\d+ ms\\)$`));
    await page.evaluate(() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); });
    await page.getByRole('button', { name: 'Alle kopieren' }).click();
    await page.getByText('kopieren Sie sie mit Strg C').waitFor();
}));

test('asks one at a time, and neither while hidden nor while paused', () => visit('channels', async (page) => {
    await page.locator('#log-of-busy').waitFor();
    await page.evaluate(() => { // counted in the page, where a request begins
        const real = window.fetch;
        window.asked = 0;
        window.fetch = async (url, options) => {
            if (String(url).includes('/log?')) { window.asked++; await window.held; }
            return real(url, options);
        };
    });
    const asked = () => page.evaluate(() => window.asked);
    await page.locator('#log-of-busy').click();
    await rows(page).first().waitFor();
    await page.evaluate(() => { window.held = new Promise((go) => { window.release = go; }); });
    const first = await asked();
    await until('the next request', async () => { await page.clock.runFor(1000); return await asked() > first; });
    const slow = await asked();
    await page.clock.runFor(15000);
    assert.equal(await asked(), slow, 'a slow answer is waited for');
    await see(page, true);
    const before = await rows(page).count();
    await gateway.raw('POST', HOOK, {}, '{"more":1}');
    await page.evaluate(() => { window.held = null; window.release(); });
    await until('the answer', async () => (await rows(page).count()) > before);
    await page.clock.runFor(15000);
    assert.equal(await asked(), slow, 'hidden');
    await see(page, false);
    await until('a request', async () => await asked() > slow);
    await page.getByRole('button', { name: 'Anhalten' }).click();
    await page.getByText('Angehalten.').waitFor();
    const paused = await asked();
    await page.clock.runFor(15000);
    assert.equal(await asked(), paused, 'paused');
    await page.getByRole('button', { name: 'Anhalten' }).press('Enter');
    await until('going on', async () => await asked() > paused);
}, { clock: true }));

test('a fault says what to do and keeps the lines; an unknown or silent channel says so', () => visit('channels/busy', async (page) => {
    await rows(page).first().waitFor();
    await page.evaluate(() => { // from here on only events of the page lead to a request
        const real = window.setTimeout;
        window.setTimeout = (run, ms, ...more) => (ms === 3000 ? 0 : real(run, ms, ...more));
    });
    await page.route(LOG, (r) => r.abort());
    const alert = page.getByRole('alert').getByText('Das Protokoll kam nicht an.');
    await until('the sentence', async () => { await see(page, false); return alert.isVisible(); });
    assert.ok(await rows(page).count() > 0);
    await clean(page, 'fault');
    await page.unroute(LOG);
    await page.getByRole('button', { name: 'Erneut laden' }).click();
    await alert.waitFor({ state: 'detached' });
    await page.goto(at('channels/nothing'));
    await page.getByRole('alert').getByText('Diesen Kanal gibt es nicht.').waitFor();
    await clean(page, 'gone');
    await page.goto(at('channels/quiet'));
    await page.getByText('Noch keine Zeilen.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Alle kopieren' }).isDisabled(), true);
    await clean(page, 'empty');
}));

test('staff who are no administrators have no link, and the page says why nothing is shown', () => visit('channels', async (page) => {
    await page.locator('.card').first().waitFor();
    assert.equal(await page.locator('.card a').count(), 0);
    let asked = 0;
    page.on('request', (r) => { asked += r.url().endsWith('/log') || r.url().includes('/log?') ? 1 : 0; });
    await page.goto(at('channels/busy'));
    await page.getByText('Dafür fehlt Ihnen die Berechtigung.').waitFor();
    await clean(page, 'forbidden');
    assert.equal(asked, 0);
}, { user: AGENT.id, password: AGENT.password }));

test('at 320 px and in English', () => visit('channels/busy', async (page) => {
    await rows(page).first().waitFor();
    assert.equal(await page.locator('#log-title').innerText(), 'Log: busy');
    await page.getByRole('button', { name: 'Copy all' }).waitFor();
    await clean(page, 'log-320');
}, { width: 320, language: 'en' }));
