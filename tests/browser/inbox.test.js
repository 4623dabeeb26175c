// SPDX-License-Identifier: EUPL-1.2
// The inbox in a real browser against the FAKE API: what staff do most, and no axe violation in any state.
// Needs build/web and Chromium. It proves nothing about the gateway; tests/system does that.
'use strict';
const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { chromium } = require('playwright-core');
const { until } = require('../lib/process');
const { start, at } = require('./fake-api');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const ticket = '/inbox/mine/2026-004817';
let browser;
before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags }); });
after(() => browser.close());

/** One page on one fake API; everything is gone when `run` returns. */
async function visit(options, run) {
    const api = await start(0, options.api);
    const context = await browser.newContext({ viewport: { width: options.width ?? 1440, height: 900 }, locale: 'de-DE', colorScheme: options.dark ? 'dark' : 'light',
        reducedMotion: 'reduce', forcedColors: options.forced ? 'active' : 'none' });
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (e) => faults.push(String(e)));
    try {
        await page.goto(`http://127.0.0.1:${api.port}${options.url ?? ticket}`);
        await page.locator(options.ready ?? '.msg').first().waitFor();
        await run(page, api);
        assert.deepEqual(faults, []);
    } finally {
        await context.close();
        await api.stop();
    }
}
async function clean(page, name) {
    await page.evaluate(axe).catch(async () => (await page.context().newCDPSession(page)).send('Runtime.evaluate', { expression: axe }));
    const found = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    assert.deepEqual(found.violations.map((v) => `${name}: ${v.id} ${v.nodes[0]?.html.slice(0, 120)}`), []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, `${name} scrolls sideways`);
}

for (const [width, both] of [[1440, true], [1200, false], [1000, false], [390, true], [320, false]])
    for (const dark of both ? [false, true] : [false])
        test(`conversation and list are accessible at ${width}${dark ? ' dark' : ''}`, () => visit({ width, dark }, async (page) => {
            await clean(page, 'conversation');
            await page.goto(page.url().replace(ticket, '/inbox/mine'));
            await page.locator('.row').first().waitFor();
            await clean(page, 'list');
        }));
for (const [name, url, ready] of [['outbox', '/inbox/outbox', '.data'], ['channels', '/inbox/channels', '.card'], ['more', '/inbox/more', '.more a'], ['empty', '/inbox/closed', '.empty']])
    test(`${name} is accessible`, () => visit({ url, ready, width: 390 }, (page) => clean(page, name)));
test('forced colours are accessible', () => visit({ forced: true }, (page) => clean(page, 'forced')));

test('log-in refuses, then lets in', () => visit({ api: { in: false }, url: '/inbox/', ready: '#login-user' }, async (page) => {
    await page.fill('#login-user', 'mn');
    await page.fill('#login-password', 'falsch');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await clean(page, 'log-in');
    await page.fill('#login-password', 'richtig');
    await page.keyboard.press('Enter');
    await page.locator('.row').first().waitFor();
}));

test('a failing list says so and offers to load again', () => visit({ api: { fail: '/tickets' }, url: '/inbox/mine', ready: '.boxw.bad' }, async (page) => {
    assert.match(await page.locator('.boxw.bad').innerText(), /Erneut laden/);
    await clean(page, 'error');
}));

test('a long list keeps few rows in the document', () => visit({ api: { more: 400 }, url: '/inbox/mine', ready: '.row' }, async (page) => {
    await page.waitForFunction(() => document.querySelectorAll('.rows section').length > 3);
    assert.ok(await page.locator('.row').count() < 60);
    await page.keyboard.press('j');
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.activeElement?.getAttribute('id')?.startsWith('row-') || document.querySelector('.rows').scrollTop > 1000);
}));

test('send by keyboard, take back, text and cursor return', () => visit({}, async (page, api) => {
    await page.locator('.thread').focus();
    await page.keyboard.press('r');
    await page.waitForFunction(() => document.activeElement?.id === 'reply');
    await page.keyboard.type('Guten Tag, Frau Petersen.');
    await page.keyboard.press('Control+Enter');
    await page.locator('.undo').waitFor();
    assert.equal(await page.inputValue('#reply'), '');
    assert.equal(api.state.posted[0].kind, 'reply');
    await clean(page, 'undo');
    await page.keyboard.press('z');
    await page.waitForFunction(() => document.getElementById('reply').value === 'Guten Tag, Frau Petersen.');
}));

