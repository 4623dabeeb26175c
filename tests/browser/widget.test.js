// SPDX-License-Identifier: EUPL-1.2
// The chat widget in a real browser, against the fake chat server: every state with axe-core, keys alone, resends, two tabs,
// long poll. DRAHT_SHOTS=folder keeps a picture of each state. The real gateway is driven in widget-gateway.test.js.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { chromium } = require('playwright-core');
const { fakeChatServer } = require('./fake-chat-server.js');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];
const shots = process.env.DRAHT_SHOTS;
let browser;
test.before(async () => { browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags }); });
test.after(() => browser.close());

/** Waits for a condition of ours, never for a time. */
async function until(what, said) {
    for (const end = Date.now() + 15000; Date.now() < end; await new Promise((r) => { setImmediate(r); })) if (await what()) return;
    assert.fail(`never: ${said}`);
}
async function visit(t, more = {}, config = {}) {
    const server = await fakeChatServer({ config });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'de-DE', ...more });
    t.after(async () => { await context.close(); await server.close(); });
    const page = await context.newPage();
    page.setDefaultTimeout(15000);
    const errors = [];
    page.on('pageerror', (e) => errors.push(String(e)));
    page.on('console', (m) => { if (/Content Security Policy/.test(m.text())) errors.push(m.text()); });
    await page.goto(server.host);
    await page.locator('draht-chat button').waitFor();
    return { server, context, page, errors, frame: page.frameLocator('draht-chat iframe') };
}
async function begin(v) {
    await v.page.locator('draht-chat button').click();
    await v.frame.locator('#begin').click();
    await v.frame.locator('#text').waitFor();
}
async function say(v, words) {
    await v.frame.locator('#text').fill(words);
    await v.frame.locator('#text').press('Enter');
}
const said = (v, type) => v.server.frames.filter((f) => f.t === type);

