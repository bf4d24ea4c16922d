// What the page asks of the service, and what became of each request: an answer, a refusal, or
// nothing that can be relied on.
import { heard } from './clock.js';

const PATIENCE_MS = 12_000;

let token = null;
export const setToken = it => { token = it; };

/**
 * `kind` is `ok`, `no` (the service refused; `name` says why), `busy` (nothing was done; ask later) or
 * `lost` (it may have been done).
 */
async function ask(method, path, headers = {}) {
	if (token) headers.Authorization = `Bearer ${token}`;
	let response, body = {};
	try {
		response = await fetch(path, { method, headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
		const text = await response.text();
		// A proxy in between may answer with a page of its own.
		if (/json/.test(response.headers.get('Content-Type'))) body = JSON.parse(text) ?? {};
	} catch {
		return { kind: 'lost', status: 0, body: {} };
	}
	const { status, ok } = response, waitS = Number(response.headers.get('Retry-After'));
	const answer = { status, body, wait_ms: waitS > 0 ? Math.min(waitS, 60) * 1000 : null };
	if (ok && (status === 204 || typeof body === 'object' && Object.keys(body).length)) {
		heard(body.server_time);
		return { ...answer, kind: 'ok' };
	}
	answer.name = typeof body.type === 'string' ? body.type.replace('/problems/', '') : '';
	// Without the words of the service nobody knows where the request ended.
	if (!answer.name || status >= 500 && body.may_have_been_done !== false || status === 408) return { ...answer, kind: 'lost' };
	return { ...answer, kind: status >= 500 || status === 429 ? 'busy' : 'no' };
}

const query = of => new URLSearchParams(of).toString();

export const sale = id => ask('GET', id ? `sales/${id}` : 'sales/current');
export const sales = state => ask('GET', `sales?${query({ state, limit: 8 })}`);
export const checkout = (sale, user, key) => ask('POST', `checkout?${query(user ? { user_id: user, id: sale } : { id: sale })}`, { 'Idempotency-Key': key });
export const purchase = code => ask('POST', `purchase?${query({ code })}`, { 'Idempotency-Key': code });
export const release = code => ask('DELETE', `checkout?${query({ code })}`);
export const codeNow = code => ask('GET', `checkouts/${code}`);
export const receipt = code => ask('GET', `purchases/${code}`);
export const me = (sale, user) => ask('GET', `me?${query(user ? { sale, user_id: user } : { sale })}`);
