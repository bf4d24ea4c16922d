// How a sale stands, as it happens: the stream of the service, and while that is broken a look every
// few seconds. Nobody watches in a tab that nobody sees.
import { sale as look } from './api.js';
import { forget, heard } from './clock.js';
import { chance, parser, pause } from './events.js';
import { saleOf } from './sale.js';

const SILENCE_MS = 40_000, LOOK_MS = 4_000, LOOK_MS_MAX = 15_000, UNSEEN_MS = 10_000, FINAL_MS = 30_000;

/**
 * Watches a sale, or without a number whichever is on. `tell.sale(sale or null, why)` is called with what is so, and
 * `tell.link('live' | 'wait' | 'off')` with how it is known. Returns what ends it.
 */
export function watch(id, tell) {
	let stop = new AbortController(), unseen;
	const run = () => { stop = new AbortController(); follow(id, tell, stop.signal); };
	const onVisible = () => {
		clearTimeout(unseen);
		if (document.hidden) unseen = setTimeout(() => stop.abort(), UNSEEN_MS);
		else if (stop.signal.aborted) { forget(); run(); }
	};
	const onOffline = () => tell.link('off');
	const onOnline = () => { stop.abort(); run(); };
	document.addEventListener('visibilitychange', onVisible);
	addEventListener('online', onOnline);
	addEventListener('offline', onOffline);
	run();
	return () => {
		document.removeEventListener('visibilitychange', onVisible);
		removeEventListener('online', onOnline);
		removeEventListener('offline', onOffline);
		clearTimeout(unseen);
		stop.abort();
	};
}

async function follow(id, tell, signal) {
	let failures = 0, last = null, misses = 0;
	while (!signal.aborted) {
		const heardOf = await stream(id, last, tell, signal);
		if (signal.aborted) return;
		last = heardOf.last;
		failures = heardOf.events ? 0 : failures + 1;
		// One that was good is asked for again at once, as it told us to; one that never was, later.
		const until = performance.now() + (failures ? Math.min(30_000, chance(1_000, 4_000) * failures) : heardOf.retry_ms);
		do {
			misses = await lookOnce(id, tell, signal) ? 0 : misses + 1;
			// Nobody else looks at the same moments, and nothing more becomes of a sale that is over.
			const next = heardOf.isFinal ? Infinity : Math.min(LOOK_MS_MAX, LOOK_MS * Math.max(1, misses)) * chance(.75, 1.25);
			await pause(Math.min(next, Math.max(100, until - performance.now())), signal);
		} while (!signal.aborted && performance.now() < until);
	}
}

/** Returns whether there is a sale. */
async function lookOnce(id, tell, signal) {
	const answer = await look(id);
	if (signal.aborted) return;
	const sale = answer.kind === 'ok' ? saleOf(answer.body) : null;
	if (sale) tell.sale(sale);
	else if (answer.name === 'sale-not-found') tell.sale(null);
	// A service that says why it cannot tell is there: what is on hold can be bought.
	tell.link(sale || answer.name ? 'wait' : 'off');
	return !!sale;
}

/** One connection, to its end. */
async function stream(id, last, tell, signal) {
	const told = { events: 0, retry_ms: chance(1_000, 4_000), last };
	const silent = new AbortController(), both = AbortSignal.any([signal, silent.signal]);
	let timer, nonsense = 0;
	const alive = () => { clearTimeout(timer); timer = setTimeout(() => silent.abort(), SILENCE_MS); };
	const event = (kind, lines, id) => {
		if (kind === 'end') Object.assign(told, { retry_ms: FINAL_MS, isFinal: true });
		if (kind !== 'sale') return;
		let it = null;
		try { it = JSON.parse(lines); } catch { /* then it is none */ }
		const sale = saleOf(it);
		if (!sale) { if (++nonsense >= 3) { told.events = 0; silent.abort(); } return; }
		told.events++;
		told.last = id;
		heard(sale.server_time);
		tell.link('live');
		tell.sale(sale);
	};
	try {
		alive();
		const headers = { Accept: 'text/event-stream', ...last && { 'Last-Event-ID': last } };
		const response = await fetch(id ? `stream?sale=${id}` : 'stream', { headers, cache: 'no-store', signal: both });
		// It has said all that there is to say of this sale.
		if (response.status === 204) return { ...told, events: 1, retry_ms: FINAL_MS, isFinal: true };
		if (response.status !== 200 || !/event-stream/.test(response.headers.get('Content-Type'))) { response.body?.cancel(); return told; }
		// It says nothing as long as what we have is still so.
		if (last) { told.events = 1; tell.link('live'); }
		const take = parser(event, ms => { told.retry_ms = Math.min(Math.max(ms, 500), 10_000); });
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return told;
			alive();
			take(value);
		}
	} catch { return told; } finally { clearTimeout(timer); }
}
