// What becomes of units while nobody presses anything: their time runs out, and operators take them back.
import { look } from './actions.js';
import { inWords, secondsTo } from './clock.js';
import { alarm } from './dom.js';
import { chance } from './events.js';
import { S, holds, isOut, picked } from './state.js';

const WARN_S = [60, 20], SOON_MS = 2_000, NOW_AND_THEN_MS = [45_000, 75_000], LATEST_MS = 15_000;
/** By codes: the seconds that were left, when it is looked at next, whether it is being, and how often since it was due. */
const known = new Map();

/** What has a time that runs, and the receipt that is shown. */
const followed = () => { const u = picked(); return u?.is === 'bought' ? [...holds(), u] : holds(); };

function entry(u) {
	const it = known.get(u.code) ?? { s: Infinity, at: performance.now() + chance(...NOW_AND_THEN_MS), tries: 0 };
	known.set(u.code, it);
	return it;
}

/** Once a second. */
export function tick() {
	const all = followed();
	for (const code of known.keys()) if (!all.some(u => u.code === code)) known.delete(code);
	all.forEach(follow);
}

/** Whoever comes back to the tab sees soon what is so. */
export const soon = () => { for (const it of followed().map(entry)) it.at = Math.min(it.at, performance.now() + chance(0, SOON_MS)); };

function follow(u) {
	const it = entry(u), s = u.is === 'held' ? secondsTo(Date.parse(u.expires_at)) : Infinity;
	if (s > 0 && WARN_S.some(limit => s <= limit && it.s > limit)) alarm(`${inWords(s)} left to buy ${u.name}.`);
	// The service ends a hold, not this clock: it is asked, and not by all whose time ends at this moment at once.
	if (s === 0 && it.s > 0) it.at = Math.min(it.at, performance.now() + chance(0, SOON_MS));
	it.s = s;
	if (!it.isAsked && performance.now() >= it.at && !isOut() && !S.requests.get(u.code)?.isBusy && !(document.hidden && s)) ask(u, it);
}

async function ask(u, it) {
	it.isAsked = true;
	await look(u);
	it.isAsked = false;
	it.at = performance.now() + (it.s ? chance(...NOW_AND_THEN_MS) : Math.min(LATEST_MS, chance(.8, 1.2) * SOON_MS * ++it.tries));
}
