// SPDX-License-Identifier: EUPL-1.2
// Access by office and the due views, in a real browser against the FAKE API: what is shown, where tickets go, what the page says.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { chromium } = require('playwright-core');
const { start } = require('./fake-api');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
let browser;
before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags }); });
after(() => browser.close());

async function visit(options, run) {
    const api = await start(0, { more: 3, ...options.api });
    const context = await browser.newContext({ viewport: { width: options.width ?? 1440, height: 900 }, locale: 'de-DE', colorScheme: options.dark ? 'dark' : 'light', reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(15000);
    const faults = [];
    page.on('pageerror', (e) => faults.push(String(e)));
    try {
        await page.goto(`http://127.0.0.1:${api.port}${options.url}`);
        await page.locator(options.ready ?? '.row').first().waitFor();
        await run(page, api);
        assert.deepEqual(faults, []);
    } finally {
        await context.close();
        await api.stop();
    }
}
async function clean(page, name) {
    await (await page.context().newCDPSession(page)).send('Runtime.evaluate', { expression: axe });
    const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    assert.deepEqual(found.violations.map((v) => `${name}: ${v.id} ${v.nodes[0]?.html.slice(0, 120)}`), []);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${name} scrolls sideways`);
    if (process.env.DRAHT_SHOTS) await page.screenshot({ path: `${process.env.DRAHT_SHOTS}/${name}.png` });
}
const own = { own: ['abfall'] };
const here = (n) => `.row[id="row-2026-${String(n).padStart(6, '0')}"]`;

for (const [width, dark] of [[1440, false], [1440, true], [900, false], [390, true], [320, false]])
    test(`overdue and due soon at ${width}${dark ? ' dark' : ''}`, () => visit({ url: '/inbox/overdue', width, dark }, async (page) => {
        assert.equal(await page.locator('.row').count(), 2);
        assert.match(await page.locator('#view').innerText(), /Überfällig\s+2/);
        await clean(page, `overdue-${width}${dark ? '-dark' : ''}`);
        await page.goto(page.url().replace('overdue', 'due_soon'));
        await page.locator(here(4817)).waitFor();
        assert.equal(await page.locator('.row').count(), 2);
        await clean(page, `due-soon-${width}${dark ? '-dark' : ''}`);
        await page.goto(page.url().replace('due_soon', 'more'));
        await page.locator('.more a').first().waitFor();
        await clean(page, `more-${width}${dark ? '-dark' : ''}`);
    }));

test('the counts are red and amber, with words beside them; keys lead there', () => visit({ url: '/inbox/mine' }, async (page) => {
    const tone = (view) => page.locator(`.nav a[href="/inbox/${view}"] .num`).getAttribute('class');
    assert.match(await tone('overdue'), /bad/);
    assert.match(await tone('due_soon'), /soon/);
    assert.doesNotMatch(await tone('waiting'), /bad|soon/);
    for (const [keys, view] of [['gf', 'overdue'], ['gs', 'due_soon'], ['gr', 'reminder']]) {
        for (const k of keys) await page.keyboard.press(k);
        await page.waitForURL(`**/inbox/${view}`);
    }
}));

test('a request that becomes late comes into the view; an answered one leaves it, and nothing left says so', () => visit({ url: '/inbox/overdue' }, async (page, api) => {
    await page.mouse.move(1200, 500);
    await page.evaluate(() => document.activeElement?.blur());
    const s = api.state.tickets.find((x) => x.number === '2026-004817');
    api.send({ t: 'tickets', tickets: [{ ...s, due_at: new Date(Date.now() - 60_000).toISOString(), rev: 2 }] });
    await page.locator(here(4817)).waitFor();
    for (const x of [...api.state.tickets.filter((y) => Date.parse(y.due_at) < Date.now()), s]) api.send({ t: 'tickets', tickets: [{ ...x, due_at: null, last_out_at: new Date().toISOString(), rev: 3 }] });
    await page.locator('.empty').getByText('Nichts ist überfällig.').waitFor();
    await page.locator('.empty a', { hasText: '2 Anfragen' }).click();
    await page.waitForURL('**/inbox/due_soon');
}));

test('only own offices are shown, all can be handed to; handed over is gone, and the page says so', () => visit({ url: '/inbox/mine/2026-004817', api: own, ready: '.msg' }, async (page) => {
    assert.deepEqual(await page.locator('.nav a[href^="/inbox/queue/"]').allInnerTexts().then((all) => all.map((x) => x.split('\n')[0])), ['Abfallwirtschaft']);
    await page.getByRole('button', { name: 'Abgeben' }).first().click();
    const options = page.getByRole('option');
    await options.nth(2).waitFor();
    assert.equal(await options.count(), 3);
    assert.match(await options.nth(1).innerText(), /Bürgeramt\s*dann nicht mehr bei Ihnen/);
    assert.doesNotMatch(await options.nth(0).innerText(), /nicht mehr/);
    await clean(page, 'hand-over');
    await options.nth(1).click();
    await page.locator('.undo').getByText('2026-004817 ist an Bürgeramt abgegeben. Sie sehen die Anfrage jetzt nicht mehr.').waitFor();
    assert.equal(await page.locator('.undo button').count(), 0, 'it cannot be taken back from here');
    await page.locator(here(4817)).waitFor({ state: 'detached' });
    assert.equal(await page.locator('.msg').count(), 0);
    await page.waitForURL('**/inbox/mine');
    await clean(page, 'handed-over');
}));

test('when a colleague hands it over, the open request closes with a sentence', () => visit({ url: '/inbox/mine/2026-004817', api: own, ready: '.msg', width: 390, dark: true }, async (page, api) => {
    api.send({ t: 'gone', tickets: ['2026-009999', '2026-004817'] });
    await page.getByText('2026-004817 liegt jetzt bei einem anderen Amt.').waitFor();
    await page.locator('.row').first().waitFor();
    assert.equal(await page.locator(here(4817)).count(), 0);
    await clean(page, 'gone-390-dark');
}));

test('people who do not see the office are not offered to whoever has own offices, to others they are', () => {
    const people = async (page) => {
        await page.locator('.thread').focus();
        await page.keyboard.press('p');
        await page.getByRole('option', { name: 'Niemand' }).waitFor();
        return page.getByRole('option', { name: 'Selin Yılmaz' }).count();
    };
    return visit({ url: '/inbox/mine/2026-004817', api: own, ready: '.msg' }, async (page) => assert.equal(await people(page), 0))
        .then(() => visit({ url: '/inbox/mine/2026-004817', ready: '.msg' }, async (page) => assert.equal(await people(page), 1)));
});
