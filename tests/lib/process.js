// SPDX-License-Identifier: EUPL-1.2
// Processes of a test: started with a folder of their own, watched by their lines, ended by their own id.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

/** A folder that other users (postfix, vmail) may enter; removed by cleanup(). */
function scratch(name) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), `draht-${name}-`));
    fs.chmodSync(dir, 0o755);
    return dir;
}

/** A TCP port on loopback that was free a moment ago. */
function freePort() {
    return new Promise((resolve, reject) => {
        const s = net.createServer();
        s.on('error', reject);
        s.listen(0, '127.0.0.1', () => {
            const { port } = s.address();
            s.close(() => resolve(port));
        });
    });
}

/** Waits until check() gives something true; fails with what after limit_ms. No fixed waits. */
async function until(what, check, limit_ms = 15000) {
    const end = Date.now() + limit_ms;
    let last;
    for (;;) {
        try {
            const v = await check();
            if (v) return v;
            last = undefined;
        } catch (e) {
            last = e;
        }
        if (Date.now() > end) throw new Error(`waited ${limit_ms} ms for: ${what}${last ? ` (${last.message})` : ''}`);
        await new Promise((r) => setTimeout(r, 25));
    }
}

/** A child with its collected output; end() sends TERM, then KILL, and waits. */
class Process {
    constructor(command, args, options = {}) {
        this.name = path.basename(command);
        this.output = '';
        this.exited = false;
        this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
        const keep = (chunk) => {
            this.output = (this.output + chunk).slice(-400000);
        };
        this.child.stdout.on('data', keep);
        this.child.stderr.on('data', keep);
        this.done = new Promise((resolve) => {
            this.child.on('error', (e) => {
                this.output += String(e);
                this.exited = true;
                resolve(-1);
            });
            this.child.on('exit', (code, signal) => {
                this.exited = true;
                this.code = code;
                this.signal = signal;
                resolve(code ?? signal);
            });
        });
    }

    get pid() {
        return this.child.pid;
    }

    /** Resolves with the match once the output has it; rejects when the process ends first. */
    async line(pattern, limit_ms = 15000) {
        return until(`${this.name} to print ${pattern}\n${this.output.slice(-2000)}`, () => {
            const m = this.output.match(pattern);
            if (!m && this.exited) throw new Error(`${this.name} ended (${this.code ?? this.signal}):\n${this.output.slice(-3000)}`);
            return m;
        }, limit_ms);
    }

    kill(signal) {
        if (!this.exited) this.child.kill(signal);
    }

    async end(grace_ms = 12000) {
        this.kill('SIGTERM');
        const late = setTimeout(() => this.kill('SIGKILL'), grace_ms);
        const code = await this.done;
        clearTimeout(late);
        return code;
    }
}

/** kill -9 for what was started under this path, which nobody else uses; how many there were. */
function killProgram(file) {
    let n = 0;
    for (const pid of fs.readdirSync('/proc').filter((p) => /^\d+$/.test(p))) {
        try {
            if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(file)) continue;
            process.kill(Number(pid), 'SIGKILL');
            n++;
        } catch {
            // It ended meanwhile.
        }
    }
    return n;
}

/** Runs to the end; {code, out}. */
async function run(command, args, options = {}) {
    const p = new Process(command, args, options);
    const code = await p.done;
    return { code, out: p.output };
}

module.exports = { scratch, freePort, until, Process, killProgram, run };