const states = {
    closed: { async run() {} },
    notice: { async run(v) { await v.page.locator('draht-chat button').click(); await v.frame.locator('#begin').waitFor(); } },
    easy: { async run(v) {
        await states.notice.run(v);
        await v.frame.getByRole('button', { name: 'Leichte Sprache' }).click();
        await v.frame.getByRole('heading', { name: 'So geht der Chat' }).waitFor();
    } },
    english: { async run(v) {
        await states.notice.run(v);
        await v.frame.getByRole('button', { name: 'English' }).click();
        await v.frame.getByRole('heading', { name: 'Before you start' }).waitFor();
    } },
    talk: { async run(v) {
        await begin(v);
        await say(v, 'Guten Morgen, unser Sperrmüll steht immer noch am Lindenufer 12. Muss ich ihn wieder reinholen?');
        await v.frame.getByText('Angekommen').waitFor();
        v.server.say({ t: 'state', id: 'm1', seq: 1, state: 'read' });
        v.server.say({ t: 'agent', name: 'Milan Novak' });
        v.server.agent('Bitte lassen Sie alles stehen: https://stadt.test/abfall. Ich melde mich bis 14:30 Uhr.',
            { files: [{ i: 0, name: 'merkblatt.pdf', type: 'application/pdf', length: 181000, token: 'x' }] });
        await v.frame.getByText('Gelesen').waitFor();
        v.server.say({ t: 'typing', on: true, name: 'Milan Novak' });
        await v.frame.getByText('Milan Novak schreibt').waitFor();
    } },
    menu: { async run(v) { await begin(v); await v.frame.locator('#menu').click(); await v.frame.locator('#end').waitFor(); } },
    languages: { async run(v) { await begin(v); await v.frame.locator('#lang').click(); await v.frame.locator('#langs button').first().waitFor(); } },
    upload: { async run(v) {
        v.server.holdUpload = true;
        await begin(v);
        await until(() => said(v, 'hello').length, 'a line');
        await v.frame.locator('#pick').setInputFiles([
            { name: 'lindenufer.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(1800000) },
            { name: 'video.mov', mimeType: 'video/quicktime', buffer: Buffer.alloc(1000) },
            { name: 'gross.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(12 * 1048576) }]);
        await v.frame.getByText('12 MB sind zu groß. Bis 10 MB sind möglich.').waitFor();
        await v.frame.getByText('Möglich: JPEG, PNG, PDF').waitFor();
        await v.frame.getByText('1,7 MB hochgeladen').waitFor();
    } },
    offline: { config: { open: false, next_open_at: Date.now() + 864e5 }, async run(v) {
        await begin(v);
        await v.frame.getByRole('heading', { name: /Wir antworten morgen ab/ }).waitFor();
        await v.frame.getByLabel(/Antwort auch per E-Mail/).waitFor();
    } },
    place: { async run(v) {
        await begin(v);
        await say(v, 'Wo bekomme ich einen Bewohnerparkausweis?');
        await v.frame.getByText('Angekommen').waitFor();
        v.server.say({ t: 'place', before: 3, open: true, next_open_at: null });
        await v.frame.getByText('Vor Ihnen warten 3 Personen.').waitFor();
    } },
    'place-easy': { async run(v) {
        await states.easy.run(v);
        await v.frame.locator('#begin').click();
        await say(v, 'Wann haben Sie auf?');
        await v.frame.locator('.dw-m.me').waitFor();
        v.server.say({ t: 'place', before: 0, open: true, next_open_at: null });
        await v.frame.getByText('Sie sind jetzt dran.').waitFor();
    } },
    noconnection: { async run(v) {
        await begin(v);
        await say(v, 'Hallo');
        await v.frame.getByText('Angekommen').waitFor();
        v.server.down = true;
        v.server.cut();
        await v.frame.getByRole('heading', { name: 'Ihr Internet ist unterbrochen' }).waitFor();
        await say(v, 'Ja, direkt neben der Laterne.');
        await v.frame.getByText('Noch nicht gesendet').waitFor();
    } },
    toolong: { async run(v) {
        await begin(v);
        await v.frame.locator('#text').fill('Sehr geehrte Damen und Herren, '.repeat(140));
        await v.frame.locator('#text').press('Enter');
        await v.frame.getByText('Diese Nachricht ist zu lang').waitFor();
    } },
    ended: { async run(v) {
        await begin(v);
        await say(v, 'Hallo');
        await v.frame.getByText('Angekommen').waitFor();
        v.server.agent('Der Wagen kommt um 15 Uhr.');
        v.server.say({ t: 'closed', number: '2026-004817' });
        await v.frame.getByText('Ihre Anfrage ist erledigt').waitFor();
        await v.frame.getByRole('link', { name: 'Zur Statusseite' }).waitFor();
        await v.frame.getByLabel('Zum Teil').check();
    } },
    down: { down: true, async run(v) { await v.page.locator('draht-chat button').click(); await v.frame.getByText('lässt sich gerade nicht öffnen').waitFor(); } },
};
const looks = { desktop: {}, dark: { colorScheme: 'dark' }, forced: { forcedColors: 'active' },
    phone: { viewport: { width: 390, height: 844 } }, 'phone-dark': { viewport: { width: 320, height: 568 }, colorScheme: 'dark' },
    zoomed: { viewport: { width: 320, height: 256 } } };

async function violations(page, frame) {
    await page.evaluate(axe);
    const found = (await page.evaluate('axe.run(document, { iframes: false })')).violations;
    const inner = page.frames().find((f) => f !== page.mainFrame());
    if (inner && frame) {
        await inner.evaluate(axe);
        found.push(...(await inner.evaluate('axe.run(document)')).violations);
    }
    return found.map((x) => `${x.id}: ${x.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
}

for (const [name, state] of Object.entries(states))
    for (const [look, options] of Object.entries(looks))
        test(`${name}, ${look}: no violation, nothing sideways, every target large enough`, async (t) => {
            const v = await visit(t, options, state.config);
            v.server.down = Boolean(state.down);
            await state.run(v);
            if (shots) await v.page.screenshot({ path: path.join(shots, `${name}-${look}.png`) });
            assert.deepEqual(await violations(v.page, true), []);
            const inner = v.page.frames()[1];
            const faults = inner && await inner.evaluate(() => {
                const main = document.querySelector('main');
                const list = [];
                if (document.documentElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth) list.push('sideways');
                for (const el of document.querySelectorAll('button, a:not(p a, .tx a), input')) {
                    const r = el.getBoundingClientRect();
                    if (r.width && (r.width < 24 || r.height < 24)) list.push(el.outerHTML.slice(0, 90));
                }
                return list;
            });
            assert.deepEqual(faults ?? [], []);
            assert.deepEqual(v.errors, []);
        });

test('before the click nothing is asked and nothing is stored', async (t) => {
    const v = await visit(t);
    assert.deepEqual(v.server.requests.filter((r) => !/favicon/.test(r)), ['city /', 'GET /widget/draht.js']);
    await v.page.locator('draht-chat button').click();
    await v.frame.locator('#begin').waitFor();
    assert.equal(v.server.requests.filter((r) => r === 'SOCKET').length, 0);
    const inner = v.page.frames()[1];
    assert.equal(await inner.evaluate(() => localStorage.length + sessionStorage.length), 0);
});

test('a whole conversation by keys alone', async (t) => {
    const v = await visit(t);
    const keys = v.page.keyboard;
    const inner = () => v.page.frames()[1];
    const focus = () => inner().evaluate(() => document.activeElement.id);
    async function walk(to, key = 'Tab') {
        for (let i = 0; i < 40; i++) { if (await focus() === to) return; await keys.press(key); }
        assert.fail(`the keys do not reach ${to}`);
    }
    await keys.press('Tab');
    await keys.press('Tab');
    await keys.press('Enter');
    await v.frame.locator('#begin').waitFor();
    await until(async () => await focus() === 'before', 'focus on the heading of the notice');
    await walk('begin');
    await keys.press('Enter');
    await until(async () => await focus() === 'text', 'focus in the field');
    await keys.type('Guten Tag');
    await keys.press('Shift+Enter');
    await keys.type('zweite Zeile');
    await keys.press('Enter');
    await v.frame.getByText('Angekommen').waitFor();
    assert.equal(said(v, 'msg')[0].text, 'Guten Tag\nzweite Zeile');
    v.server.agent('Moment');
    await v.frame.getByText('Moment').waitFor();
    assert.equal(await focus(), 'text', 'an answer never moves the focus');
    await keys.press('Escape');
    const button = v.page.locator('draht-chat button');
    await button.waitFor();
    assert.equal(await v.page.evaluate(() => document.querySelector('draht-chat').shadowRoot.activeElement?.className), 'dw-open');
    v.server.agent('Noch etwas');
    await v.page.getByRole('button', { name: '1 neue Antwort' }).waitFor();
    await keys.press('Enter');
    await until(async () => await focus() === 'text', 'focus in the field again');
    await until(() => said(v, 'read').some((f) => f.seq === 3), 'read mark');
    await walk('menu', 'Shift+Tab');
    await keys.press('Enter');
    await walk('end');
    await keys.press('Enter');
    await until(async () => await focus() === 'doneh', 'focus on the end');
    assert.equal(said(v, 'end').length, 1);
    for (let i = 0; i < 20 && !(await inner().evaluate(() => document.activeElement.name === 'r')); i++) await keys.press('Tab');
    await keys.press('Space');
    await keys.press('Tab');
    await keys.type('Weiter so');
    await keys.press('Tab');
    await keys.press('Enter');
    await until(() => said(v, 'feedback').length, 'feedback');
    assert.deepEqual(said(v, 'feedback')[0], { t: 'feedback', answer: 'yes', text: 'Weiter so' });
    await until(async () => await focus() === 'more', 'focus on the next question');
    await keys.press('Enter');
    await until(async () => await focus() === 'text', 'writing again');
});

test('what was not acknowledged is sent again, in order and once', async (t) => {
    const v = await visit(t);
    await begin(v);
    v.server.quiet = true;
    await say(v, 'eins');
    await say(v, 'zwei');
    await until(() => said(v, 'msg').length, 'first try');
    v.server.quiet = false;
    v.server.cut();
    await v.frame.getByText('Angekommen').nth(1).waitFor();
    assert.deepEqual(v.server.history.map((m) => m.text), ['eins', 'zwei']);
    const tries = said(v, 'msg').filter((f) => f.text === 'eins');
    assert.equal(tries.length, 2);
    assert.equal(tries[0].cid, tries[1].cid);
    assert.equal(said(v, 'hello').at(-1).token, 'token-1');
});

test('not stored: kept and sent again; refused: the text comes back', async (t) => {
    const v = await visit(t);
    await begin(v);
    v.server.nack = { code: 'unavailable', retry_ms: 20 };
    await say(v, 'eins');
    await v.frame.getByText('Angekommen').waitFor();
    v.server.nack = { code: 'invalid' };
    await say(v, 'zwei');
    await v.frame.getByText('Diese Nachricht konnten wir nicht annehmen').waitFor();
    assert.equal(await v.frame.locator('#text').inputValue(), 'zwei');
});

test('two tabs, reload and a token that has expired', async (t) => {
    const v = await visit(t);
    await begin(v);
    await say(v, 'aus dem ersten');
    await v.frame.getByText('Angekommen').waitFor();
    const second = { ...v, page: await v.context.newPage() };
    await second.page.goto(v.server.host);
    second.frame = second.page.frameLocator('draht-chat iframe');
    await second.page.locator('draht-chat button').click();
    await second.frame.getByText('aus dem ersten').waitFor();
    await say(second, 'aus dem zweiten');
    await v.frame.getByText('aus dem zweiten').waitFor();
    v.server.refuseToken = true;
    await second.page.reload();
    await second.page.locator('draht-chat button').click();
    await until(() => said(v, 'hello').at(-1).token === null, 'a new conversation');
});

test('a browser that lets the frame store nothing still carries the conversation', async (t) => {
    const v = await visit(t);
    await v.page.goto(v.server.otherSite);
    await begin(v);
    await say(v, 'ohne Speicher');
    await v.frame.getByText('Angekommen').waitFor();
    v.server.cut();
    await say(v, 'nach dem Abbruch');
    await v.frame.getByText('Angekommen').nth(1).waitFor();
    assert.equal(said(v, 'hello').at(-1).token, 'token-1');
    assert.deepEqual(v.errors, []);
});

test('without WebSockets the long poll carries the conversation', async (t) => {
    const v = await visit(t);
    v.server.blockSockets = true;
    await begin(v);
    await say(v, 'per Post');
    await v.frame.getByText('Angekommen').waitFor();
    v.server.agent('auch per Post');
    await v.frame.getByText('auch per Post').waitFor();
});

test('a file goes along with the message, its upload can be stopped', async (t) => {
    const v = await visit(t);
    await begin(v);
    await until(() => said(v, 'hello').length, 'a line');
    await v.frame.locator('#pick').setInputFiles({ name: 'Straße 1.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('hello') });
    await v.frame.getByRole('button', { name: 'Straße 1.jpg entfernen' }).waitFor();
    await say(v, 'So sieht es aus');
    await v.frame.getByText('Angekommen').waitFor();
    assert.deepEqual(v.server.uploads, [{ name: 'Straße 1.jpg', length: 5 }]);
    assert.deepEqual(said(v, 'msg')[0].files, ['blob1']);
    v.server.holdUpload = true;
    await v.frame.locator('#pick').setInputFiles({ name: 'zwei.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('x') });
    await v.frame.getByRole('button', { name: 'zwei.jpg nicht hochladen' }).click();
    assert.equal(await v.frame.locator('.dw-file').count(), 0);
});

test('a file that the virus scanner refused says so, and offers no second try', async (t) => {
    const v = await visit(t);
    await begin(v);
    await until(() => said(v, 'hello').length, 'a line');
    v.server.infected = true;
    await v.frame.locator('#pick').setInputFiles({ name: 'eicar.pdf', mimeType: 'application/pdf', buffer: Buffer.from('x') });
    await v.frame.getByRole('alert').getByText('Virus').waitFor();
    assert.equal(await v.frame.locator('.dw-file').getByText('Noch einmal versuchen').count(), 0);
    await v.frame.getByRole('button', { name: 'eicar.pdf entfernen' }).click();
    assert.equal(await v.frame.locator('.dw-file').count(), 0);
});

test('markup in a message stays text', async (t) => {
    const v = await visit(t);
    await begin(v);
    await say(v, 'hallo');
    await v.frame.getByText('Angekommen').waitFor();
    v.server.agent('<img src=x onerror=alert(1)> javascript:alert(1)');
    await v.frame.getByText('<img src=x').waitFor();
    assert.equal(await v.frame.locator('.tx img, .tx a').count(), 0);
});

test('on a phone the page behind is out of reach, and back after closing', async (t) => {
    const v = await visit(t, looks.phone);
    await v.page.locator('draht-chat button').click();
    await v.frame.locator('#begin').waitFor();
    assert.equal(await v.page.locator('main').evaluate((el) => el.inert), true);
    await v.frame.locator('#small').click();
    await v.page.locator('draht-chat button').waitFor();
    assert.equal(await v.page.locator('main').evaluate((el) => el.inert), false);
});

test('the place in the queue is read out when it becomes less, at most every 30 seconds; more is only shown', async (t) => {
    const v = await visit(t);
    await v.page.clock.install();
    await begin(v);
    await say(v, 'Guten Tag');
    await v.frame.locator('.dw-m.me').waitFor();
    const p = v.frame.locator('#place');
    const place = async (before, words, more = {}) => {
        v.server.say({ t: 'place', before, open: true, next_open_at: null, ...more });
        await until(async () => (await p.innerText()) === words, words || 'no place');
    };
    const live = () => p.getAttribute('aria-live');
    assert.equal(await p.getAttribute('role'), 'status');
    await place(4, 'Vor Ihnen warten 4 Personen.');
    assert.equal(await live(), 'polite');
    for (const before of [3, 1]) v.server.say({ t: 'place', before, open: true, next_open_at: null });
    v.server.say({ t: 'typing', on: true, name: 'Milan Novak' });
    await v.frame.getByText('Milan Novak schreibt').waitFor();
    assert.equal(await p.innerText(), 'Vor Ihnen warten 4 Personen.', 'so soon nothing is read out');
    await v.page.clock.fastForward(31000);
    await until(async () => (await p.innerText()) === 'Vor Ihnen wartet 1 Person.', 'it is read out when the time has come');
    assert.equal(await live(), 'polite');
    await v.page.clock.fastForward(31000);
    await place(2, 'Vor Ihnen warten 2 Personen.');
    assert.equal(await live(), 'off', 'more is not read out');
    await place(0, 'Sie sind als Nächste an der Reihe.');
    assert.equal(await live(), 'polite');
    await v.frame.locator('#lang').click();
    await v.frame.getByRole('button', { name: 'English' }).click();
    await v.frame.getByText('You are next.').waitFor();
    const morning = new Date(await v.page.evaluate(() => Date.now()) + 864e5);
    morning.setHours(8, 0, 0);
    v.server.say({ t: 'place', before: 0, open: false, next_open_at: +morning });
    await v.frame.getByText(/We answer tomorrow from/).last().waitFor();
    assert.match(await p.innerText(), /^We answer tomorrow from/);
    assert.equal(await live(), 'off');
    v.server.say({ t: 'place', before: null, open: true, next_open_at: null });
    await until(async () => !(await p.isVisible()), 'the place is gone');
});

test('a colour that cannot be read is refused, a good one is used', async (t) => {
    for (const [action, used] of [['#ffd000', '#075a70'], ['#8a1c4a', 'rgb(138 28 74)']]) {
        const v = await visit(t, {}, { colors: { action, on_action: '#ffffff' } });
        await states.notice.run(v);
        const is = await v.page.frames()[1].evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--d-action').trim());
        assert.equal(is, used);
    }
});

test('twice the text size cuts nothing off', async (t) => {
    const v = await visit(t, { viewport: { width: 640, height: 800 } });
    await states.talk.run(v);
    v.server.say({ t: 'place', before: 12, open: true, next_open_at: null });
    await v.frame.getByText('Vor Ihnen warten 12 Personen.').waitFor();
    await v.page.frames()[1].evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    const cut = await v.page.frames()[1].evaluate(() => [...document.querySelectorAll('h1, p, button, .tx, a')]
        .filter((el) => el.scrollWidth > el.clientWidth + 1 && getComputedStyle(el).display !== 'inline' && el.className !== 'sr').map((el) => el.outerHTML.slice(0, 80)));
    assert.deepEqual(cut, []);
    assert.deepEqual(await violations(v.page, true), []);
});
