// SPDX-License-Identifier: EUPL-1.2
// The log-in page.
import { useRef, useState } from 'preact/hooks';
import { ApiError } from '../shared/api';
import { t } from '../shared/i18n';
import { Icon } from './icon';
import { errorText, login } from './store';

export function Login() {
    const [error, setError] = useState('');
    const [waiting, setWaiting] = useState(false);
    const user = useRef<HTMLInputElement>(null);
    const password = useRef<HTMLInputElement>(null);

    async function submit(e: Event): Promise<void> {
        e.preventDefault();
        const name = user.current!.value.trim();
        if (!name || !password.current!.value) {
            setError(t('login.fill'));
            (name ? password : user).current!.focus();
            return;
        }
        setWaiting(true);
        setError('');
        try {
            await login(name, password.current!.value);
        } catch (failed) {
            setError(failed instanceof ApiError && failed.status === 401 ? t('login.failed') : errorText(failed));
            password.current?.focus();
        }
        setWaiting(false);
    }
    return (
        <main class="login">
            <form onSubmit={(e) => void submit(e)} noValidate aria-labelledby="login-title">
                <div class="brand"><Icon name="draht" /><b>Draht</b></div>
                <h1 id="login-title">{t('login.title')}</h1>
                {error && <div class="boxw bad" role="alert" id="login-error"><Icon name="circle-alert" /><p>{error}</p></div>}
                <label for="login-user">{t('login.user')}</label>
                <input id="login-user" ref={user} class="field" type="text" autocomplete="username" autocapitalize="none" spellcheck={false}
                    aria-invalid={!!error} aria-describedby={error ? 'login-error' : undefined} required autofocus />
                <label for="login-password">{t('login.password')}</label>
                <input id="login-password" ref={password} class="field" type="password" autocomplete="current-password"
                    aria-invalid={!!error} aria-describedby={error ? 'login-error' : undefined} required />
                <button class="btn primary" type="submit" aria-disabled={waiting}>{waiting ? t('login.waiting') : t('login.enter')}</button>
            </form>
        </main>
    );
}
