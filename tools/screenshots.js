// SPDX-License-Identifier: EUPL-1.2
// Makes the pictures of the README from a real gateway in demo mode: node tools/screenshots.js [FOLDER]
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { randomUUID } = require('node:crypto');
const { until } = require('../tests/lib/process');
const { Gateway, ROOT } = require('../tests/lib/gateway');

const out = process.argv[2] || path.join(ROOT, 'docs', 'images');
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const OFFICES = [['standesamt', 'Standesamt'], ['wohngeld', 'Wohngeldstelle'], ['ordnungsamt', 'Ordnungsamt'], ['verkehr-tiefbau', 'Verkehr und Tiefbau'], ['stadtreinigung', 'Stadtreinigung'], ['gruenflaechen', 'Grünflächenamt'], ['schule-kita', 'Schule und Kita'],
    ['leitstelle', 'Leitstelle']].map(([id, name]) => ({ id, name }));

/** A clerk's morning: some requests are hers, one is answered and noted. Gives its number. */
async function furnish(gateway) {
    await gateway.login();
    const { tickets } = await until('the demo requests', async () => {
        const list = await gateway.api('GET', '/tickets?view=all&limit=200');
        return list.tickets.length >= 200 && list;
    }, 30000);
    const mail = tickets.find((t) => t.channel_type === 'email' && t.queue === 'stadtreinigung' && t.subject) || tickets[0];
    const mine = [mail, ...tickets.filter((t) => t !== mail).slice(0, 11)];
    for (const [i, t] of mine.entries()) await gateway.api('PATCH', `/tickets/${t.number}`, { assignee: 'admin', state: 'open', priority: i % 4 === 0 ? 'high' : 'normal', tags: i === 0 ? ['Sperrmüll', 'Tour 7'] : [] });
    const say = (kind, text) => gateway.api('POST', `/tickets/${mail.number}/messages`, { kind, text, attachments: [], client_id: randomUUID() });
    await say('note', 'Tour 7 ist wegen der Sperrung nicht durchgekommen. Ich frage Tour 3.');
    await say('reply', 'Guten Tag,\ndie Tour 3 kommt heute zwischen 15 und 17 Uhr vorbei. Danke für Ihre Geduld.');
    return mail.number;
}

async function main() {
    fs.mkdirSync(out, { recursive: true });
    const gateway = new Gateway({ binary: path.join(ROOT, 'build', 'opt', 'draht'), args: ['--demo'], addresses: ', "@musterstadt.test"', queues: OFFICES, rules: OFFICES.map((q) => `  - {name: "an ${q.id}", recipient: "${q.id}@musterstadt.test", queue: ${q.id}}`).join('\n') });
    await gateway.start();
    const number = await furnish(gateway);
    const base = `http://127.0.0.1:${gateway.port}`;
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
    const shot = async (page, name) => {
        await page.screenshot({ path: path.join(out, `${name}.png`) });
        console.log(name);
    };
    try {
        for (const [name, scheme, size] of [['inbox', 'light', [1440, 900]], ['inbox-dark', 'dark', [1440, 900]], ['inbox-phone', 'light', [390, 844]]]) {
            const context = await browser.newContext({ colorScheme: scheme, viewport: { width: size[0], height: size[1] }, locale: 'de-DE' });
            const page = await context.newPage();
            await page.goto(`${base}/inbox/`);
            await page.fill('#login-user', 'admin');
            await page.fill('#login-password', gateway.password);
            await page.keyboard.press('Enter');
            await page.locator('.row').first().waitFor();
            await shot(page, `${name}-list`);
            await page.locator(`a[href*="${number}"]`).first().click();
            await page.locator('.msg').first().waitFor();
            await page.waitForLoadState('networkidle');
            await shot(page, name);
            await context.close();
        }
        for (const [name, size] of [['widget', [1100, 760]], ['widget-phone', [390, 760]]]) {
            const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, locale: 'de-DE' });
            const page = await context.newPage();
            await page.goto(`${base}/demo/`);
            await page.locator('button[aria-expanded]').first().click();
            const frame = page.frameLocator('iframe').first();
            await frame.locator('button.btn-primary, button.d-primary, button').filter({ hasText: /beginnen|Einverstanden/ }).first().click();
            await frame.locator('#text').fill('Wann wird der Sperrmüll in der Lindenstraße abgeholt?');
            await page.keyboard.press('Enter');
            await frame.locator('[role="log"] li, [role="log"] div').first().waitFor();
            await frame.getByText('Angekommen').first().waitFor({ timeout: 8000 });
            await shot(page, name);
            await context.close();
        }
    } finally {
        await browser.close();
        await gateway.close();
    }
}

main().catch((e) => {
    console.error(e);
    process.exit(1);
});
