// SPDX-License-Identifier: EUPL-1.2
// Real mail peers on loopback and ephemeral ports: Postfix relaying to our LMTP and taking our replies, Dovecot as the
// citizen's mailbox. Both run in the foreground in a scratch folder and need root.
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { scratch, freePort, until, Process, run } = require('./process');

const connects = (port) => new Promise((resolve) => {
    const s = net.connect(port, '127.0.0.1');
    s.on('connect', () => {
        s.destroy();
        resolve(true);
    });
    s.on('error', () => resolve(false));
});

class Dovecot {
    /** relay_port: offers submission, relaying there; oauth_port: access tokens are checked by introspection there. */
    async start(relay_port = 0, oauth_port = 0) {
        this.dir = scratch('dovecot');
        for (const d of ['run', 'state', 'mail']) fs.mkdirSync(path.join(this.dir, d));
        try {
            execFileSync('id', ['vmail'], { stdio: 'ignore' });
        } catch {
            execFileSync('useradd', ['-r', '-M', 'vmail']);
        }
        execFileSync('chown', ['vmail', path.join(this.dir, 'mail')]);
        await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext',
            'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', path.join(this.dir, 'key.pem'), '-out', path.join(this.dir, 'cert.pem')]);
        this.ca = path.join(this.dir, 'cert.pem');
        this.imap = await freePort();
        this.imaps = await freePort();
        this.lmtp = await freePort();
        this.submission = await freePort();
        const submission = relay_port ? `submission_relay_host = 127.0.0.1
submission_relay_port = ${relay_port}
submission_relay_trusted = no
submission_relay_ssl = no
service submission-login {
  chroot =
  inet_listener submission {
    port = ${this.submission}
  }
}` : '';
        const oauth = oauth_port ? `passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${this.dir}/oauth2.conf
}` : '';
        if (oauth_port) fs.writeFileSync(path.join(this.dir, 'oauth2.conf'), `introspection_url = http://127.0.0.1:${oauth_port}/introspect
introspection_mode = post
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
`);
        fs.writeFileSync(path.join(this.dir, 'dovecot.conf'), `base_dir = ${this.dir}/run
state_dir = ${this.dir}/state
log_path = /dev/stderr
info_log_path = /dev/stderr
protocols = imap lmtp${relay_port ? ' submission' : ''}
listen = 127.0.0.1
ssl = yes
ssl_cert = <${this.dir}/cert.pem
ssl_key = <${this.dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login${oauth_port ? ' xoauth2 oauthbearer' : ''}
mail_location = maildir:${this.dir}/mail/%u
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 100
recipient_delimiter = +
default_internal_user = dovecot
default_login_user = dovenull
hostname = imap.lab.test
${submission}
${oauth}
passdb {
  driver = static
  mechanisms = plain login
  args = password=geheim
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=${this.dir}/mail/%u allow_all_users=yes
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${this.imap}
  }
  inet_listener imaps {
    port = ${this.imaps}
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${this.lmtp}
  }
  user = vmail
}
service anvil {
  chroot =
}
`);
        this.process = new Process('dovecot', ['-F', '-c', path.join(this.dir, 'dovecot.conf')]);
        await until('Dovecot', async () => {
            if (this.process.exited) throw new Error(this.process.output);
            return (await connects(this.imap)) && (await connects(this.lmtp)) && (!relay_port || (await connects(this.submission)));
        });
        return this;
    }

    /** Raw mails in a mailbox, oldest first. */
    mails(user) {
        const out = [];
        for (const d of ['new', 'cur']) {
            const dir = path.join(this.dir, 'mail', user, d);
            if (fs.existsSync(dir)) for (const f of fs.readdirSync(dir)) out.push(fs.readFileSync(path.join(dir, f), 'utf8'));
        }
        return out;
    }

    async close() {
        await this.process.end(5000);
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

class Postfix {
    /** Mail to stadt.test goes to lmtp_port (Draht), to buerger.test to citizen_lmtp_port (Dovecot). */
    async start(lmtp_port, citizen_lmtp_port) {
        this.dir = scratch('postfix');
        this.smtp = await freePort();
        for (const d of ['etc', 'spool', 'data']) fs.mkdirSync(path.join(this.dir, d));
        execFileSync('chown', ['-R', 'postfix', path.join(this.dir, 'data')]);
        fs.writeFileSync(path.join(this.dir, 'etc', 'main.cf'), `compatibility_level = 3.6
queue_directory = ${this.dir}/spool
data_directory = ${this.dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.lab.test
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = stadt.test
virtual_transport = lmtp:inet:127.0.0.1:${lmtp_port}
virtual_mailbox_maps = static:ok
relay_domains =
default_transport = error:no outside world
transport_maps = inline:{ { buerger.test=lmtp:inet:127.0.0.1:${citizen_lmtp_port} } }
recipient_delimiter = +
smtputf8_enable = yes
maillog_file = ${this.dir}/mail.log
maillog_file_prefixes = ${this.dir}
smtp_tls_security_level = none
lmtp_destination_concurrency_limit = 5
message_size_limit = 26214400
alias_maps =
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
smtpd_forbid_bare_newline = yes
smtpd_forbid_bare_newline_exclusions =
`);
        fs.writeFileSync(path.join(this.dir, 'etc', 'master.cf'), `${this.smtp} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
`);
        await run('postfix', ['-c', path.join(this.dir, 'etc'), 'check']);
        this.process = new Process('postfix', ['-c', path.join(this.dir, 'etc'), 'start-fg']);
        await until('Postfix', async () => {
            if (this.process.exited) throw new Error(this.process.output);
            return connects(this.smtp);
        });
        return this;
    }

    async close() {
        await run('postfix', ['-c', path.join(this.dir, 'etc'), 'stop']);
        await this.process.end(5000);
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

/** One mail through swaks; {code, out}. headers replace or add to the usual ones; data: the whole mail instead; from '': <>. */
function swaks(port, o) {
    if (o.data !== undefined) {
        const file = path.join(scratch('swaks'), 'mail');
        fs.writeFileSync(file, o.data);
        return run('swaks', ['--server', `127.0.0.1:${port}`, '--protocol', o.protocol || 'ESMTP', '--helo', 'citizen.test', '--from', o.from || '<>', '--to', o.to, '--data', file, '--timeout', '20']);
    }
    const given = new Map([['From', `<${o.from}>`], ['To', o.to], ['Subject', o.subject || 'Anfrage'], ['Message-ID', `<${randomUUID()}@buerger.test>`], ['Date', new Date().toUTCString()]]);
    for (const h of o.headers || []) given.set(h.slice(0, h.indexOf(':')), h.slice(h.indexOf(':') + 1).trim());
    const head = [...given].map(([k, v]) => `${k}: ${v}`).join('\\n');
    const text = o.attach ? ['--header', `Subject: ${given.get('Subject')}`, '--body', o.body || 'Guten Tag', '--attach', o.attach] : ['--data', `${head}\\n\\n${o.body || 'Guten Tag'}\\n`];
    return run('swaks', ['--server', `127.0.0.1:${port}`, '--protocol', o.protocol || 'ESMTP', '--helo', 'citizen.test', '--from', o.from, '--to', o.to, ...text, '--timeout', '20']);
}

/** The texts of the mails that a gateway without a relay has put into its Maildir. */
function outgoing(gateway) {
    const dir = path.join(gateway.state, 'outgoing', 'new');
    if (!fs.existsSync(dir)) return [];
    return fs.readdirSync(dir).map((f) => fs.readFileSync(path.join(dir, f), 'utf8'));
}

module.exports = { Dovecot, Postfix, swaks, connects, outgoing };
