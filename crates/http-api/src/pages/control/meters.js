// What the whole service does: how much, how fast, what it refuses, and whether all that it needs is well.
import { chart, stat } from './chart.js';
import { now, toSeconds } from './clock.js';
import { $, el, set } from './dom.js';
import { fill } from './lists.js';
import { rates, refusedOf } from './points.js';
import { S } from './room.js';
import { lasting, ms, num, plural, rate, reasonOf, storeOf, whenExactly } from './words.js';

const SPAN_MS = 900_000, GAP_MS = 5_000, MEAN = 5, SILENT_MS = 3_500, DRIFT_OLD_MS = 60_000;
/** What is always named: an empty panel would not say what it is for. */
const USUAL = ['sold-out', 'user-limit-reached', 'sale-paused', 'code-expired', 'overloaded', 'unavailable'];
let flow, speed;

export function start() {
	flow = chart($('flow'), [{ is: 'line', name: 'first', of: p => p.checkouts }, { is: 'line', name: 'second', of: p => p.purchases }]);
	speed = chart($('speed'), [{ is: 'line', name: 'first', of: p => p.p50 }, { is: 'line', name: 'second', of: p => p.p99 }]);
}

/** The mean of the last seconds: single ones dance. */
const mean = (points, i, name) => {
	const some = points.slice(Math.max(0, i - MEAN + 1), i + 1).map(p => p[name]).filter(n => n !== null);
	return some.length && points[i][name] !== null ? some.reduce((sum, n) => sum + n, 0) / some.length : null;
};

export function draw() {
	const { room } = S;
	if (!room) return;
	const at = S.link === 'live' ? now() : room.at, from = Math.max(at - SPAN_MS, Math.min(rates[0]?.t ?? at, at - 60_000)), seen = rates.filter(p => p.t >= from - GAP_MS);
	const points = seen.map((p, i) => ({ t: p.t, checkouts: mean(seen, i, 'checkouts'), purchases: mean(seen, i, 'purchases'), p50: p.p50, p99: p.p99 }));
	flow.draw({ points, from, to: at, gap_ms: GAP_MS });
	// Between two answers there may be nothing to time.
	speed.draw({ points: points.filter(p => p.p50 !== null), from, to: at, gap_ms: 30_000 });
	$('flowStats').replaceChildren(stat('l', 'Checkouts', rate(room.checkouts)), stat('d', 'Purchases', rate(room.purchases)));
	const { checkout: c, purchase: p } = room.latency;
	$('speedStats').replaceChildren(stat('l', 'Checkout p50', ms(c.p50), 'ms'), stat('d', 'p99', ms(c.p99), 'ms'), stat('', 'Purchase p50', ms(p.p50), 'ms'), stat('', 'p99', ms(p.p99), 'ms'));
	$('flow').ariaLabel = `Since ${toSeconds(from)}. Now ${rate(room.checkouts)} checkouts and ${rate(room.purchases)} purchases a second.`;
	$('speed').ariaLabel = `Of a checkout, since ${toSeconds(from)}. Now half within ${ms(c.p50)} ms, and 99 of 100 within ${ms(c.p99)} ms.`;
	refused(at); health(room, at);
}

function refused(at) {
	const { counts, seconds } = refusedOf(at), names = [...new Set([...USUAL, ...counts.keys()])];
	set($('refusedT'), seconds >= 60 ? 'Refused, last minute' : `Refused, last ${seconds} s`);
	const rows = names.map(name => [reasonOf(name), counts.get(name) ?? 0]), top = Math.max(100, ...rows.map(([, n]) => n));
	fill('refused', [rows, top], () => rows.map(([name, n]) => el('tr', { className: n ? '' : 'zero' }, el('th', { scope: 'row' }, name, meter(n, top)), el('td', { textContent: num(n) }))));
}

const meter = (value, max) => { const m = el('meter', { max, value }); m.ariaHidden = 'true'; return m; };

const WORD = { bad: 'down', wait: 'waiting' };

function health(room, at) {
	const rows = [...room.stores.map(store), agreement(room.drift, at), sweep(room.sweep_lag_ms), processes(room.processes, at), ['ok', 'Viewers', room.viewers === null ? '–' : num(room.viewers), 'Pages of buyers that are open']];
	fill('health', rows, () => rows.map(([is, name, value, more]) => el('li', {}, el('i', { className: `dot ${is}` }), el('b', { textContent: name }), el('span', {}, value, ...is === 'ok' ? [] : [el('span', { className: 'vh', textContent: ` (${WORD[is]})` })]), el('small', { textContent: more }))));
}

function store({ name, state, ms: mean, why, since }) {
	const is = state === 'up' ? 'ok' : 'bad', what = { up: mean === null ? 'up' : `${ms(mean)} ms`, refuses: 'takes nothing' }[state] ?? 'no answer';
	return [is, storeOf(name), what, `${is === 'ok' ? 'No failure seen' : 'So'}${since ? ` since ${whenExactly(since)}` : ''}${why ? `: ${why}` : ''}`];
}

function agreement(drift, at) {
	if (!drift || drift.value === null) return ['wait', 'Agreement', 'not known', 'The stores were not compared yet'];
	const isOld = drift.at && at - Date.parse(drift.at) > DRIFT_OLD_MS, compared = drift.at ? `, ${whenExactly(drift.at)}` : '';
	if (drift.value) return ['bad', 'Agreement', `drift ${num(drift.value)}`, `The stores count differently${compared}`];
	return [isOld ? 'wait' : 'ok', 'Agreement', 'drift 0', `${isOld ? 'Last time b' : 'B'}oth stores counted the same${compared}`];
}

const sweep = lag => lag === null ? ['wait', 'Sweep', 'not yet', 'No hold was looked at yet'] : [lag > 10_000 ? 'wait' : 'ok', 'Sweep', lag < 1_000 ? `${num(lag)} ms` : lasting(lag), 'How long holds outlast their time, at most'];

function processes(all, at) {
	const silent = all.filter(p => p.seen !== null && at - p.seen > SILENT_MS), names = all.map(p => `${p.address || p.id.slice(0, 8)}${silent.includes(p) ? ` last seen ${toSeconds(p.seen)}` : ''}`);
	return [silent.length || !all.length ? 'wait' : 'ok', 'Processes', silent.length ? `${all.length - silent.length} of ${all.length}` : num(all.length), names.slice(0, 6).join(', ') + (names.length > 6 ? ` and ${plural(names.length - 6, 'other')}` : '')];
}
