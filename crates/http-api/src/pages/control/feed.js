// The room as it is, each second: the stream of the operators' API. Nobody watches in a tab that nobody sees.
import { forget, heard } from './clock.js';
import { chance, parser, pause } from './events.js';
import { roomOf } from './room.js';

/** It speaks each second: whoever says nothing for so long is gone. */
const SILENCE_MS = 6_000, UNSEEN_MS = 10_000;

/**
 * Watches, from now on. `tell.room(room)` is called with what is so, `tell.link('live' | 'lost' | 'full')` with how it is
 * known, and `tell.out()` when whoever watches is not let in any more, and `tell.again()` when
 * it goes on after nobody looked. Returns what ends it.
 */
export function watch(tell) {
	let stop = new AbortController(), unseen;
	const run = () => { stop = new AbortController(); follow(tell, stop.signal); };
	const onVisible = () => {
		clearTimeout(unseen);
		if (document.hidden) unseen = setTimeout(() => stop.abort(), UNSEEN_MS);
		else if (stop.signal.aborted) { forget(); tell.again(); run(); }
	};
	const onOnline = () => { stop.abort(); run(); };
	document.addEventListener('visibilitychange', onVisible);
	addEventListener('online', onOnline);
	run();
	return () => {
		document.removeEventListener('visibilitychange', onVisible);
		removeEventListener('online', onOnline);
		clearTimeout(unseen);
		stop.abort();
	};
}

async function follow(tell, signal) {
	let failures = 0;
	while (!signal.aborted) {
		const { events, is } = await stream(tell, signal);
		if (signal.aborted) return;
		if (is === 'out') return tell.out();
		failures = events ? 0 : failures + 1;
		tell.link(is);
		await pause(failures < 2 ? chance(500, 1_500) : Math.min(15_000, chance(1_000, 2_000) * failures), signal);
	}
}

/** One connection, to its end. */
async function stream(tell, signal) {
	const told = { events: 0, is: 'lost' };
	const silent = new AbortController(), both = AbortSignal.any([signal, silent.signal]);
	let timer, nonsense = 0;
	const alive = () => { clearTimeout(timer); timer = setTimeout(() => silent.abort(), SILENCE_MS); };
	const event = (kind, lines) => {
		// Whoever comes back then is told why.
		if (kind === 'end') return;
		let it = null;
		try { it = JSON.parse(lines); } catch { /* then it is none */ }
		const room = roomOf(it);
		if (!room) { if (++nonsense >= 3) { told.events = 0; silent.abort(); } return; }
		told.events++;
		heard(it.server_time);
		tell.link('live');
		tell.room(room);
	};
	try {
		alive();
		const response = await fetch('admin/stream', { headers: { Accept: 'text/event-stream' }, cache: 'no-store', signal: both });
		if (response.status === 401) told.is = 'out';
		else if (response.status === 503 && /overloaded/.test(await response.clone().text())) told.is = 'full';
		if (response.status !== 200 || !/event-stream/.test(response.headers.get('Content-Type'))) { response.body?.cancel(); return told; }
		const take = parser(event, () => {});
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return told;
			alive();
			take(value);
		}
	} catch { return told; } finally { clearTimeout(timer); }
}
