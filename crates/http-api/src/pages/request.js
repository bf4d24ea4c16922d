// A request to the service, and what became of it: an answer, a refusal, or nothing that can be relied on.
import { heard } from './clock.js';

const PATIENCE_MS = 12_000;

/**
 * `kind` is `ok`, `no` (the service refused; `name` says why), `busy` (nothing was done; ask later) or
 * `lost` (it may have been done).
 */
export async function ask(method, path, headers = {}, body) {
	let response, read = {};
	try {
		response = await fetch(path, { method, headers, body, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
		const text = await response.text();
		// A proxy in between may answer with a page of its own.
		if (/json/.test(response.headers.get('Content-Type'))) read = JSON.parse(text) ?? {};
	} catch {
		return { kind: 'lost', status: 0, body: {} };
	}
	const { status, ok } = response, waitS = Number(response.headers.get('Retry-After'));
	const answer = { status, body: read, wait_ms: waitS > 0 ? Math.min(waitS, 60) * 1000 : null };
	if (ok && (status === 204 || typeof read === 'object' && Object.keys(read).length)) {
		heard(read.server_time);
		return { ...answer, kind: 'ok' };
	}
	answer.name = typeof read.type === 'string' ? read.type.replace('/problems/', '') : '';
	// Without the words of the service nobody knows where the request ended.
	if (!answer.name || status >= 500 && read.may_have_been_done !== false || status === 408) return { ...answer, kind: 'lost' };
	return { ...answer, kind: status >= 500 || status === 429 ? 'busy' : 'no' };
}

export const query = of => new URLSearchParams(of).toString();

/** A name for a request. Where the page is not served over TLS, browsers have no randomUUID. */
export const drawn = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((n, i) => ([4, 6, 8, 10].includes(i) ? '-' : '') + n.toString(16).padStart(2, '0')).join('');