test('a draft survives a reload', () => visit({}, async (page) => {
    await page.fill('#reply', 'Entwurf');
    await page.getByText('Entwurf gespeichert').waitFor();
    await page.reload();
    await page.locator('#reply').waitFor();
    assert.equal(await page.inputValue('#reply'), 'Entwurf');
}));

test('a colleague who answers first must be read before sending', () => visit({}, async (page, api) => {
    await page.fill('#reply', 'Guten Tag');
    api.send({ t: 'viewers', ticket: '2026-004817', viewers: [{ id: 'sy', name: 'Selin Yılmaz', writing: true }] });
    await page.locator('.warnbar').waitFor();
    api.send({ t: 'item', ticket: '2026-004817', item: { type: 'message', n: 900, id: '2026-004817.900', direction: 'out', author: { id: 'sy', name: 'Selin Yılmaz' },
        channel: 'post', channel_type: 'email', at: at(0), text: 'Wir kommen heute.', attachments: [], delivery: { state: 'queued' } } });
    await page.getByRole('button', { name: 'Antwort ansehen' }).click();
    await page.getByRole('button', { name: 'Senden', exact: true }).waitFor();
    assert.equal(api.state.posted.length, 0);
    await clean(page, 'collision');
}));

test('without a contact nothing is sent', () => visit({ url: '/inbox/mine/2026-004806' }, async (page, api) => {
    await page.fill('#reply', 'Guten Tag.');
    await page.keyboard.press('Control+Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'choose-contact');
    assert.equal(api.state.posted.length, 0);
    await clean(page, 'contact');
}));

test('HTML mail: no script, no remote content, links listed', () => visit({}, async (page) => {
    const asked = [];
    page.on('request', (r) => { if (!r.url().startsWith('http://127.0.0.1')) asked.push(r.url()); });
    await page.getByRole('button', { name: 'HTML-Ansicht' }).click();
    const frame = page.locator('iframe.mail');
    await frame.waitFor();
    assert.equal(await frame.getAttribute('sandbox'), '');
    const inside = await frame.getAttribute('srcdoc');
    assert.doesNotMatch(inside, /tracker\.example|<script|onclick|<style/);
    assert.match(await page.locator('.removed').innerText(), /1 externer Inhalt/);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.deepEqual(asked, []);
    await clean(page, 'mail');
}));

test('palette: commands by keyboard, focus returns', () => visit({}, async (page) => {
    await page.locator('.thread').focus();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('erledigt');
    await clean(page, 'palette');
    await page.keyboard.press('Enter');
    await page.locator('.head .pill.good').waitFor();
    await page.keyboard.press('?');
    await page.locator('dialog.keys').waitFor();
    await clean(page, 'keys');
}));

test('uploads: a good file is listed, a big one is refused in words', () => visit({}, async (page) => {
    await page.setInputFiles('#file', { name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('hallo') });
    await page.getByRole('button', { name: 'plan.txt entfernen' }).waitFor();
    await page.setInputFiles('#file', { name: 'gross.bin', mimeType: 'text/plain', buffer: Buffer.alloc(11e6) });
    assert.match(await page.locator('.uploads .bad').innerText(), /Möglich sind 10/);
    await clean(page, 'uploads');
}));

const takes = { count_max: 2, total_max: 3000, kinds: [{ types: 'image/jpeg image/png', bytes_max: 3000 }, { types: 'text/*', bytes_max: 1500 }] };
for (const [width, dark] of [[1440, false], [320, true]])
    test(`what files the channel takes is said before sending, and what it would refuse, at ${width}`, () => visit({ width, dark, api: { channel: { caps: ['attachments'], files: takes } } }, async (page, api) => {
        const files = { 'plan.exe': ['application/octet-stream', 10], 'lang.txt': ['text/plain', 1501], 'gross.png': ['image/png', 3001], 'eins.png': ['image/png', 1500], 'zwei.png': ['image/png', 1501], 'drei.png': ['image/png', 10], 'vier.png': ['image/png', 1500] };
        api.state.upload = (name) => ({ blob: name, type: files[name][0], length: files[name][1] });
        await page.locator('#hints', { hasText: 'Höchstens 2 Dateien, zusammen 3\u202fKB. Möglich sind JPEG, PNG; TEXT bis 1\u202fKB.' }).waitFor();
        await page.fill('#reply', 'Der Plan liegt bei.');
        const add = async (name) => {
            await page.setInputFiles('#file', { name, mimeType: 'text/plain', buffer: Buffer.from('x') });
            await page.getByRole('button', { name: `${name} entfernen` }).waitFor();
        };
        const drop = (name) => page.getByRole('button', { name: `${name} entfernen` }).click();
        const refused = async (words) => {
            await page.locator('#hints .bad', { hasText: words }).waitFor();
            await page.focus('#reply');
            await page.keyboard.press('Control+Enter');
            await page.locator('.boxw.bad', { hasText: words }).waitFor();
        };
        for (const [name, words] of [['plan.exe', 'plan.exe: Diese Art Datei'], ['lang.txt', 'lang.txt hat 1'], ['gross.png', 'gross.png hat 3']]) {
            await add(name);
            await refused(words);
            await drop(name);
        }
        for (const name of ['eins.png', 'zwei.png', 'drei.png']) await add(name);
        await refused('höchstens 2 Dateien');
        await drop('drei.png');
        await refused('zusammen 3');
        await clean(page, 'file limits');
        if (process.env.DRAHT_SHOTS) await page.screenshot({ path: `${process.env.DRAHT_SHOTS}/files-${width}.png` });
        await drop('zwei.png');
        await add('vier.png');
        assert.equal(api.state.posted.length, 0);
        await page.focus('#reply');
        await page.keyboard.press('Control+Enter');
        await page.locator('.msg', { hasText: 'Der Plan liegt bei.' }).waitFor();
        assert.equal(api.state.posted[0].attachments.length, 2);
    }));

test('limits of files in words: any kind, many kinds, a number alone', async () => {
    const many = { count_max: 4, total_max: 0, kinds: [{ types: 'image/jpeg image/png image/gif image/webp image/heic image/x-ms-bmp audio/ogg', bytes_max: 2097152 }] };
    for (const [files, words] of [[{ count_max: 0, total_max: 0, kinds: [{ types: '*', bytes_max: 5242880 }] }, 'Möglich sind Dateien aller Art bis 5\u202fMB.'],
        [many, 'Höchstens 4 Dateien. Möglich sind JPEG, PNG, GIF, WEBP, HEIC, MS-BMP und weitere bis 2\u202fMB.']])
        await visit({ api: { channel: { caps: ['attachments'], files } } }, async (page) => page.locator('#hints', { hasText: words }).waitFor());
    for (const files of [{ count_max: 0, total_max: 0, kinds: [{ types: '*', bytes_max: 52428800 }] }, { count_max: 0, total_max: 52428800, kinds: [] }]) /* more than the house takes anyway */
        await visit({ api: { channel: { caps: ['attachments'], files } } }, async (page) => assert.equal(await page.locator('#hints').innerText(), ''));
});

const text = (unit, more) => ({ unit, message_max: 0, messages_max: 0, header_bytes: 6, is_plain: false, is_latin1: false, late_max: 0, ...more });
const smpp = (more) => ({ type: 'smpp', text_max: 1530, text: text('sms', { messages_max: 10, ...more }) });
const telegram = { type: 'telegram', text_max: 4096, text: text('utf16', { message_max: 4096, messages_max: 100 }) };
const lengths = [
    [smpp(), 'a'.repeat(160), /^160 von 160, 1 SMS$/, ''],
    [smpp(), 'a'.repeat(161), /^161 Zeichen, 2 SMS$/, ''],
    [smpp(), `${'a'.repeat(159)}€`, /^161 Zeichen, 2 SMS$/, ''],
    [smpp(), `${'a'.repeat(152)}€${'a'.repeat(152)}`, /^306 Zeichen, 3 SMS$/, ''], // an escape pair is not torn
    [smpp(), '€'.repeat(80), /^160 von 160, 1 SMS$/, ''],
    [smpp(), `ş${'a'.repeat(69)}`, /^70 Zeichen, 1 SMS mit dem Zeichen „ş“\.$/, 'warn'],
    [smpp(), `ş${'a'.repeat(70)}`, /^71 Zeichen, 2 SMS wegen „ş“\.$/, 'warn'],
    [smpp(), `${'a'.repeat(66)}😀${'a'.repeat(66)}`, /^134 Zeichen, 3 SMS wegen „😀“\.$/, 'warn'], // nor a surrogate pair
    [smpp({ header_bytes: 7 }), 'a'.repeat(306), /^306 Zeichen, 3 SMS$/, ''],
    [smpp({ is_plain: true }), '„Guten Tag“ – Ihr Amt…', /^24 von 160, 1 SMS$/, ''],
    [smpp({ is_latin1: true }), 'Preis: 5 €', /^10 Zeichen, 1 SMS mit dem Zeichen „€“\.$/, 'warn'],
    [smpp(), 'a'.repeat(1530), /^1\s530 Zeichen, 10 SMS$/, ''],
    [smpp(), 'a'.repeat(1531), /^11 SMS, möglich sind 10: zu lang$/, 'bad'],
    [smpp(), `ş${'a'.repeat(670)}`, /^11 SMS, möglich sind 10: zu lang$/, 'bad'],
    [{ type: 'sms-http', text_max: 200, text: text('sms') }, 'a'.repeat(201), /^201 von 200 Zeichen: zu lang$/, 'bad'],
    [telegram, 'a'.repeat(3000), /^$/, ''],
    [telegram, '😀'.repeat(2000), /^4\s000 von 4\s096 Zeichen$/, ''],
    [telegram, 'a'.repeat(4097), /^4\s097 Zeichen: geht in mehreren Nachrichten zu höchstens 4\s096 hinaus$/, ''],
    [telegram, 'a'.repeat(409601), /^409\s601 von 409\s600 Zeichen: zu lang$/, 'bad'],
    [{ type: 'instagram', text_max: 1000, text: text('bytes', { message_max: 1000, messages_max: 100 }) }, 'ä'.repeat(501), /^1\s002 Zeichen: geht in mehreren Nachrichten zu höchstens 1\s000 hinaus \(Umlaute zählen doppelt\)$/, ''],
    [{ type: 'webchat', text_max: 4000 }, 'a'.repeat(4001), /^4\s001 von 4\s000 Zeichen: zu lang$/, 'bad'],
];
for (const type of new Set(lengths.map(([c]) => c.type)))
    test(`how a text goes out is said before sending, and what is too long is held back: ${type}`, async () => {
        for (const [channel, words, told, level] of lengths.filter(([c]) => c.type === type))
            await visit({ api: { channel: { caps: ['attachments'], ...channel } } }, async (page, api) => {
                await page.fill('#reply', words);
                const hint = page.locator('#hints span').first();
                let said;
                await until('the hint', async () => told.test((said = await hint.innerText({ timeout: 200 }).catch(() => '')))).catch(() => assert.match(said, told));
                if (await hint.count()) assert.equal(await hint.evaluate((e) => e.className), level);
                if (level !== 'bad') return;
                await page.focus('#reply');
                await page.keyboard.press('Control+Enter');
                await page.locator('.boxw.bad', { hasText: 'zu lang. Kürzen Sie den Text' }).waitFor();
                assert.equal(api.state.posted.length, 0);
            });
    });

test('after the time for replies a template has limits of its own; without one nothing goes out', async () => {
    for (const [late_max, words, told, level] of [[0, 'Hallo', /nimmt keine Antwort mehr an/, 'bad'], [1024, 'Hallo', /in der Vorlage hinaus, .+ höchstens 1\s024 Zeichen und ohne Dateien\.$/, 'warn'], [1024, 'a'.repeat(1025), /in der Vorlage hinaus/, 'bad']])
        await visit({ api: { channel: { type: 'whatsapp', reply_window_hours: 0.5, text: text('utf16', { message_max: 4096, messages_max: 100, late_max }) } } }, async (page) => {
            await page.fill('#reply', words);
            const hint = page.locator('#hints span', { hasText: told });
            await hint.waitFor();
            await until('the level', () => hint.evaluate((e, want) => e.className === want, level));
            await clean(page, 'late replies');
        });
});

test('how long a reply may go out is said from the beginning, and when it may not any more', async () => {
    for (const [hours, words, bad] of [[1000, /^Die Zeit für Antworten auf diesem Kanal endet in 4\d Tagen \(.+\)\.$/, false], [21, / endet in \d+ (Std|Min)\. \(/, false], [0.5, /^Seit der letzten Nachricht sind mehr als/, true]])
        await visit({ api: { channel: { reply_window_hours: hours } } }, async (page) => {
            const hint = page.locator('#hints span').first();
            await hint.waitFor();
            assert.match(await hint.innerText(), words);
            assert.equal(await hint.evaluate((e) => e.className.includes('bad')), bad);
            await clean(page, 'reply window');
        });
});

test('a lost connection is said, comes back and the list is fetched anew', () => visit({ url: '/inbox/mine', ready: '.row' }, async (page, api) => {
    await page.context().setOffline(true);
    api.cut();
    await page.locator('.boxw', { hasText: 'Keine Verbindung' }).waitFor();
    await clean(page, 'offline');
    api.state.tickets[0].subject = 'Nach der Pause';
    await page.context().setOffline(false);
    await page.getByText('Nach der Pause').waitFor();
}));
