// What things are called, and what is said of them.
import { hourMinute, now, toSeconds } from './clock.js';

export const num = n => Math.round(n).toLocaleString('en-US');
export const plural = (n, one, many = `${one}s`) => `${num(n)} ${n === 1 ? one : many}`;
export const rate = n => n === null ? '–' : n < 10 && n % 1 ? n.toFixed(1) : num(n);
export const ms = n => n === null ? '–' : n < 10 ? n.toFixed(1) : num(n);
export const share = (n, all) => `${(n / all * 100).toFixed(1)} %`;

/** 15:21, with the day if that is another. */
export function when(t, clock = hourMinute) {
	const isToday = new Date(t).toDateString() === new Date(now()).toDateString();
	return isToday ? clock(t) : `${new Date(t).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clock(t)}`;
}
export const whenExactly = t => when(t, toSeconds);

/** 90 s, 5 min, 1 h 30 min. */
export function lasting(ms) {
	const s = Math.round(ms / 1_000), parts = [[s / 86_400 | 0, 'd'], [s / 3_600 % 24 | 0, 'h'], [s / 60 % 60 | 0, 'min'], [s % 60, 's']].filter(([n]) => n);
	return parts.map(([n, unit]) => `${n} ${unit}`).join(' ') || `${ms} ms`;
}

export const GENERATED = 'Pocket Curios';
export const nameOf = sale => sale.product?.name ?? GENERATED;
export const STATE = { open: 'Open', paused: 'Paused', scheduled: 'Not open yet', ended: 'Ended' };

const REFUSED = {
	'sold-out': 'Sold out for now', 'user-limit-reached': 'Over the limit', 'user-limit': 'Over the limit', 'sale-not-open': 'Not open yet', 'not-open': 'Not open yet',
	'sale-ended': 'Sale over', ended: 'Sale over', 'sale-paused': 'Paused', paused: 'Paused', 'sale-not-found': 'No such sale', 'unknown-sale': 'No such sale',
	'code-expired': 'Code ran out', 'code-not-found': 'No such code', 'code-already-used': 'Code used before', 'code-released': 'Code given back',
	'purchase-cancelled': 'Purchase cancelled', 'invalid-request': 'Not valid', overloaded: 'Overloaded', unavailable: 'Not available', 'too-many-requests': 'Too many requests',
	unauthorized: 'Not signed in', forbidden: 'Not theirs', granted: 'Granted', void: 'Came too late',
};
export const reasonOf = name => { const it = name.replaceAll('_', '-'); return REFUSED[it] ?? it.replaceAll('-', ' ').replace(/^./, c => c.toUpperCase()); };

const STORE = { ledger: 'Ledger', live: 'Live store' };
export const storeOf = name => STORE[name] ?? name;

/** What it means to buyers that a store does not answer. */
export const DOWN = {
	ledger: 'Nothing can be put on hold or bought: buyers are told 503 and to ask again. Nothing that was answered is lost. Orders, look-ups and the trail wait for it, too.',
	live: 'New checkouts are told 503 and to ask again. Units on hold can be bought. Nothing is lost.',
};

/** One word for a line in the picture. */
export const markOf = action => ({ 'sale-paused': 'Paused', 'sale-resumed': 'Resumed', 'sale-changed': 'Changed', 'sale-ended': 'Ended', 'purchase-cancelled': 'Cancelled' })[action.action];
