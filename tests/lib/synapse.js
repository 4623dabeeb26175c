// SPDX-License-Identifier: EUPL-1.2
// A real Synapse homeserver (PyPI) on loopback with SQLite in a scratch folder. tools/peers.sh installs it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { createHmac, randomBytes } = require('node:crypto');
const { scratch, freePort, until, Process, run } = require('./process');

const PYTHON = path.join(__dirname, '..', '..', 'build', 'peers', 'venv', 'bin', 'python');
const has = () => fs.existsSync(PYTHON) && fs.existsSync(path.join(path.dirname(PYTHON), 'synapse_homeserver'));

class Synapse {
    async start(options = {}) {
        this.dir = scratch('synapse');
        this.port = await freePort();
        this.url = `http://127.0.0.1:${this.port}`;
        this.secret = randomBytes(16).toString('hex');
        const generous = '{per_second: 10000, burst_count: 10000}';
        fs.mkdirSync(path.join(this.dir, 'media'));
        fs.writeFileSync(path.join(this.dir, 'log.yaml'), `version: 1
handlers: {console: {class: logging.StreamHandler}}
root: {level: WARNING, handlers: [console]}
`);
        this.config = path.join(this.dir, 'homeserver.yaml');
        fs.writeFileSync(this.config, `server_name: lab.test
pid_file: ${this.dir}/pid
listeners: [{port: ${this.port}, bind_addresses: ["127.0.0.1"], type: http, resources: [{names: [client]}]}]
database: {name: sqlite3, args: {database: "${this.dir}/homeserver.db"}}
log_config: ${this.dir}/log.yaml
media_store_path: ${this.dir}/media
signing_key_path: ${this.dir}/signing.key
registration_shared_secret: "${this.secret}"
macaroon_secret_key: "${randomBytes(16).toString('hex')}"
form_secret: "${randomBytes(16).toString('hex')}"
report_stats: false
trusted_key_servers: []
federation_domain_whitelist: []
presence: {enabled: false}
max_upload_size: 20M
rc_message: ${options.rc_message || generous}
rc_login: {address: ${generous}, account: ${generous}, failed_attempts: ${generous}}
rc_joins: {local: ${generous}, remote: ${generous}}
rc_invites: {per_room: ${generous}, per_user: ${generous}, per_issuer: ${generous}}
rc_joins_per_room: ${generous}
${options.more || ''}
`);
        const keys = await run(PYTHON, ['-m', 'synapse.app.homeserver', '-c', this.config, '--generate-keys'], { cwd: this.dir });
        if (keys.code !== 0) throw new Error(keys.out);
        await this.spawn();
        return this;
    }

    async spawn() {
        this.process = new Process(PYTHON, ['-m', 'synapse.app.homeserver', '-c', this.config], { cwd: this.dir });
        await until('Synapse', async () => {
            if (this.process.exited) throw new Error(this.process.output.slice(-3000));
            return (await fetch(`${this.url}/_matrix/client/versions`)).ok;
        }, 120000);
    }

    /** By the shared-secret registration API. */
    async register(user, password) {
        const url = `${this.url}/_synapse/admin/v1/register`;
        const { nonce } = await (await fetch(url)).json();
        const mac = createHmac('sha1', this.secret).update([nonce, user, password, 'notadmin'].join('\0')).digest('hex');
        const a = await fetch(url, { method: 'POST', body: JSON.stringify({ nonce, username: user, password, mac, admin: false }) });
        if (!a.ok) throw new Error(await a.text());
        return a.json();
    }

    async close() {
        await this.process.end(15000);
        if (!process.env.DRAHT_KEEP) fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

module.exports = { Synapse, has };
