// SPDX-License-Identifier: EUPL-1.2
// How each channel whose peer posts to us is set up and spoken to in a measurement: yaml for the gateway, request(i, sender, text,
// gateway) for one message.
'use strict';
const path = require('node:path');
const { createHmac } = require('node:crypto');
const { getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');
const { ROOT } = require('../lib/gateway');
const { channel_up } = require('./tools');
const { signature, asMetaWrites, bodyOf } = require('../lib/fake-graph');

const META = { whatsapp: '100200300', messenger: '500600', instagram: '700800' };
const META_OWN = { whatsapp: '      phone_number_id: "100200300"\n', messenger: '      page_id: "500600"\n', instagram: '      page_id: "500600"\n      account_id: "700800"\n' };

function meta(name) {
    return {
        name,
        yaml: `  - id: ${name}\n    type: ${name}\n    queue: buergerbuero\n    options:\n      privacy_acknowledged: true\n      app_secret: secret-of-the-app\n      verify_token: word-of-the-city\n      access_token: token-of-the-city\n      api_url: "http://127.0.0.1:9"\n${META_OWN[name]}`,
        request(i, sender, text) {
            const at = Date.now(), number = `49155${sender.slice(1).padStart(6, '0')}`;
            const x = name === 'whatsapp'
                ? { message: { from: number, id: `id.${at}.${i}`, timestamp: String(Math.floor(at / 1000)), type: 'text', text: { body: text } }, contacts: [{ profile: { name: 'Jana Probe' }, wa_id: number }] }
                : { event: { sender: { id: number }, timestamp: at, message: { mid: `id.${at}.${i}`, text } } };
            const body = Buffer.from(asMetaWrites(bodyOf(name, META[name], [x])));
            return { path: `/channels/${name}/webhook`, headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature('secret-of-the-app', body) }, body };
        },
    };
}

const open311 = {
    name: 'open311',
    yaml: `  - id: open311
    type: open311
    queue: buergerbuero
    options:
      api_keys: [schluessel-der-messung]
      bounds: [51.2, 12.2, 51.5, 12.6]
      contact: "open311@stadt.test"
      services:
        - {code: "002", name: Straßenlaterne, description: Licht ist aus}
`,
    request(i, sender, text) {
        const body = Buffer.from(new URLSearchParams({ api_key: 'schluessel-der-messung', service_code: '002', lat: String(51.3 + (i % 1000) / 10000), long: '12.4', email: `${sender}@buerger.test`, description: `${text} ${Date.now()}` }).toString());
        return { path: '/channels/open311/requests.json', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body };
    },
};

const telegram = {
    name: 'telegram',
    yaml: `  - id: telegram
    type: telegram
    queue: buergerbuero
    options:
      token: "123456789:AAE-token_of_the_measurement"
      mode: webhook
      secret: wort-der-messung-0815
      api_url: "http://127.0.0.1:9"
`,
    request(i, sender, text) {
        const chat = 100000 + Number(sender.slice(1)), date = Math.floor(Date.now() / 1000);
        const body = Buffer.from(JSON.stringify({ update_id: i, message: { message_id: i, date, chat: { id: chat, type: 'private' }, from: { id: chat, is_bot: false, first_name: 'Jana' }, text } }));
        return { path: '/channels/telegram/webhook', headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': 'wort-der-messung-0815' }, body };
    },
};

const twilio = {
    name: 'twilio',
    yaml: `  - id: twilio
    type: twilio
    queue: buergerbuero
    options:
      account_sid: ACmessung
      auth_token: token-of-the-city
      from: "+4930990011"
      api_url: "http://127.0.0.1:9"
`,
    request(i, sender, text, gateway) {
        const where = '/channels/twilio/message';
        const fields = { MessageSid: `SM${Date.now()}.${i}`, AccountSid: 'ACmessung', From: `+4915${sender.slice(1).padStart(8, '0')}`, To: '+4930990011', Body: text, NumMedia: '0' };
        const signed = getExpectedTwilioSignature('token-of-the-city', `http://127.0.0.1:${gateway.port}${where}`, fields);
        return { path: where, headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signed }, body: Buffer.from(new URLSearchParams(fields).toString()) };
    },
};

/** An invented provider's JSON, signed over the body. */
const smsHttp = {
    name: 'sms_http', // a figure's name has no hyphen
    yaml: `  - id: sms-http
    type: sms-http
    queue: buergerbuero
    options:
      url: "http://127.0.0.1:9"
      content_type: json
      fields: {to: "{to}", text: "{text}"}
      in: {id: /id, from: /from, text: /text}
      hmac_secret: schluessel-der-messung
`,
    request(i, sender, text) {
        const body = Buffer.from(JSON.stringify({ id: `J${Date.now()}.${i}`, from: `+4915${sender.slice(1).padStart(8, '0')}`, text }));
        return { path: '/channels/sms-http/message', headers: { 'content-type': 'application/json', 'x-signature': createHmac('sha256', 'schluessel-der-messung').update(body).digest('hex') }, body };
    },
};

/** Written down by staff: the session and what protects it are part of the price. */
const desk = {
    name: 'desk',
    yaml: '  - id: desk\n    type: desk\n    queue: buergerbuero\n',
    request(i, sender, text, gateway) {
        const body = Buffer.from(JSON.stringify({ client_id: `${Date.now()}.${i}`, kind: 'phone', who: 'Jana Probe', what: text, reply: `0341 ${sender.slice(1).padStart(6, '0')}` }));
        return { path: '/api/v1/desk', headers: { 'content-type': 'application/json', cookie: gateway.cookie, 'x-csrf-token': gateway.csrf }, body };
    },
};

/** A program, the Python skeleton: each message crosses the wire twice, as its request and as its message. */
const exec = {
    name: 'exec',
    has_program: true,
    yaml: `  - id: exec
    type: exec
    queue: buergerbuero
    options:
      command: [${path.join(ROOT, 'channels', 'skeleton', 'python', 'pigeon.py')}]
      settings: {url: "http://127.0.0.1:9/send", secret: taubenschlag-der-messung}
`,
    ready: (gateway) => channel_up(gateway, 'exec'),
    request(i, sender, text) {
        const body = Buffer.from(JSON.stringify({ id: `${Date.now()}.${i}`, from: sender, name: 'Jana Probe', text }));
        return { path: '/channels/exec/in', headers: { 'content-type': 'application/json', authorization: 'Bearer taubenschlag-der-messung' }, body };
    },
};

const rows = [open311, telegram, meta('whatsapp'), meta('messenger'), meta('instagram'), twilio, smsHttp, desk, exec];

module.exports = { rows };
