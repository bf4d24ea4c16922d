// How it went: of each sale the minutes that the ledger has, and the seconds since this page watches; and the
// rates of all processes, of those seconds.
import { history } from './api.js';
import { isTime } from './sale.js';

/** A quarter of an hour, a second each; and of more sales than are shown at a time. */
const LIVE_MAX = 900, POINTS_MAX = 1_500, SALES_MAX = 48, PACE_SOLD_MIN = 3;
const ledger = new Map(), live = new Map();
export const rates = [];

/** Keeps the points of a sale, and forgets the sale that was silent longest if there are too many: a page may be open for days. */
function keep(all, id, points) {
	all.delete(id);
	all.set(id, points);
	if (all.size > SALES_MAX) all.delete(all.keys().next().value);
}

/** Keeps what the stream said. */
export function add(room) {
	const now = room.at;
	for (const { id, sold, held, known } of room.sales) {
		// What was known before is no point of now.
		const points = live.get(id) ?? [], t = Math.min(known ?? now, now);
		if (points.at(-1)?.t >= t) continue;
		points.push({ t, sold, held });
		keep(live, id, points);
		// The oldest goes where minutes are, one of sixty.
		if (points.length > LIVE_MAX) {
			const gone = points.shift(), minutes = ledger.get(id) ?? [];
			if (!(minutes.at(-1)?.t > gone.t - 60_000)) keep(ledger, id, [...minutes, gone].slice(-POINTS_MAX));
		}
	}
	const { checkouts, purchases, refused, latency: { checkout: { p50, p99 } } } = room;
	if (!(rates.at(-1)?.t >= now)) rates.push({ t: now, checkouts, purchases, refused, p50, p99 });
	if (rates.length > LIVE_MAX) rates.shift();
}

const isCount = n => Number.isSafeInteger(n) && n >= 0;

/** Asks the ledger how a sale went before. */
export async function recall(sale, until) {
	const minutes = Math.max(1, Math.ceil((Math.min(until, sale.ends) - sale.starts) / 60_000 / POINTS_MAX));
	const { kind, body } = await history(sale.id, minutes * 60_000);
	if (kind !== 'ok' || !Array.isArray(body.points)) return;
	const points = body.points.filter(p => p && isTime(p.seen_at) && isCount(p.sold) && isCount(p.held));
	keep(ledger, sale.id, points.map(p => ({ t: Date.parse(p.seen_at), sold: p.sold, held: p.held, checkouts: p.checkouts, refused: p.refused })).sort((a, b) => a.t - b.t));
}

/** The points of a sale, the oldest first. It began with nothing sold, if the first minutes are known. */
export function pointsOf(sale) {
	const seconds = live.get(sale.id) ?? [], minutes = (ledger.get(sale.id) ?? []).filter(p => !(p.t >= seconds[0]?.t));
	const points = [...minutes, ...seconds].filter(p => p.t >= sale.starts), first = points[0]?.t;
	return first > sale.starts && first - sale.starts < 150_000 ? [{ t: sale.starts, sold: 0, held: 0 }, ...points] : points;
}

/** When all will be sold at the pace of the last minute; null if that cannot be said. */
export function soldOutAt(sale, now) {
	const seconds = (live.get(sale.id) ?? []).filter(p => p.t >= now - 60_000), first = seconds[0], last = seconds.at(-1);
	// Nobody knows a pace from a purchase or two, nor when units on hold come back.
	if (!last || last.t - first.t < 10_000 || last.sold - first.sold < PACE_SOLD_MIN || last.sold + last.held >= sale.stock) return null;
	return last.t + (sale.stock - last.sold) / (last.sold - first.sold) * (last.t - first.t);
}

/** How often which refusal was given in the last minute, and how much of it is known. */
export function refusedOf(now) {
	const minute = rates.filter(p => p.t > now - 60_000), counts = new Map();
	for (const { refused } of minute) for (const [name, n] of refused) counts.set(name, (counts.get(name) ?? 0) + n);
	return { counts, seconds: minute.length ? Math.min(60, Math.max(1, Math.round((now - minute[0].t) / 1_000))) : 0 };
}
