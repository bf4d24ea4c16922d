// What the page knows, and what the stream says, read with suspicion: what is no room is none.
import { isImage, isTime, priceOf } from './sale.js';

export const S = {
	is: 'loading', // or 'door': nobody is signed in; or 'in'
	me: null, // { name, role }
	link: 'wait', // or 'live', 'lost', 'full'
	room: null, // what the stream said last
	chosen: null, // the number of the sale that somebody chose
	span_s: 900, // how much of the sale is in the picture; 0: all of it
	sales: [], salesNext: null, trail: [], trailNext: null, products: [], productsNext: null,
	marks: [], // the trail of the sale that is shown
	isOld: false, // the lists could not be read anew
};

const STATES = ['scheduled', 'open', 'paused', 'ended'];
const isCount = n => Number.isSafeInteger(n) && n >= 0;
const number = n => typeof n === 'number' && Number.isFinite(n) ? n : null;
const text = t => typeof t === 'string' ? t : '';

export function saleOf(it) {
	const counts = ['id', 'stock', 'sold', 'held', 'per_user_limit'];
	if (!it || !counts.every(name => isCount(it[name])) || !isTime(it.starts_at) || !isTime(it.ends_at) || !it.stock) return null;
	return { ...it, state: STATES.includes(it.state) ? it.state : 'ended', starts: Date.parse(it.starts_at), ends: Date.parse(it.ends_at), known: isTime(it.known_at) ? Date.parse(it.known_at) : null, product: productOf(it.product) };
}

export function productOf(it) {
	if (!it || typeof it.sku !== 'string' || typeof it.name !== 'string') return null;
	return { sku: it.sku, name: it.name, image: isImage(it.image) ? it.image : null, price: it.price ?? null, costs: priceOf(it.price), metadata: it.metadata ?? null };
}

const latencyOf = it => ({ p50: number(it?.p50_ms), p99: number(it?.p99_ms) });

/** What an event of the stream says, or null. */
export function roomOf(it) {
	if (!it || !Array.isArray(it.sales) || !isTime(it.server_time)) return null;
	const list = of => Array.isArray(of) ? of.filter(Boolean) : [];
	return {
		at: Date.parse(it.server_time), operator: text(it.operator), role: text(it.role), sales: it.sales.map(saleOf).filter(Boolean), unknown: number(it.sales_unknown) ?? 0,
		checkouts: number(it.rates?.checkouts), purchases: number(it.rates?.purchases),
		refused: Object.entries(it.refused ?? {}).filter(([, n]) => number(n) > 0),
		latency: { checkout: latencyOf(it.latency?.checkout), purchase: latencyOf(it.latency?.purchase) },
		stores: list(it.stores).map(s => ({ name: text(s.name), state: text(s.state), ms: number(s.call_ms), why: text(s.why), since: isTime(s.changed_at) ? s.changed_at : null })),
		drift: it.drift ? { value: number(it.drift.units), at: isTime(it.drift.checked_at) ? it.drift.checked_at : null } : null,
		sweep_lag_ms: number(it.sweep_lag_ms), viewers: number(it.viewers),
		processes: list(it.processes).map(p => ({ id: text(p.id), address: text(p.address), seen: isTime(p.seen_at) ? Date.parse(p.seen_at) : null })),
	};
}

const byEnd = (a, b) => a.ends - b.ends || a.id - b.id;
export const isOn = sale => sale.state === 'open' || sale.state === 'paused';
export const mayAct = () => S.me?.role === 'operator';

/** A sale as it is now: as the stream has it, or else the list. */
export function saleNow(id) {
	const listed = S.sales.find(it => it.id === id), told = S.room?.sales.find(it => it.id === id);
	// The list knows more of a product than the stream does.
	return told ? { ...listed, ...told, product: listed?.product ?? told.product } : listed ?? null;
}

/** The sale that is shown: the one that was chosen, or else what is on, comes next, or was last. */
export function shown() {
	const chosen = S.chosen && saleNow(S.chosen);
	if (chosen) return chosen;
	const all = S.room?.sales ?? [], on = all.filter(isOn).sort(byEnd);
	const next = all.filter(it => it.state === 'scheduled').sort((a, b) => a.starts - b.starts);
	const it = on[0] ?? next[0] ?? all.toSorted((a, b) => b.ends - a.ends)[0] ?? S.sales[0];
	return it ? saleNow(it.id) : null;
}

/** What has a tab: what is on, and what is shown. */
export function tabs() {
	const on = (S.room?.sales ?? []).filter(isOn).sort(byEnd).map(it => saleNow(it.id)), it = shown();
	return it && !on.some(s => s.id === it.id) ? [...on, it] : on;
}

/** What stands in the way of work: the stores that do not answer, or take nothing. */
export const down = () => S.room?.stores.filter(it => it.state !== 'up') ?? [];
